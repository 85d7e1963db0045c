"""How long a run will still take, as far as its jobs have told."""

from typing import Any

import pytest

from tao_automl.domain.events import (
    Event,
    ExperimentCreated,
    JobEnded,
    JobRequested,
    JobStarted,
    JobSubmitted,
    MetricReported,
    Purpose,
    TrialPromoted,
    TrialSettled,
    TrialStarted,
)
from tao_automl.domain.experiment import Experiment, fold
from tao_automl.domain.goal import Direction, Objective
from tao_automl.domain.job import JobSpec, JobState
from tao_automl.domain.pace import Pace, time_left, trials_to_come
from tao_automl.domain.problem import Fidelity
from tao_automl.domain.trial import Origin, TrialState


def created(total: int | None = 10, **changes: Any) -> ExperimentCreated:
    facts: dict[str, Any] = {
        "at": 0.0, "id": "r", "version": "0", "objective": Objective(metric="m", direction=Direction.MAXIMIZE),
        "fidelity": Fidelity(key="epochs", low=1, high=9), "seed": 0, "algorithm": "asha", "platform": "local",
        "skill": "toy", "digest": "d", "arguments": {}, "space": (), "total_trials": total,
    }  # fmt: skip
    return ExperimentCreated(**{**facts, **changes})


def key(trial: int, budget: int) -> str:
    return f"t{trial}-e{budget}"


def job(trial: int, budget: int, at: float, after: int | None = None) -> list[Event]:
    resume = key(trial, after) if after else None
    spec = JobSpec(key=key(trial, budget), command=("python",), resume_from=resume)
    return [
        JobRequested(at=at, trial=trial, purpose=Purpose.TRAIN, budget=budget, attempt=1, spec=spec),
        JobSubmitted(at=at, key=spec.key, handle=spec.key),
        JobStarted(at=at, key=spec.key, started_at=at),
    ]


def trial(number: int, budget: int, at: float) -> list[Event]:
    origin = Origin.SEARCH if number else Origin.DEFAULT
    begun = TrialStarted(at=at, trial=number, params={}, signature=str(number), budget=budget, origin=origin)
    return [begun, *job(number, budget, at)]


def promotion(number: int, before: int, budget: int, at: float) -> list[Event]:
    return [TrialPromoted(at=at, trial=number, budget=budget), *job(number, budget, at, before)]


def end(number: int, budget: int, at: float) -> list[Event]:
    return [
        JobEnded(at=at, key=key(number, budget), state=JobState.SUCCEEDED, ended_at=at),
        TrialSettled(at=at, trial=number, state=TrialState.COMPLETED, value=0.5),
    ]


def report(number: int, budget: int, at: float, epoch: int) -> MetricReported:
    return MetricReported(at=at, key=key(number, budget), epoch=epoch, values={"m": 0.5}, cursor=epoch)


def left(events: list[Event], now: float) -> float | None:
    experiment = fold(events)
    return eta(experiment, Pace.of(experiment), now)


def eta(experiment: Experiment, pace: Pace, now: float) -> float | None:
    jobs = [experiment.jobs[name] for name in experiment.open_jobs]
    to_come = trials_to_come(experiment)
    return time_left(experiment.facts, pace, jobs, to_come=to_come, elapsed=experiment.elapsed(now), now=now)


def test_nothing_is_known_before_a_job_has_told() -> None:
    assert left([created()], 1.0) is None
    assert left([created(), *trial(0, 9, 0.0)], 5.0) is None
    assert left([created(total=None), *trial(0, 9, 0.0), *end(0, 9, 90.0)], 91.0) is None


def test_a_running_job_goes_on_at_its_own_pace() -> None:
    events = [created(total=1), *trial(0, 9, 0.0), report(0, 9, 20.0, 2)]
    assert left(events, 20.0) == pytest.approx(70.0)


def test_trials_of_a_short_search_cost_what_such_trials_did_not_what_the_default_did() -> None:
    events = [created(total=11), *trial(0, 9, 0.0), *end(0, 9, 90.0)]
    for number in range(1, 6):
        events += [*trial(number, 1, 90.0 + 10 * number), *end(number, 1, 100.0 + 10 * number)]
    assert left(events, 150.0) == pytest.approx(5 * 10.0), "90 s an epoch would be nine times as much"


def test_before_the_first_of_them_has_ended_its_own_budget_counts() -> None:
    events = [created(total=4), *trial(0, 9, 0.0), *end(0, 9, 90.0), *trial(1, 1, 90.0)]
    assert left(events, 90.0) == pytest.approx(10.0 + 2 * 10.0)


def test_promotions_make_trials_longer() -> None:
    events = [created(total=5), *trial(0, 9, 0.0), *end(0, 9, 90.0)]
    events += [*trial(1, 1, 90.0), *end(1, 1, 100.0), *promotion(1, 1, 3, 100.0), *end(1, 3, 120.0)]
    assert left(events, 120.0) == pytest.approx(3 * 30.0)


def test_a_promoted_job_is_timed_from_where_it_began() -> None:
    events = [created(total=2), *trial(0, 9, 0.0), *end(0, 9, 90.0), *trial(1, 1, 90.0), *end(1, 1, 100.0)]
    events += promotion(1, 1, 9, 100.0)
    assert left(events, 100.0) == pytest.approx(80.0)
    assert left([*events, report(1, 9, 110.0, 3)], 110.0) == pytest.approx(10.0 / 2 * 6)


def test_slots_in_use_share_the_work() -> None:
    events = [created(total=9), *trial(0, 9, 0.0), *end(0, 9, 90.0)]
    for number in (1, 2):
        events += [*trial(number, 1, 90.0), *end(number, 1, 100.0)]
    events += [*trial(3, 1, 100.0), *trial(4, 1, 100.0)]
    assert left(events, 100.0) == pytest.approx((2 * 10.0 + 4 * 10.0) / 2)


def test_no_more_than_the_wall_time_permits() -> None:
    limited = created(total=100, arguments={"automl_settings": {"max_wall_time": 100.0}})
    assert left([limited, *trial(0, 9, 0.0), *end(0, 9, 90.0), *trial(1, 1, 90.0)], 95.0) is not None
    experiment = fold([limited, *trial(0, 9, 0.0), *end(0, 9, 90.0), *trial(1, 1, 90.0)])
    jobs = [experiment.jobs[name] for name in experiment.open_jobs]
    assert time_left(limited, Pace.of(experiment), jobs, to_come=98, elapsed=95.0, now=95.0) == pytest.approx(5.0)


def test_without_a_fidelity_a_training_is_one_unit() -> None:
    events = [created(total=4, fidelity=None), *trial(0, 1, 0.0), *end(0, 1, 60.0), *trial(1, 1, 60.0)]
    assert left(events, 60.0) == pytest.approx(3 * 60.0)


def test_jobs_are_counted_once_however_they_are_told() -> None:
    events = [created(total=5), *trial(0, 9, 0.0), *end(0, 9, 90.0), *trial(1, 1, 90.0), *end(1, 1, 100.0)]
    experiment, pace = Experiment(), Pace(by_units=True)
    for event in events:
        experiment.apply(event)
        if isinstance(event, JobEnded):
            pace.take(experiment.jobs[event.key])
            pace.take(experiment.jobs[event.key])
    assert pace == Pace.of(experiment)
    assert (pace.units, pace.seconds) == (10, 100.0)
