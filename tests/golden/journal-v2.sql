-- A journal as version 2 of the events wrote it. Never edited: see tests/unit/store/test_golden_journal.py
BEGIN TRANSACTION;
CREATE TABLE events (seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL);
INSERT INTO "events" VALUES(1,'ExperimentCreated','{"at":1700000000.0,"id":"cd","version":"0.2.0","objective":{"metric":"accuracy - 0.1 * latency","direction":"maximize","formula":"accuracy - 0.1 * latency","weight":2.0,"threshold":-1.0},"fidelity":{"key":"train.iterations","low":1,"high":9,"resumable":false,"unit":"iteration"},"seed":7,"algorithm":"asha","platform":"local","skill":"train-toy","digest":"0123abcd","arguments":{"automl_settings":{"seed":7}},"space":[{"name":"lr","low":0.0001,"high":1.0}],"total_trials":3,"others":[{"metric":"latency","direction":"minimize","weight":0.5,"threshold":30.0}],"constraints":[{"left":"size","right":"20","at_most":true},{"left":"accuracy","right":"0.5 * baseline","at_most":false}],"scored_by_evaluation":true,"known":[{"source":"earlier","params":{"lr":0.1},"values":{"9":{"accuracy":0.5,"latency":2.0,"size":8.0}}}]}');
INSERT INTO "events" VALUES(2,'RunnerAttached','{"at":1700000001.0,"host":"host","pid":42}');
INSERT INTO "events" VALUES(3,'JobRequested','{"at":1700000002.0,"trial":-1,"purpose":"baseline","budget":0,"attempt":1,"spec":{"key":"cd-base-baseline-a1","command":["python","code/train.py"],"files":{"spec.yaml":"train:\n  lr: 0.001\n"},"code":"/skills/train-toy","inputs":{"dataset.train":"/data/train"},"env":{"OMP_NUM_THREADS":"4"},"secrets":["HF_TOKEN"],"image":"nvcr.io/x/y:2","gpus":2,"nodes":3,"time_limit":60.0}}');
INSERT INTO "events" VALUES(4,'JobSubmitted','{"at":1700000003.0,"key":"cd-base-baseline-a1","handle":"handle/0"}');
INSERT INTO "events" VALUES(5,'JobStarted','{"at":1700000004.0,"key":"cd-base-baseline-a1","started_at":1700000004.0}');
INSERT INTO "events" VALUES(6,'MetricReported','{"at":1700000005.0,"key":"cd-base-baseline-a1","epoch":0,"values":{"accuracy":0.5,"latency":8.0,"size":10.0},"cursor":1,"source":"metrics.json"}');
INSERT INTO "events" VALUES(7,'JobEnded','{"at":1700000006.0,"key":"cd-base-baseline-a1","state":"SUCCEEDED","ended_at":1700000006.0,"exit_code":0,"results_path":"/runs/cd-base-baseline-a1/results"}');
INSERT INTO "events" VALUES(8,'BaselineSettled','{"at":1700000006.0,"evaluation":{"status":"measured","metric_name":"test_accuracy","metric_value":0.5,"values":{"accuracy":0.5,"latency":8.0,"size":10.0},"job_id":"cd-base-baseline-a1","record_path":"evaluations/baseline.json","source":"evaluate action","reason":"of the base model","direction":"maximize"}}');
INSERT INTO "events" VALUES(9,'TrialStarted','{"at":1700000007.0,"trial":0,"params":{"lr":0.001},"signature":"aa","budget":9,"origin":"default"}');
INSERT INTO "events" VALUES(10,'JobRequested','{"at":1700000007.0,"trial":0,"purpose":"train","budget":9,"attempt":1,"spec":{"key":"cd-t0000-e9-a1","command":["python","code/train.py"],"files":{"spec.yaml":"train:\n  lr: 0.001\n"},"code":"/skills/train-toy","inputs":{"dataset.train":"/data/train"},"env":{"OMP_NUM_THREADS":"4"},"secrets":["HF_TOKEN"],"image":"nvcr.io/x/y:2","gpus":2,"nodes":3,"time_limit":60.0},"not_before":1700000007.5,"adjustments":[{"type":"effective_batch_cap","key":"train.batch_size","from":64,"to":10,"sample_count":20,"shards":2,"reason":"64 x 2 is more than the 20 samples"}]}');
INSERT INTO "events" VALUES(11,'JobSubmitted','{"at":1700000008.0,"key":"cd-t0000-e9-a1","handle":"handle/1"}');
INSERT INTO "events" VALUES(12,'JobStarted','{"at":1700000009.0,"key":"cd-t0000-e9-a1","started_at":1700000009.0}');
INSERT INTO "events" VALUES(13,'MetricReported','{"at":1700000010.0,"key":"cd-t0000-e9-a1","epoch":1,"values":{"loss":null},"cursor":3,"source":"train/status.json"}');
INSERT INTO "events" VALUES(14,'JobEnded','{"at":1700000019.0,"key":"cd-t0000-e9-a1","state":"SUCCEEDED","ended_at":1700000019.0,"exit_code":0,"results_path":"/runs/cd-t0000-e9-a1/results","checkpoint":"iteration_9.pth"}');
INSERT INTO "events" VALUES(15,'JobRequested','{"at":1700000020.0,"trial":0,"purpose":"evaluate","budget":9,"attempt":1,"spec":{"key":"cd-t0000-evaluate9-a1","command":["python","code/train.py"],"files":{"spec.yaml":"train:\n  lr: 0.001\n"},"code":"/skills/train-toy","inputs":{"dataset.train":"/data/train"},"env":{"OMP_NUM_THREADS":"4"},"secrets":["HF_TOKEN"],"resume_from":"cd-t0000-e9-a1","image":"nvcr.io/x/y:2","gpus":2,"nodes":3,"time_limit":60.0}}');
INSERT INTO "events" VALUES(16,'MetricReported','{"at":1700000021.0,"key":"cd-t0000-evaluate9-a1","epoch":9,"values":{"accuracy":0.75,"latency":2.0,"size":16.0},"cursor":9}');
INSERT INTO "events" VALUES(17,'JobEnded','{"at":1700000022.0,"key":"cd-t0000-evaluate9-a1","state":"SUCCEEDED","ended_at":1700000022.0,"exit_code":0,"results_path":"/runs/cd-t0000-evaluate9-a1/results"}');
INSERT INTO "events" VALUES(18,'TrialSettled','{"at":1700000022.0,"trial":0,"state":"completed","value":0.55,"values":{"accuracy":0.75,"latency":2.0,"size":16.0}}');
INSERT INTO "events" VALUES(19,'FeedbackGiven','{"at":1700000023.0,"trial":0,"feedback":{"comment":"slow","worst":["a",null,0.5,true]}}');
INSERT INTO "events" VALUES(20,'CheckpointsReleased','{"at":1700000023.0,"key":"cd-t0000-e9-a1","paths":["iteration_1.pth","deep/iteration_2.pth"]}');
INSERT INTO "events" VALUES(21,'CheckpointsDeleted','{"at":1700000024.0,"key":"cd-t0000-e9-a1"}');
INSERT INTO "events" VALUES(22,'RunnerDetached','{"at":1700000025.0,"reason":"interrupted by the user"}');
INSERT INTO "events" VALUES(23,'RunnerAttached','{"at":1700000035.0,"host":"other","pid":43}');
INSERT INTO "events" VALUES(24,'TrialStarted','{"at":1700000036.0,"trial":1,"params":{"lr":0.1},"signature":"bb","budget":1,"origin":"user","parent":0}');
INSERT INTO "events" VALUES(25,'JobRequested','{"at":1700000036.0,"trial":1,"purpose":"train","budget":1,"attempt":1,"spec":{"key":"cd-t0001-e1-a1","command":["python","code/train.py"],"files":{"spec.yaml":"train:\n  lr: 0.001\n"},"code":"/skills/train-toy","inputs":{"dataset.train":"/data/train"},"env":{"OMP_NUM_THREADS":"4"},"secrets":["HF_TOKEN"],"resume_from":"cd-t0000-e9-a1","image":"nvcr.io/x/y:2","gpus":2,"nodes":3,"time_limit":60.0}}');
INSERT INTO "events" VALUES(26,'JobEnded','{"at":1700000037.0,"key":"cd-t0001-e1-a1","state":"SUCCEEDED","ended_at":1700000037.0,"exit_code":0,"results_path":"/runs/cd-t0001-e1-a1/results","checkpoint":"iteration_1.pth"}');
INSERT INTO "events" VALUES(27,'JobRequested','{"at":1700000037.0,"trial":1,"purpose":"evaluate","budget":1,"attempt":1,"spec":{"key":"cd-t0001-evaluate1-a1","command":["python","code/train.py"],"files":{"spec.yaml":"train:\n  lr: 0.001\n"},"code":"/skills/train-toy","inputs":{"dataset.train":"/data/train"},"env":{"OMP_NUM_THREADS":"4"},"secrets":["HF_TOKEN"],"resume_from":"cd-t0001-e1-a1","image":"nvcr.io/x/y:2","gpus":2,"nodes":3,"time_limit":60.0}}');
INSERT INTO "events" VALUES(28,'JobEnded','{"at":1700000038.0,"key":"cd-t0001-evaluate1-a1","state":"SUCCEEDED","ended_at":1700000038.0,"exit_code":0,"results_path":"/runs/cd-t0001-evaluate1-a1/results"}');
INSERT INTO "events" VALUES(29,'TrialSettled','{"at":1700000038.0,"trial":1,"state":"completed","value":0.2,"values":{"accuracy":0.25,"latency":0.5,"size":25.0}}');
INSERT INTO "events" VALUES(30,'CallbackFailed','{"at":1700000039.0,"callback":"feedback_fn","trial":1,"message":"the answer is None"}');
INSERT INTO "events" VALUES(31,'TrialPromoted','{"at":1700000040.0,"trial":1,"budget":3}');
INSERT INTO "events" VALUES(32,'JobRequested','{"at":1700000040.0,"trial":1,"purpose":"train","budget":3,"attempt":1,"spec":{"key":"cd-t0001-e3-a1","command":["python","code/train.py"],"files":{"spec.yaml":"train:\n  lr: 0.001\n"},"code":"/skills/train-toy","inputs":{"dataset.train":"/data/train"},"env":{"OMP_NUM_THREADS":"4"},"secrets":["HF_TOKEN"],"resume_from":"cd-t0001-e1-a1","image":"nvcr.io/x/y:2","gpus":2,"nodes":3,"time_limit":60.0}}');
INSERT INTO "events" VALUES(33,'TrialStopRequested','{"at":1700000041.0,"trial":1,"reason":"at budget 1: rank 5 of 5"}');
INSERT INTO "events" VALUES(34,'JobCancelRequested','{"at":1700000041.0,"key":"cd-t0001-e3-a1","reason":"too long","failure":"resources"}');
INSERT INTO "events" VALUES(35,'JobEnded','{"at":1700000042.0,"key":"cd-t0001-e3-a1","state":"CANCELLED","ended_at":1700000042.0,"detail":"SIGTERM","failure":{"failure_class":"resources","evidence":"killed","advice":"less","retriable":true,"log_path":"/logs/2"}}');
INSERT INTO "events" VALUES(36,'TrialSettled','{"at":1700000042.0,"trial":1,"state":"failed","failure":"resources","reason":"too long"}');
INSERT INTO "events" VALUES(37,'SearchEnded','{"at":1700000043.0,"status":"stopped","reason":"max_cost (7) is used up","cancel":true,"evaluate_best":false}');
INSERT INTO "events" VALUES(38,'FinalEvaluationSettled','{"at":1700000044.0,"evaluation":{"status":"reused_best","metric_name":"accuracy - 0.1 * latency","metric_value":0.55,"job_id":"cd-t0000-evaluate9-a1"},"trial":0}');
INSERT INTO "events" VALUES(39,'CheckpointsReleased','{"at":1700000045.0,"key":"cd-t0001-e1-a1","paths":["iteration_1.pth"],"everything":true}');
INSERT INTO "events" VALUES(40,'CheckpointsDeleted','{"at":1700000046.0,"key":"cd-t0001-e1-a1","detail":"permission is denied"}');
INSERT INTO "events" VALUES(41,'ExperimentFinished','{"at":1700000047.0,"status":"stopped","reason":"max_cost (7) is used up"}');
CREATE TRIGGER append_only_update BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER append_only_delete BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER append_only_insert BEFORE INSERT ON events
WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM events)
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
PRAGMA application_id = 1413566282;
PRAGMA user_version = 1;
COMMIT;
