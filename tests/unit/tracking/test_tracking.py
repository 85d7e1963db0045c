"""What trackers hear of a run, and what a run hears of its trackers: nothing that could hurt it."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from runs import created, failed, finished, small_run, started

from tao_automl.domain.events import Event, RunnerDetached
from tao_automl.domain.experiment import Experiment, fold
from tao_automl.domain.trial import TrialState
from tao_automl.runner import tracking as tracking_module
from tao_automl.runner.tracking import Tracking, scrubbed
from tao_automl.tracking.port import RunFacts, Summary, TrialRow


class Recorder:
    """A tracker that remembers, and does what it is told in between."""

    def __init__(self, act: Callable[[str, Any], None] = lambda word, value: None) -> None:
        self._act = act
        self.facts: list[RunFacts] = []
        self.rows: list[TrialRow] = []
        self.ends: list[Summary] = []

    def begin(self, run: RunFacts) -> None:
        self._act("begin", run)
        self.facts.append(run)

    def trial(self, row: TrialRow) -> None:
        self._act("trial", row)
        self.rows.append(row)

    def finish(self, summary: Summary) -> None:
        self._act("finish", summary)
        self.ends.append(summary)


def live(tracking: Tracking, events: Sequence[Event]) -> Experiment:
    """Tells a run as a runner does from its beginning."""
    experiment = Experiment()
    for event in events:
        experiment.apply(event)
        tracking(event, experiment)
    return experiment


def settlements(recorder: Recorder) -> list[tuple[int, int, TrialState]]:
    return [(r.settlement, r.trial, r.state) for r in recorder.rows if r.settlement is not None]


def test_a_run_is_told_from_its_beginning_to_its_end() -> None:
    recorder = Recorder()
    tracking = Tracking({"one": recorder})
    experiment = live(tracking, [*small_run(), finished()])
    assert tracking.close(experiment) == []
    (facts,), (end,) = recorder.facts, recorder.ends
    assert (facts.id, facts.name, facts.directions) == ("ab12cd34", "train-toy-asha-ab12cd34", {"accuracy": "maximize"})
    done, bad = TrialState.COMPLETED, TrialState.FAILED
    assert settlements(recorder) == [(0, 0, done), (1, 1, bad), (2, 0, done)]
    last = {row.trial: row for row in recorder.rows}
    assert (last[0].objectives, last[0].scored_at, last[0].budget) == ({"accuracy": pytest.approx(0.59)}, 9, 9)
    assert list(last[0].curve) == list(range(1, 10))
    assert (last[1].failure, last[1].reason, last[1].objectives) == ("resources", "CUDA out of memory", {})
    assert (last[2].state, list(last[2].curve)) == (TrialState.RUNNING, [1, 2])
    assert (end.status, end.best_trial, end.figures["trials"]) == ("completed", 0, 3.0)


def test_a_resumed_run_is_told_again_in_the_same_words() -> None:
    first, second = Recorder(), Recorder()
    tracking = Tracking({"one": first})
    experiment = live(tracking, small_run())
    tracking.close(experiment)
    assert [end.status for end in first.ends] == ["interrupted"]
    tracking = Tracking({"one": second})
    tracking.replay(small_run())
    tracking.close(fold(small_run()))
    told = [row for row in first.rows if row.settlement is not None]
    again = [row for row in second.rows if row.settlement is not None]
    assert [(r.settlement, r.trial, r.state, r.objectives) for r in told] == [
        (r.settlement, r.trial, r.state, r.objectives) for r in again
    ]
    assert [row.trial for row in second.rows if row.settlement is None] == [2], "and how the others stand"


def test_the_settlements_of_a_resumed_run_are_counted_on() -> None:
    recorder = Recorder()
    tracking = Tracking({"one": recorder})
    tracking.replay(small_run())
    experiment = fold(small_run())
    experiment.apply(failed(2))
    tracking(failed(2), experiment)
    tracking.close(experiment)
    assert [number for number, _, _ in settlements(recorder)] == [0, 1, 2, 3]


def test_why_a_runner_left_is_told() -> None:
    recorder = Recorder()
    tracking = Tracking({"one": recorder})
    left = RunnerDetached(at=1_700_000_050.0, reason="interrupted by the user")
    tracking.close(live(tracking, [*small_run(), left]))
    assert [(end.status, end.reason) for end in recorder.ends] == [("interrupted", "interrupted by the user")]


def test_one_that_fails_is_noted_once_and_the_others_hear_all(caplog: pytest.LogCaptureFixture) -> None:
    def fail(word: str, value: Any) -> None:
        if word == "trial":
            raise ConnectionError("the server is on fire")

    good = Recorder()
    tracking = Tracking({"bad": Recorder(fail), "good": good})
    with caplog.at_level(logging.WARNING):
        notes = tracking.close(live(tracking, [*small_run(), finished()]))
    (note,) = notes
    assert "tracker bad: it lacks" in note
    assert "ConnectionError: the server is on fire" in note
    assert [record.message for record in caplog.records] == [
        "tracker bad: ConnectionError: the server is on fire; the run goes on",
        note,
    ]
    assert len(good.ends) == 1
    assert len(settlements(good)) == 3


@pytest.mark.parametrize("word", ["begin", "trial"])
def test_what_one_did_not_take_it_is_told_again_in_the_end(word: str) -> None:
    away = {word}

    def act(word: str, value: Any) -> None:
        if word in away:
            away.remove(word)
            raise ConnectionError

    recorder = Recorder(act)
    tracking = Tracking({"one": recorder})
    assert tracking.close(live(tracking, [*small_run(), finished()])) == []
    assert {number for number, _, _ in settlements(recorder)} == {0, 1, 2}
    assert len(recorder.ends) == 1


def test_one_that_cannot_begin_is_not_asked_at_every_step() -> None:
    begun: list[str] = []

    def act(word: str, value: Any) -> None:
        begun.append(word)
        raise PermissionError("no key")

    tracking = Tracking({"one": Recorder(act)})
    (note,) = tracking.close(live(tracking, [*small_run(), finished()]))
    assert "PermissionError: no key" in note
    assert begun == ["begin", "begin"], "at first, and in the end once more"


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_one_that_hangs_is_not_waited_for_for_ever(gate: threading.Event) -> None:
    good = Recorder()
    tracking = Tracking({"stuck": Recorder(lambda word, value: gate.wait() and None), "good": good})
    experiment = live(tracking, [*small_run(), finished()])
    (note,) = tracking.close(experiment, seconds=0.05)
    assert note.startswith("tracker stuck: it has not taken everything in, and is not waited for any longer")


def test_rows_of_a_running_trial_do_not_pile_up(gate: threading.Event) -> None:
    slow = Recorder(lambda word, value: gate.wait() and None if word == "begin" else None)
    tracking = Tracking({"slow": slow})
    experiment = live(tracking, [*small_run(), finished()])
    gate.set()
    tracking.close(experiment)
    assert [(row.trial, row.settlement) for row in slow.rows] == [(0, 0), (1, 1), (0, 2), (2, None)]


def test_secrets_of_the_environment_do_not_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "swordfish-7")
    recorder = Recorder()
    tracking = Tracking({"one": recorder})
    arguments = {"platform_options": {"nested": ["key swordfish-7"]}, "image": None}
    events = [created(arguments=arguments), *started(0, prompt="use swordfish-7"), failed(0, "denied: swordfish-7")]
    tracking.close(live(tracking, events))
    told = repr((recorder.facts, recorder.rows, recorder.ends))
    assert "swordfish" not in told
    assert "[redacted]" in told


def test_errors_of_trackers_are_redacted(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "swordfish-7")

    def fail(word: str, value: Any) -> None:
        raise PermissionError("the key swordfish-7 is not known")

    tracking = Tracking({"one": Recorder(fail)})
    notes = tracking.close(live(tracking, small_run()))
    assert "swordfish" not in caplog.text + "".join(notes)


def test_scrubbing_keeps_what_is_no_text() -> None:
    row = TrialRow(trial=1, state=TrialState.FAILED, origin="search", params={"a": (1, [None, "x"])}, budget=1, at=0.0)
    assert scrubbed(row, lambda text: text.replace("x", "y")).params == {"a": (1, [None, "y"])}
    assert scrubbed(row, str) == row


def test_without_trackers_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking_module, "trial_row", None)
    tracking = Tracking({})
    tracking.replay(small_run())
    assert tracking.close(live(tracking, small_run())) == []
