"""The events of `tests/golden/journal-v2.sql`: a search for a Pareto front, with all that version 2 can say."""

from tao_automl.domain.events import (
    BaselineSettled,
    CallbackFailed,
    CheckpointsDeleted,
    CheckpointsReleased,
    Evaluation,
    Event,
    ExperimentCreated,
    ExperimentFinished,
    FeedbackGiven,
    FinalEvaluationSettled,
    JobCancelRequested,
    JobEnded,
    JobRequested,
    JobStarted,
    JobSubmitted,
    MetricReported,
    Purpose,
    RunnerAttached,
    RunnerDetached,
    RunStatus,
    SearchEnded,
    TrialPromoted,
    TrialSettled,
    TrialStarted,
    TrialStopRequested,
)
from tao_automl.domain.goal import Direction, Objective, OutcomeConstraint
from tao_automl.domain.job import FailureAnalysis, FailureClass, JobSpec, JobState
from tao_automl.domain.problem import Fidelity
from tao_automl.domain.trial import Origin, TrialState

BASE, FIRST, SCORED, SECOND, AGAIN, HIGHER = (
    "cd-base-baseline-a1",
    "cd-t0000-e9-a1",
    "cd-t0000-evaluate9-a1",
    "cd-t0001-e1-a1",
    "cd-t0001-evaluate1-a1",
    "cd-t0001-e3-a1",
)
FORMULA = "accuracy - 0.1 * latency"
CAP = {
    "type": "effective_batch_cap",
    "key": "train.batch_size",
    "from": 64,
    "to": 10,
    "sample_count": 20,
    "shards": 2,
    "reason": "64 x 2 is more than the 20 samples",
}


def _spec(key: str, resume_from: str | None = None) -> JobSpec:
    return JobSpec(
        key=key,
        command=("python", "code/train.py"),
        files={"spec.yaml": "train:\n  lr: 0.001\n"},
        code="/skills/train-toy",
        inputs={"dataset.train": "/data/train"},
        env={"OMP_NUM_THREADS": "4"},
        secrets=("HF_TOKEN",),
        resume_from=resume_from,
        image="nvcr.io/x/y:2",
        gpus=2,
        nodes=3,
        time_limit=60.0,
    )


def _requested(at: float, trial: int, purpose: Purpose, budget: int, spec: JobSpec) -> JobRequested:
    return JobRequested(at=at, trial=trial, purpose=purpose, budget=budget, attempt=1, spec=spec)


def _ended(at: float, key: str, checkpoint: str | None = None) -> JobEnded:
    return JobEnded(
        at=at,
        key=key,
        state=JobState.SUCCEEDED,
        ended_at=at,
        exit_code=0,
        results_path=f"/runs/{key}/results",
        checkpoint=checkpoint,
    )


def _values(accuracy: float, latency: float, size: float) -> dict[str, float]:
    return {"accuracy": accuracy, "latency": latency, "size": size}


