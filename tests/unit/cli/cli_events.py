"""Events of runs that never were, folded as a runner folds them."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tao_automl.domain.events import (
    BaselineSettled,
    Evaluation,
    Event,
    ExperimentCreated,
    ExperimentFinished,
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
)
from tao_automl.domain.experiment import Experiment
from tao_automl.domain.goal import Direction, Objective
from tao_automl.domain.job import FailureAnalysis, FailureClass, JobSpec, JobState
from tao_automl.domain.problem import Fidelity
from tao_automl.domain.trial import Origin, TrialState

BEGIN = 1_700_000_000.0
Hear = Callable[[Event, Experiment], Any]


def created(total: int | None = 20, at: float = BEGIN, **changes: Any) -> ExperimentCreated:
    facts: dict[str, Any] = {
        "id": "ab12cd34",
        "version": "0",
        "objective": Objective(metric="accuracy", direction=Direction.MAXIMIZE),
        "fidelity": Fidelity(key="train.num_epochs", low=1, high=9),
        "seed": 0,
        "algorithm": "asha",
        "platform": "local",
        "skill": "train-toy",
        "digest": "d",
        "arguments": {},
        "space": (),
        "total_trials": total,
    }
    return ExperimentCreated(at=at, **{**facts, **changes})


def attached(at: float = BEGIN) -> RunnerAttached:
    return RunnerAttached(at=at, host="here", pid=1)


def key(trial: int, budget: int = 9, attempt: int = 1) -> str:
    return f"ab12cd34-t{trial:04d}-e{budget}-a{attempt}"


def params(trial: int) -> dict[str, Any]:
    return {"train.optim.lr": 0.1 / (trial + 1), "model.depth": trial % 7, "model.kind": "forest"}


def started(trial: int, at: float, budget: int = 9) -> list[Event]:
    """A trial and its job, up to the platform's word that it runs."""
    origin = Origin.DEFAULT if trial == 0 else Origin.SEARCH
    begin = TrialStarted(at=at, trial=trial, params=params(trial), signature=str(trial), budget=budget, origin=origin)
    return [begin, *job_started(trial, at, budget)]


def job_started(trial: int, at: float, budget: int = 9, attempt: int = 1, after: str | None = None) -> list[Event]:
    name = key(trial, budget, attempt)
    spec = JobSpec(key=name, command=("python", "train.py"), resume_from=after)
    return [
        JobRequested(at=at, trial=trial, purpose=Purpose.TRAIN, budget=budget, attempt=attempt, spec=spec),
        JobSubmitted(at=at, key=name, handle=name),
        JobStarted(at=at, key=name, started_at=at),
    ]


def reported(trial: int, at: float, epoch: int, value: float, budget: int = 9) -> MetricReported:
    return MetricReported(at=at, key=key(trial, budget), epoch=epoch, values={"accuracy": value}, cursor=epoch)


def completed(trial: int, at: float, value: float, budget: int = 9) -> list[Event]:
    return [
        JobEnded(at=at, key=key(trial, budget), state=JobState.SUCCEEDED, ended_at=at, exit_code=0),
        TrialSettled(at=at, trial=trial, state=TrialState.COMPLETED, value=value),
    ]


def failed(trial: int, at: float, reason: str = "CUDA out of memory", budget: int = 9) -> list[Event]:
    failure = FailureAnalysis(failure_class=FailureClass.RESOURCES, evidence=reason, advice="smaller batches")
    ended = JobEnded(at=at, key=key(trial, budget), state=JobState.FAILED, ended_at=at, exit_code=1, failure=failure)
    settled = TrialSettled(at=at, trial=trial, state=TrialState.FAILED, failure=FailureClass.RESOURCES, reason=reason)
    return [ended, settled]


def promoted(trial: int, at: float, budget: int, before: int = 3) -> list[Event]:
    return [
        TrialPromoted(at=at, trial=trial, budget=budget),
        *job_started(trial, at, budget, after=key(trial, before)),
    ]


def baseline(at: float, value: float = 0.7) -> BaselineSettled:
    evaluation = Evaluation(status="measured", metric_name="accuracy", metric_value=value, source="evaluate action")
    return BaselineSettled(at=at, evaluation=evaluation)


def detached(at: float) -> RunnerDetached:
    return RunnerDetached(at=at, reason="interrupted by the user")


def ended(at: float, **changes: Any) -> SearchEnded:
    return SearchEnded(**{"at": at, "status": RunStatus.COMPLETED, "reason": "the search is complete", **changes})


def finished(at: float) -> ExperimentFinished:
    return ExperimentFinished(at=at, status=RunStatus.COMPLETED, reason="the search is complete")


def cancel(trial: int, at: float) -> JobCancelRequested:
    return JobCancelRequested(at=at, key=key(trial), reason="no longer wanted")


def play(events: Sequence[Event], hear: Hear | None = None, experiment: Experiment | None = None) -> Experiment:
    """Applies events one by one and tells each."""
    experiment = experiment or Experiment()
    for event in events:
        experiment.apply(event)
        if hear:
            hear(event, experiment)
    return experiment


def busy_run(trials: int, slots: int, total: int | None = None, at: float = BEGIN) -> Iterator[Event]:
    """`trials` started, each reporting thrice; `slots` of them still running at the end; one in seven fails."""
    yield created(total or trials, at)
    yield attached(at)
    for trial in range(trials):
        at += 1.0
        yield from started(trial, at)
        for epoch in (1, 2, 3):
            yield reported(trial, at + epoch / 10, epoch, 0.5 + (trial % 50) / 120)
        done = trial - slots
        if done >= 0:
            yield from failed(done, at) if done % 7 == 3 else completed(done, at, 0.5 + (done % 50) / 110)
        if trial == slots:
            yield baseline(at)
