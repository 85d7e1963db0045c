"""The contract of trackers, as tests. A tracker passes them, or a resumed run is shown wrongly in it.

Subclass `TrackerContract` in a test module, and override its two fixtures::

    class TestMyTracker(TrackerContract):
        @pytest.fixture
        def open_tracker(self, tmp_path):
            return lambda: MyTracker(tmp_path)     # each call as if from another process

        @pytest.fixture
        def look(self, tmp_path):
            return lambda: [...]                   # what the other system shows now, as `SeenRun`

Needs pytest.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import pytest

from tao_automl.domain.trial import TrialState
from tao_automl.tracking.port import RunFacts, Summary, Tracker, TrialRow

BEGIN = 1_700_000_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenTrial:
    """A trial, as the other system has it: the last value of each metric, and how many points of it there are."""

    number: int
    params: Mapping[str, str]
    values: Mapping[str, float]
    points: Mapping[str, int]
    failed: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenRun:
    """A search, as the other system has it; `ended` if it is shown as one that is over for good."""

    id: str
    trials: Sequence[SeenTrial]
    ended: bool
    text: str


OpenTracker: TypeAlias = Callable[[], Tracker]
Look: TypeAlias = Callable[[], Sequence[SeenRun]]


def facts(id_: str = "ab12cd34") -> RunFacts:
    """A small search."""
    return RunFacts(
        id=id_,
        skill="train-toy",
        algorithm="asha",
        platform="local",
        version="1.0",
        directions={"accuracy": "maximize"},
        config={"automl_settings": {"seed": 3, "fixed_parameters": {"b": [1, 2]}}, "image": None},
        space=({"name": "lr", "type": "float", "low": 0.001, "high": 1.0, "scale": "log"},),
        began_at=BEGIN,
    )


def running(trial: int, epochs: int = 0, **changes: Any) -> TrialRow:
    """A trial that has reported so many epochs."""
    row = TrialRow(
        trial=trial,
        state=TrialState.RUNNING,
        origin="search",
        params={"lr": 0.1 / (trial + 1), "kind": "mlp"},
        budget=3,
        at=BEGIN + 10 * trial + epochs,
        curve={epoch: {"accuracy": _accuracy(trial, epoch), "loss": 1.0 / epoch} for epoch in range(1, epochs + 1)},
        job=f"ab12cd34-t{trial:04d}",
        started_at=BEGIN + 10 * trial,
    )
    return replace(row, **changes)


def settled(trial: int, settlement: int, epochs: int = 3, **changes: Any) -> TrialRow:
    """A trial that was settled after so many epochs; `settlement` counts them through the run."""
    row = running(trial, epochs)
    found = {
        "state": TrialState.COMPLETED,
        "objectives": {"accuracy": _accuracy(trial, epochs)},
        "metrics": {"accuracy": _accuracy(trial, epochs), "loss": 1.0 / epochs},
        "scored_at": epochs,
        "settlement": settlement,
        "best": 0.9,
        "ended_at": row.at,
    }
    return replace(row, **{**found, **changes})


def failed(trial: int, settlement: int) -> TrialRow:
    """A trial that came to nothing."""
    reason = "CUDA out of memory"
    row = running(trial, state=TrialState.FAILED, failure="resources", reason=reason, settlement=settlement, best=0.9)
    return replace(row, ended_at=row.at)


def summary(status: str = "completed") -> Summary:
    """The end of a run."""
    return Summary(status=status, at=BEGIN + 99, best_trial=0, figures={"best": 0.9, "trials": 2.0})


def _accuracy(trial: int, epoch: int) -> float:
    return 0.5 + 0.1 * trial + 0.01 * epoch


class TrackerContract:
    """See the module."""

    @pytest.fixture
    def open_tracker(self) -> OpenTracker:
        raise NotImplementedError("override the fixture `open_tracker`")

    @pytest.fixture
    def look(self) -> Look:
        raise NotImplementedError("override the fixture `look`")

    def die(self, tracker: Tracker) -> None:
        """Does to the tracker what the death of its process would do. To override where that is more than nothing."""

    def test_a_run_with_its_trials(self, open_tracker: OpenTracker, look: Look) -> None:
        tell(open_tracker(), [running(0), running(1), settled(0, 0), failed(1, 1)], summary())
        (run,) = look()
        assert (run.id, run.ended) == ("ab12cd34", True)
        first, second = sorted(run.trials, key=lambda trial: trial.number)
        assert (first.number, second.number) == (0, 1)
        assert (first.failed, second.failed) == (False, True)
        assert first.params["lr"] == "0.1"
        assert first.params["kind"] == "mlp"
        assert first.values["accuracy"] == pytest.approx(0.53)
        assert first.values["loss"] == pytest.approx(1 / 3)
        assert "accuracy" not in second.values, "a failure is no score"

    def test_a_trial_that_is_told_again_is_one_trial(self, open_tracker: OpenTracker, look: Look) -> None:
        rows = [running(0), running(0, 1), running(0, 2), settled(0, 0), settled(1, 1), running(0, 3), running(0, 4)]
        tell(open_tracker(), [*rows, settled(0, 2, epochs=9)], summary())
        (run,) = look()
        assert sorted(trial.number for trial in run.trials) == [0, 1]
        (promoted,) = (trial for trial in run.trials if trial.number == 0)
        assert promoted.values["accuracy"] == pytest.approx(0.59)

    def test_what_is_told_twice_is_shown_once(self, open_tracker: OpenTracker, look: Look) -> None:
        once, twice = running(0, 2), settled(0, 0)
        tell(open_tracker(), [once, once, twice], summary())
        (run,) = look()
        assert [trial.points["accuracy"] for trial in run.trials] in ([1], [3])  # one a settlement, or one an epoch

    @pytest.mark.parametrize("left", ["killed", "interrupted"])
    def test_a_run_goes_on(self, left: str, open_tracker: OpenTracker, look: Look) -> None:
        first = open_tracker()
        tell(first, [running(0), settled(0, 0), running(1, 2)], summary("interrupted") if left != "killed" else None)
        if left == "killed":
            self.die(first)
        assert not any(run.ended for run in look())
        told = [settled(0, 0), running(1, 2), running(1, 3), settled(1, 1), running(2), settled(2, 2)]
        tell(open_tracker(), told, summary())
        (run,) = look()
        assert (run.id, run.ended) == ("ab12cd34", True)
        assert sorted(trial.number for trial in run.trials) == [0, 1, 2]
        assert {trial.points["accuracy"] for trial in run.trials} in ({1}, {3})

    def test_a_run_that_has_ended_stays_as_it_is(self, open_tracker: OpenTracker, look: Look) -> None:
        for _ in range(2):
            tell(open_tracker(), [settled(0, 0), failed(1, 1)], summary())
        (run,) = look()
        assert run.ended
        assert sorted((trial.number, trial.failed) for trial in run.trials) == [(0, False), (1, True)]

    def test_two_runs_are_two(self, open_tracker: OpenTracker, look: Look) -> None:
        for id_ in ("aaaaaaaa", "bbbbbbbb"):
            tell(open_tracker(), [settled(0, 0)], summary(), id_)
        assert sorted(run.id for run in look()) == ["aaaaaaaa", "bbbbbbbb"]
        assert [len(run.trials) for run in look()] == [1, 1]

    def test_values_of_all_kinds(self, open_tracker: OpenTracker, look: Look) -> None:
        params = {"list": [1, 2], "none": None, "bool": True, "nested": {"a": [1]}, "text": "ü" * 9000, "n[0]": 1}
        other = {"list": "auto", "bool": False}
        metrics = {"a - 0.1*b": 1.0, "top 5 %": 0.5}
        rows = [settled(0, 0, params=params, objectives=metrics, metrics=metrics), settled(1, 1, params=other)]
        tell(open_tracker(), rows, summary())
        (run,) = look()
        assert sorted(trial.number for trial in run.trials) == [0, 1]
        (first,) = (trial for trial in run.trials if trial.number == 0)
        assert first.params["list"] == "[1, 2]"
        assert 1.0 in first.values.values()

    def test_a_run_without_trials(self, open_tracker: OpenTracker, look: Look) -> None:
        tell(open_tracker(), [], Summary(status="failed", at=BEGIN, reason="no baseline"))
        assert all(not run.trials for run in look())


def tell(tracker: Tracker, rows: Sequence[TrialRow], end: Summary | None, id_: str = "ab12cd34") -> None:
    """One runner's words; without an end it was killed."""
    tracker.begin(facts(id_))
    for row in rows:
        tracker.trial(row)
    if end:
        tracker.finish(end)