EVENTS: tuple[Event, ...] = (
    ExperimentCreated(
        at=1700000000.0,
        id="cd",
        version="0.2.0",
        objective=Objective(metric=FORMULA, direction=Direction.MAXIMIZE, formula=FORMULA, weight=2.0, threshold=-1.0),
        fidelity=Fidelity(key="train.iterations", low=1, high=9, resumable=False, unit="iteration"),
        seed=7,
        algorithm="asha",
        platform="local",
        skill="train-toy",
        digest="0123abcd",
        arguments={"automl_settings": {"seed": 7}},
        space=({"name": "lr", "low": 1e-4, "high": 1.0},),
        total_trials=3,
        others=(Objective(metric="latency", direction=Direction.MINIMIZE, weight=0.5, threshold=30.0),),
        constraints=(
            OutcomeConstraint(left="size", right="20", at_most=True),
            OutcomeConstraint(left="accuracy", right="0.5 * baseline", at_most=False),
        ),
        scored_by_evaluation=True,
        known=({"source": "earlier", "params": {"lr": 0.1}, "values": {"9": _values(0.5, 2.0, 8.0)}},),
    ),
    RunnerAttached(at=1700000001.0, host="host", pid=42),
    _requested(1700000002.0, -1, Purpose.BASELINE, 0, _spec(BASE)),
    JobSubmitted(at=1700000003.0, key=BASE, handle="handle/0"),
    JobStarted(at=1700000004.0, key=BASE, started_at=1700000004.0),
    MetricReported(at=1700000005.0, key=BASE, epoch=0, values=_values(0.5, 8.0, 10.0), cursor=1, source="metrics.json"),
    _ended(1700000006.0, BASE),
    BaselineSettled(
        at=1700000006.0,
        evaluation=Evaluation(
            status="measured",
            metric_name="test_accuracy",
            metric_value=0.5,
            values=_values(0.5, 8.0, 10.0),
            job_id=BASE,
            record_path="evaluations/baseline.json",
            source="evaluate action",
            reason="of the base model",
            direction=Direction.MAXIMIZE,
        ),
    ),
    TrialStarted(at=1700000007.0, trial=0, params={"lr": 0.001}, signature="aa", budget=9, origin=Origin.DEFAULT),
    JobRequested(
        at=1700000007.0,
        trial=0,
        purpose=Purpose.TRAIN,
        budget=9,
        attempt=1,
        spec=_spec(FIRST),
        not_before=1700000007.5,
        adjustments=(CAP,),
    ),
    JobSubmitted(at=1700000008.0, key=FIRST, handle="handle/1"),
    JobStarted(at=1700000009.0, key=FIRST, started_at=1700000009.0),
    MetricReported(at=1700000010.0, key=FIRST, epoch=1, values={"loss": None}, cursor=3, source="train/status.json"),
    _ended(1700000019.0, FIRST, "iteration_9.pth"),
    _requested(1700000020.0, 0, Purpose.EVALUATE, 9, _spec(SCORED, FIRST)),
    MetricReported(at=1700000021.0, key=SCORED, epoch=9, values=_values(0.75, 2.0, 16.0), cursor=9),
    _ended(1700000022.0, SCORED),
    TrialSettled(at=1700000022.0, trial=0, state=TrialState.COMPLETED, value=0.55, values=_values(0.75, 2.0, 16.0)),
    FeedbackGiven(at=1700000023.0, trial=0, feedback={"comment": "slow", "worst": ["a", None, 0.5, True]}),
    CheckpointsReleased(at=1700000023.0, key=FIRST, paths=("iteration_1.pth", "deep/iteration_2.pth")),
    CheckpointsDeleted(at=1700000024.0, key=FIRST),
    RunnerDetached(at=1700000025.0, reason="interrupted by the user"),
    RunnerAttached(at=1700000035.0, host="other", pid=43),
    TrialStarted(at=1700000036.0, trial=1, params={"lr": 0.1}, signature="bb", budget=1, origin=Origin.USER, parent=0),
    _requested(1700000036.0, 1, Purpose.TRAIN, 1, _spec(SECOND, FIRST)),
    _ended(1700000037.0, SECOND, "iteration_1.pth"),
    _requested(1700000037.0, 1, Purpose.EVALUATE, 1, _spec(AGAIN, SECOND)),
    _ended(1700000038.0, AGAIN),
    TrialSettled(at=1700000038.0, trial=1, state=TrialState.COMPLETED, value=0.2, values=_values(0.25, 0.5, 25.0)),
    CallbackFailed(at=1700000039.0, callback="feedback_fn", trial=1, message="the answer is None"),
    TrialPromoted(at=1700000040.0, trial=1, budget=3),
    _requested(1700000040.0, 1, Purpose.TRAIN, 3, _spec(HIGHER, SECOND)),
    TrialStopRequested(at=1700000041.0, trial=1, reason="at budget 1: rank 5 of 5"),
    JobCancelRequested(at=1700000041.0, key=HIGHER, reason="too long", failure=FailureClass.RESOURCES),
    JobEnded(
        at=1700000042.0,
        key=HIGHER,
        state=JobState.CANCELLED,
        ended_at=1700000042.0,
        detail="SIGTERM",
        failure=FailureAnalysis(
            failure_class=FailureClass.RESOURCES, evidence="killed", advice="less", retriable=True, log_path="/logs/2"
        ),
    ),
    TrialSettled(at=1700000042.0, trial=1, state=TrialState.FAILED, failure=FailureClass.RESOURCES, reason="too long"),
    SearchEnded(
        at=1700000043.0, status=RunStatus.STOPPED, reason="max_cost (7) is used up", cancel=True, evaluate_best=False
    ),
    FinalEvaluationSettled(
        at=1700000044.0,
        evaluation=Evaluation(status="reused_best", metric_name=FORMULA, metric_value=0.55, job_id=SCORED),
        trial=0,
    ),
    CheckpointsReleased(at=1700000045.0, key=SECOND, paths=("iteration_1.pth",), everything=True),
    CheckpointsDeleted(at=1700000046.0, key=SECOND, detail="permission is denied"),
    ExperimentFinished(at=1700000047.0, status=RunStatus.STOPPED, reason="max_cost (7) is used up"),
)
