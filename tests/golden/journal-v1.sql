-- A journal as version 1 of the format wrote it. Never edited: see tests/unit/store/test_golden_journal.py
BEGIN TRANSACTION;
CREATE TABLE events (seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL);
INSERT INTO "events" VALUES(1,'ExperimentCreated','{"at":1700000000.0,"id":"ab","version":"0.1.0","objective":{"metric":"accuracy","direction":"maximize"},"fidelity":{"key":"train.epochs","low":1,"high":9},"seed":7,"algorithm":"asha","platform":"local","skill":"train-toy","digest":"0123abcd","arguments":{"automl_settings":{"seed":7,"nested":[1,2.5,null,true,{"a":[]}]},"big":9223372036854775808},"space":[{"name":"lr","low":0.0001,"high":1.0},{"name":"gr\u00f6\u00dfe","options":["a",null]}],"total_trials":3}');
INSERT INTO "events" VALUES(2,'RunnerAttached','{"at":1700000001.0,"host":"host","pid":42}');
INSERT INTO "events" VALUES(3,'TrialStarted','{"at":1700000002.0,"trial":0,"params":{"lr":0.001},"signature":"aa","budget":9,"origin":"default"}');
INSERT INTO "events" VALUES(4,'JobRequested','{"at":1700000002.0,"trial":0,"purpose":"train","budget":9,"attempt":1,"spec":{"key":"ab-t0000-e9-a1","command":["python","code/train.py","--config","spec.yaml"],"files":{"spec.yaml":"train:\n  lr: 0.001\n  name: gr\u00f6\u00dfe\n"},"code":"/skills/train-toy","inputs":{"dataset.train":"/data/train"},"env":{"OMP_NUM_THREADS":"4"},"secrets":["WANDB_API_KEY"],"image":"nvcr.io/x/y:1","gpus":2,"time_limit":3600.0}}');
INSERT INTO "events" VALUES(5,'JobSubmitted','{"at":1700000003.0,"key":"ab-t0000-e9-a1","handle":"handle/1"}');
INSERT INTO "events" VALUES(6,'JobStarted','{"at":1700000004.0,"key":"ab-t0000-e9-a1","started_at":1700000003.5}');
INSERT INTO "events" VALUES(7,'MetricReported','{"at":1700000005.0,"key":"ab-t0000-e9-a1","epoch":1,"values":{"accuracy":0.5,"loss":null},"cursor":120}');
INSERT INTO "events" VALUES(8,'CallbackFailed','{"at":1700000005.5,"callback":"metric_extractor","trial":0,"message":"ValueError: no"}');
INSERT INTO "events" VALUES(9,'JobEnded','{"at":1700000006.0,"key":"ab-t0000-e9-a1","state":"FAILED","ended_at":1700000005.9,"detail":"NODE_FAIL","exit_code":137,"failure":{"failure_class":"infrastructure","evidence":"node \ud83d gone\u0000","advice":"wait","retriable":true,"log_path":"/logs/1"},"results_path":"/runs/1/results","checkpoint":"epoch_1.pth"}');
INSERT INTO "events" VALUES(10,'JobRequested','{"at":1700000006.0,"trial":0,"purpose":"train","budget":9,"attempt":2,"spec":{"key":"ab-t0000-e9-a2","command":["python","code/train.py","--config","spec.yaml"],"files":{"spec.yaml":"train:\n  lr: 0.001\n  name: gr\u00f6\u00dfe\n"},"code":"/skills/train-toy","inputs":{"dataset.train":"/data/train"},"env":{"OMP_NUM_THREADS":"4"},"secrets":["WANDB_API_KEY"],"resume_from":"ab-t0000-e9-a1","image":"nvcr.io/x/y:1","gpus":2,"time_limit":3600.0},"not_before":1700000016.0}');
INSERT INTO "events" VALUES(11,'JobSubmitted','{"at":1700000016.0,"key":"ab-t0000-e9-a2","handle":"handle/2"}');
INSERT INTO "events" VALUES(12,'MetricReported','{"at":1700000017.0,"key":"ab-t0000-e9-a2","epoch":9,"values":{"accuracy":0.75},"cursor":64}');
INSERT INTO "events" VALUES(13,'JobEnded','{"at":1700000018.0,"key":"ab-t0000-e9-a2","state":"SUCCEEDED","ended_at":1700000018.0,"exit_code":0}');
INSERT INTO "events" VALUES(14,'TrialSettled','{"at":1700000018.0,"trial":0,"state":"completed","value":0.75,"values":{"accuracy":0.75}}');
INSERT INTO "events" VALUES(15,'BaselineSettled','{"at":1700000019.0,"evaluation":{"status":"measured","metric_name":"accuracy","metric_value":0.75,"values":{"accuracy":0.75,"latency":3.0},"job_id":"ab-t0000-baseline-a1","record_path":"evaluations/baseline.json","source":"evaluate action"}}');
INSERT INTO "events" VALUES(16,'RunnerDetached','{"at":1700000020.0,"reason":"interrupted by the user"}');
INSERT INTO "events" VALUES(17,'RunnerAttached','{"at":1700000090.0,"host":"other","pid":43}');
INSERT INTO "events" VALUES(18,'TrialStarted','{"at":1700000091.0,"trial":1,"params":{"lr":0.1},"signature":"bb","budget":1,"origin":"search","parent":0}');
INSERT INTO "events" VALUES(19,'JobRequested','{"at":1700000091.0,"trial":1,"purpose":"train","budget":1,"attempt":1,"spec":{"key":"ab-t0001-e1-a1","command":["python","code/train.py","--config","spec.yaml"],"files":{"spec.yaml":"train:\n  lr: 0.001\n  name: gr\u00f6\u00dfe\n"},"code":"/skills/train-toy","inputs":{"dataset.train":"/data/train"},"env":{"OMP_NUM_THREADS":"4"},"secrets":["WANDB_API_KEY"],"image":"nvcr.io/x/y:1","gpus":2,"time_limit":3600.0}}');
INSERT INTO "events" VALUES(20,'JobEnded','{"at":1700000092.0,"key":"ab-t0001-e1-a1","state":"SUCCEEDED","ended_at":1700000092.0}');
INSERT INTO "events" VALUES(21,'TrialSettled','{"at":1700000092.0,"trial":1,"state":"completed","value":0.25}');
INSERT INTO "events" VALUES(22,'TrialPromoted','{"at":1700000093.0,"trial":1,"budget":3}');
INSERT INTO "events" VALUES(23,'JobRequested','{"at":1700000093.0,"trial":1,"purpose":"train","budget":3,"attempt":1,"spec":{"key":"ab-t0001-e3-a1","command":["python","code/train.py","--config","spec.yaml"],"files":{"spec.yaml":"train:\n  lr: 0.001\n  name: gr\u00f6\u00dfe\n"},"code":"/skills/train-toy","inputs":{"dataset.train":"/data/train"},"env":{"OMP_NUM_THREADS":"4"},"secrets":["WANDB_API_KEY"],"image":"nvcr.io/x/y:1","gpus":2,"time_limit":3600.0}}');
INSERT INTO "events" VALUES(24,'TrialStopRequested','{"at":1700000094.0,"trial":1,"reason":"behind"}');
INSERT INTO "events" VALUES(25,'JobCancelRequested','{"at":1700000094.0,"key":"ab-t0001-e3-a1","reason":"behind"}');
INSERT INTO "events" VALUES(26,'JobCancelRequested','{"at":1700000095.0,"key":"ab-t0001-e3-a1","reason":"too long","failure":"resources"}');
INSERT INTO "events" VALUES(27,'JobEnded','{"at":1700000096.0,"key":"ab-t0001-e3-a1","state":"CANCELLED","ended_at":1700000096.0}');
INSERT INTO "events" VALUES(28,'TrialSettled','{"at":1700000096.0,"trial":1,"state":"stopped","failure":"resources","reason":"behind"}');
INSERT INTO "events" VALUES(29,'SearchEnded','{"at":1700000097.0,"status":"stopped","reason":"cancelled by the user","cancel":true,"evaluate_best":false}');
INSERT INTO "events" VALUES(30,'FinalEvaluationSettled','{"at":1700000098.0,"evaluation":{"status":"not_run","metric_name":"accuracy","reason":"cancelled by the user"}}');
INSERT INTO "events" VALUES(31,'ExperimentFinished','{"at":1700000099.0,"status":"stopped","reason":"cancelled by the user"}');
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
