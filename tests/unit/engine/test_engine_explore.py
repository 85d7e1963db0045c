"""Step 4: the searcher is asked, checked, and followed."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from lab import NO_DEFAULT, Lab, Script, params, promoting, starting

from tao_automl.domain.events import (
    Event,
    JobCancelRequested,
    JobEnded,
    JobRequested,
    JobStarted,
    RunnerDetached,
    TrialStarted,
    TrialStopRequested,
)
from tao_automl.domain.goal import Direction
from tao_automl.domain.job import JobSpec, JobState
from tao_automl.domain.trial import Decision, Promote, Start, Stop, Trial, TrialState
from tao_automl.engine.explore import explore, free_slots
from tao_automl.engine.settle import settle
from tao_automl.errors import TaoAutoMLError
from tao_automl.testing.fuse import Fuse, FusedJournal
from tao_automl.testing.memory_platform import Behaviour
from tao_automl.testing.toy import INFRASTRUCTURE, broken, build_engine, toy_problem


@pytest.mark.parametrize(
    ("capacity", "limit", "slots"),
    [(None, None, 1), (4, None, 4), (None, 3, 3), (4, 2, 2), (2, 4, 2), (0, None, 1), (0, 8, 1)],
)
def test_slots_are_what_the_platform_and_the_user_allow(capacity: int | None, limit: int | None, slots: int) -> None:
    lab = Lab(rules=replace(NO_DEFAULT, max_concurrent=limit), slots=capacity)
    assert free_slots(lab.engine.world, lab.engine.experiment) == slots


def test_two_jobs_overlap_and_never_three() -> None:
    lab = Lab(starting(7), change=lambda spec, b: replace(b, seconds=3.0 + len(spec.key) % 3)).run()
    assert lab.platform.most_running == 2
    assert lab.states == ["completed"] * 7
    assert _most_live(lab) == 2
    assert set(lab.searcher.slots) <= {0, 1, 2}
    began = [event.started_at for event in lab.events(JobStarted)]
    ended = [event.ended_at for event in lab.events(JobEnded)]
    assert began[1] < ended[0], "the first two jobs do not overlap"


def _most_live(lab: Lab) -> int:
    live = most = 0
    for event in lab.journal.read():
        live += isinstance(event, TrialStarted)
        live -= type(event).__name__ == "TrialSettled"
        most = max(most, live)
    return most


def test_a_slot_is_taken_while_its_trial_waits_for_a_retry() -> None:
    flaky: Any = lambda spec, usual: usual if spec.key.endswith("a2") else broken(1.0, INFRASTRUCTURE)  # noqa: E731
    lab = Lab(starting(4), change=flaky, rules=replace(NO_DEFAULT, retry_backoff=20.0)).run()
    assert _most_live(lab) == 2
    assert lab.states == ["completed"] * 4


def test_one_answer_is_one_transaction() -> None:
    """Whoever dies in between has all of an answer in the journal, or none of it."""
    batches: list[Sequence[Event]] = []

    class Spy(FusedJournal):
        def append(self, events: Sequence[Event], *, expect: int) -> int:
            batches.append(events)
            return super().append(events, expect=expect)

    lab = Lab(starting(3), rules=replace(NO_DEFAULT, max_concurrent=3))
    build_engine(journal=Spy(lab.journal.reopened(), Fuse()), **lab.settings).run()
    (answer,) = [batch for batch in batches if any(isinstance(event, TrialStarted) for event in batch)]
    assert [type(event) for event in answer] == [TrialStarted, JobRequested] * 3


def test_a_searcher_that_waits_is_asked_again_when_something_has_happened() -> None:
    """Its answer depends on the history and the slots alone, and may be dear to find."""
    asked: list[tuple[int, int]] = []

    def ask(history: Sequence[Trial], slots: int) -> Sequence[Decision]:
        asked.append((lab.engine.experiment.seq, slots))
        return starting(2).ask(history, slots)

    lab = Lab(Script(ask), rules=replace(NO_DEFAULT, max_concurrent=3))
    for _ in range(100):
        lab.engine.tick()
        lab.clock.sleep(0.01)
    assert len(asked) == len(set(asked)) < 20
    assert lab.run().states == ["completed"] * 2


def test_exploring_is_a_function_of_the_journal() -> None:
    lab = Lab(starting(2))
    lab.engine.record(list(settle(lab.engine.world, lab.engine.experiment)))  # the baseline is skipped
    first = list(explore(lab.engine.world, lab.engine.experiment))
    assert first == list(explore(lab.engine.world, lab.engine.experiment))
    assert len(first) == 4


def test_a_promotion_resumes() -> None:
    lab = Lab(promoting(1, 3)).run()
    assert [event.spec.key for event in lab.events(JobRequested)] == ["toy-t0000-e1-a1", "toy-t0000-e3-a1"]
    assert lab.events(JobRequested)[1].spec.resume_from == "toy-t0000-e1-a1"
    assert list(lab.trials[0].scores) == [1, 2, 3]


def test_a_child_begins_with_the_checkpoint_of_its_parent() -> None:
    def ask(history: Sequence[Trial], slots: int) -> Sequence[Decision]:
        if not history:
            return [Start(params=params(0), budget=2)]
        if len(history) == 1 and history[0].state is TrialState.COMPLETED:
            return [Start(params=params(1), budget=3, parent=0)]
        return []

    lab = Lab(Script(ask)).run()
    assert lab.trials[1].parent == 0
    assert lab.events(JobRequested)[1].spec.resume_from == "toy-t0000-e2-a1"
    assert list(lab.trials[1].scores) == [3]


def stopping(at_epoch: int) -> Script:
    """Starts one trial, and says at every occasion that it is to stop."""

    def ask(history: Sequence[Trial], slots: int) -> Sequence[Decision]:
        if not history:
            return [Start(params=params(0), budget=3)]
        due = history[0].live and max(history[0].scores, default=0) >= at_epoch
        return [Stop(trial=0, reason="behind")] if due else []

    return Script(ask)


def test_a_stopped_trial_keeps_its_scores() -> None:
    lab = Lab(stopping(1), cancel_seconds=3.0).run()
    assert lab.states == ["stopped"]
    assert lab.trials[0].reason == "behind"
    assert list(lab.trials[0].scores) == [1, 2]
    assert len(lab.events(TrialStopRequested)) == len(lab.events(JobCancelRequested)) == 1
    assert lab.events(JobEnded)[0].state is JobState.CANCELLED
    assert lab.engine.experiment.best is None


def test_a_trial_that_is_done_before_it_could_be_stopped_is_done() -> None:
    lab = Lab(stopping(2), cancel_seconds=100.0).run()
    assert lab.states == ["completed"]


def test_a_trial_that_is_stopped_in_the_queue_is_stopped() -> None:
    lab = Lab(stopping(0), change=lambda spec, b: replace(b, queued=50.0)).run()
    assert lab.states == ["stopped"]
    assert not lab.platform.launched


def test_a_trial_that_is_stopped_between_two_attempts_is_stopped() -> None:
    def dies(spec: JobSpec, usual: Behaviour) -> Behaviour:
        return replace(usual, seconds=2.2, state=JobState.FAILED, failure=INFRASTRUCTURE)

    lab = Lab(stopping(1), change=dies, rules=replace(NO_DEFAULT, retry_backoff=1e6), poll_interval=5.0).run()
    assert lab.states == ["stopped"]
    assert len(lab.platform.launched) == 1


def _after_two(decisions: Sequence[Decision]) -> Script:
    """Two trials; trial 0 runs on when trial 1 is done, and then the answer comes."""

    def ask(history: Sequence[Trial], slots: int) -> Sequence[Decision]:
        if not history:
            return [Start(params=params(0), budget=3), Start(params=params(1), budget=1)]
        return decisions if not history[1].live else []

    return Script(ask)


BROKEN: list[tuple[Any, str]] = [
    ([Start(params={"lr": 7.0, "width": 1, "optimizer": "sgd"}, budget=1)], r"lr: must be a number in"),
    ([Start(params={"lr": 0.5}, budget=1)], r"width: must have a value"),
    ([Start(params=params(2), budget=0)], r"above 0 and at most 3, got 0"),
    ([Start(params=params(2), budget=4)], r"above 0 and at most 3, got 4"),
    ([Start(params=params(2), budget=1.5)], r"an integer above 0 and at most 3, got 1.5"),  # type: ignore[arg-type]
    ([Start(params=params(2), budget=1, parent=9)], r"no trial 9 \(there are 2\)"),
    ([Start(params=params(2), budget=1), Start(params=params(3), budget=1)], r"2 trials were to run in 1 free slots"),
    ([Promote(trial=0, budget=3)], r"trial 0 is running, and only a completed one can be promoted"),
    ([Promote(trial=1, budget=1)], r"above 1 and at most 3, got 1"),
    ([Promote(trial=-1, budget=3)], r"no trial -1"),
    ([Promote(trial=2, budget=3)], r"no trial 2"),
    ([Stop(trial=1, reason="x")], r"trial 1 does not run, and cannot be stopped"),
    ([Stop(trial=5, reason="x")], r"no trial 5"),
    ([Stop(trial=0, reason="x"), Stop(trial=0, reason="y")], r"more than one decision about one trial, got \[0, 0\]"),
    (["start something"], r"'start something' is no decision"),
]


@pytest.mark.parametrize(("answer", "message"), BROKEN, ids=[str(n) for n in range(len(BROKEN))])
def test_a_searcher_that_breaks_its_contract_costs_nothing(answer: Any, message: str) -> None:
    lab = Lab(_after_two(answer))
    with pytest.raises(TaoAutoMLError, match=message) as refused:
        lab.run()
    assert "Script broke the contract of searchers" in refused.value.message
    assert refused.value.hint
    assert len(lab.trials) == 2
    assert len(lab.events(JobRequested)) == 2
    assert lab.platform.calls["cancel_job"] == 0
    assert message.split("\\")[0].split("[")[0] in lab.events(RunnerDetached)[0].reason


def test_half_of_a_broken_answer_is_not_followed() -> None:
    lab = Lab(Script(lambda history, slots: [Start(params=params(0), budget=1), Start(params={}, budget=1)]))
    with pytest.raises(TaoAutoMLError):
        lab.run()
    assert lab.trials == []


@pytest.mark.parametrize("direction", list(Direction))
def test_the_best_is_the_best_in_either_direction(direction: Direction) -> None:
    lab = Lab(starting(6), problem=toy_problem(direction, epochs=3)).run()
    best = lab.engine.experiment.best
    assert best is not None
    costs = [trial.score.cost for trial in lab.trials if trial.score]
    assert costs[best.trial] == min(costs)
    assert best.trial == 5
