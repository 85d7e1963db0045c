"""Journals of small runs that never were."""

from collections.abc import Sequence
from typing import Any

from tao_automl.domain.events import (
    Event,
    ExperimentCreated,
    ExperimentFinished,
    JobRequested,
    MetricReported,
    Purpose,
    RunnerAttached,
    RunStatus,
    TrialPromoted,
    TrialSettled,
    TrialStarted,
)
from tao_automl.domain.goal import Direction, Objective
from tao_automl.domain.job import FailureClass, JobSpec
from tao_automl.domain.problem import Fidelity
from tao_automl.domain.trial import Origin, TrialState

BEGIN = 1_700_000_000.0


def created(**changes: Any) -> ExperimentCreated:
    facts: dict[str, Any] = {
        "id": "ab12cd34",
        "version": "1.0",
        "objective": Objective(metric="accuracy", direction=Direction.MAXIMIZE),
        "fidelity": Fidelity(key="num_epochs", low=1, high=9),
        "seed": 3,
        "algorithm": "asha",
        "platform": "local",
        "skill": "train-toy",
        "digest": "d",
        "arguments": {"automl_settings": {"seed": 3}},
        "space": (),
    }
    return ExperimentCreated(at=BEGIN, **{**facts, **changes})


def started(trial: int, budget: int = 3, **params: Any) -> list[Event]:
    """A trial, and its first job."""
    at = BEGIN + 10 * trial
    origin = Origin.SEARCH if trial else Origin.DEFAULT
    begin = TrialStarted(at=at, trial=trial, params=params, signature=str(trial), budget=budget, origin=origin)
    return [begin, requested(trial, budget)]


def requested(trial: int, budget: int) -> Event:
    spec = JobSpec(key=f"ab12cd34-t{trial:04d}-e{budget}", command=("python", "train.py"))
    at = BEGIN + 10 * trial + budget
    return JobRequested(at=at, trial=trial, purpose=Purpose.TRAIN, budget=budget, attempt=1, spec=spec)


def reported(trial: int, budget: int, first: int, last: int) -> list[Event]:
    """Epochs of a job; the metric grows with the trial's number and the epoch."""
    key = f"ab12cd34-t{trial:04d}-e{budget}"
    return [
        MetricReported(at=BEGIN + 10 * trial + e, key=key, epoch=e, values={"accuracy": accuracy(trial, e)}, cursor=e)
        for e in range(first, last + 1)
    ]


def completed(trial: int, budget: int = 3, **values: float) -> Event:
    found = {"accuracy": accuracy(trial, budget), **values}
    at, value = BEGIN + 10 * trial + budget, found["accuracy"]
    return TrialSettled(at=at, trial=trial, state=TrialState.COMPLETED, value=value, values=found)


def failed(trial: int, reason: str = "CUDA out of memory") -> Event:
    at, failure = BEGIN + 10 * trial + 1, FailureClass.RESOURCES
    return TrialSettled(at=at, trial=trial, state=TrialState.FAILED, failure=failure, reason=reason)


def accuracy(trial: int, epoch: int) -> float:
    return 0.5 + 0.1 * trial + 0.01 * epoch


def finished(status: RunStatus = RunStatus.COMPLETED) -> Event:
    return ExperimentFinished(at=BEGIN + 100, status=status, reason="the search is complete")


def small_run() -> Sequence[Event]:
    """Trial 0 is promoted, trial 1 fails, trial 2 still runs."""
    return [
        created(),
        RunnerAttached(at=BEGIN, host="here", pid=1),
        *started(0, x=0.5),
        *reported(0, 3, 1, 3),
        completed(0),
        *started(1, x=0.1),
        failed(1),
        TrialPromoted(at=BEGIN + 20, trial=0, budget=9),
        requested(0, 9),
        *reported(0, 9, 4, 9),
        completed(0, 9),
        *started(2, x=0.2),
        *reported(2, 3, 1, 2),
    ]
