"""The loop: outages, interruptions, second runners, and listeners."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from lab import NO_DEFAULT, Lab, Script, starting

from tao_automl.domain.events import (
    Event,
    ExperimentFinished,
    JobSubmitted,
    RunnerAttached,
    RunnerDetached,
    RunStatus,
)
from tao_automl.domain.experiment import Experiment, fold
from tao_automl.domain.job import JobSpec
from tao_automl.domain.trial import Decision, Trial
from tao_automl.engine.workers import Workers
from tao_automl.engine.world import Callbacks
from tao_automl.errors import JournalConflict, JournalError
from tao_automl.testing.memory_platform import Behaviour
from tao_automl.testing.toy import InlineExecutor, build_engine


def test_it_sleeps_only_when_there_is_nothing_to_do() -> None:
    lab = Lab(poll_interval=7.0)
    naps: list[float] = []
    lab.clock.on_sleep = naps.append
    lab.run()
    assert set(naps) == {7.0}
    assert len(naps) == 1  # the toy trains for 6.5 seconds


def test_the_user_sets_the_interval() -> None:
    lab = Lab(poll_interval=7.0)
    lab.engine.world.poll_interval = 2.0
    naps: list[float] = []
    lab.clock.on_sleep = naps.append
    lab.run()
    assert set(naps) == {2.0}


def test_an_outage_is_waited_out_with_longer_and_longer_pauses() -> None:
    lab = Lab(poll_interval=1.0).seconds(1)
    naps: list[float] = []
    lab.clock.on_sleep = naps.append
    lab.platform.down = {"*"}
    began = lab.clock.now()
    lab.clock.on_sleep = lambda seconds: (naps.append(seconds), _end_outage(lab, began + 600.0))[0]
    lab.run()
    assert naps[:7] == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert lab.states == ["completed"]
    assert lab.events(RunnerDetached) == []


def _end_outage(lab: Lab, at: float) -> None:
    if lab.clock.now() >= at:
        lab.platform.down = set()


def test_when_patience_ends_the_runner_leaves_and_the_jobs_stay() -> None:
    lab = Lab(rules=replace(NO_DEFAULT, platform_patience=300.0)).seconds(1)
    lab.platform.down = {"*"}
    began = lab.clock.now()
    lab.run()
    (detached,) = lab.events(RunnerDetached)
    assert detached.reason == "the platform could not be reached: get_job_status: no route to the memory platform"
    assert 300.0 < detached.at - began < 400.0
    assert lab.engine.experiment.status is RunStatus.INTERRUPTED
    lab.platform.down = set()
    assert lab.platform.calls["cancel_job"] == 0
    lab.resume().run()
    assert lab.states == ["completed"]
    assert set(lab.platform.launched.values()) == {1}


def test_patience_starts_again_after_each_outage() -> None:
    lab = Lab(starting(9), rules=replace(NO_DEFAULT, platform_patience=20.0))
    began = lab.clock.now()

    def weather(seconds: float) -> None:
        lab.platform.down = {"get_job_status"} if (lab.clock.now() - began) % 40 < 10 else set()

    lab.clock.on_sleep = weather
    lab.run()
    assert lab.states == ["completed"] * 9


def test_what_was_learned_before_the_outage_is_kept_even_if_it_is_the_last_straw() -> None:
    lab = Lab(starting(2), rules=replace(NO_DEFAULT, platform_patience=-1.0)).seconds(1)
    lab.platform.down = {"get_job_outputs"}
    lab.clock.time += 6.0
    before = lab.engine.experiment.seq
    lab.run()
    kinds = {type(event).__name__ for event in list(lab.journal.read())[before:]}
    assert kinds == {"MetricReported", "RunnerDetached"}


def test_an_outage_does_not_spin_while_an_answer_lies_about() -> None:
    """The extractor has answered; nobody can fetch it before the platform is back."""
    lab = Lab(callbacks=Callbacks(metric_extractor=lambda logs, metric: 0.5)).seconds(1)
    lab.engine.world.workers.answer("left over", lambda: 1)
    with ThreadPoolExecutor(1) as executor:
        lab.engine.world.workers = Workers(executor)
        answered = threading.Event()
        lab.engine.world.workers.answer("left over", answered.set)
        assert answered.wait(30)
        lab.platform.down = {"*"}
        naps: list[float] = []
        lab.clock.on_sleep = lambda seconds: naps.append(seconds) or _end_outage(lab, 1_700_000_100.0)  # type: ignore[func-returns-value]
        lab.engine.tick()
        lab.engine._rest()
    assert naps == [2.0]


def test_ctrl_c_while_sleeping_detaches() -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    lab = Lab(starting(2))
    lab.clock.on_sleep = interrupt
    lab.run()
    _check_detached_and_resumes(lab, 2)


@pytest.mark.parametrize("at", range(2))
def test_ctrl_c_inside_the_platform_detaches(at: int) -> None:
    """The job was created, or not; nobody knows. It exists once in the end."""

    def interrupt(spec: JobSpec, usual: Behaviour) -> Behaviour:
        if lab.platform.calls["create_job"] == 1 + at:
            raise KeyboardInterrupt
        return usual

    lab = Lab(starting(2), change=interrupt)
    lab.run()
    _check_detached_and_resumes(lab, 2)


def test_ctrl_c_while_a_callback_is_waited_for_detaches() -> None:
    lab = Lab(callbacks=Callbacks(eval_fn=lambda rec, job: 1.0))

    class Interrupted(Workers):
        busy = True  # type: ignore[assignment]

        def wait(self, seconds: float) -> None:
            raise KeyboardInterrupt

    lab.engine.world.workers = Interrupted(InlineExecutor())
    lab.run()
    _check_detached_and_resumes(lab, 1)


def test_ctrl_c_in_a_listener_detaches() -> None:
    """The event is in the journal, and the fold has it; the listener is told no more."""

    def listener(event: Event, experiment: Experiment) -> None:
        if isinstance(event, JobSubmitted):
            raise KeyboardInterrupt

    lab = Lab(starting(2))
    lab.engine = build_engine(journal=lab.journal.reopened(), listeners=[listener], **lab.settings)
    lab.run()
    _check_detached_and_resumes(lab, 2)


def _check_detached_and_resumes(lab: Lab, trials: int) -> None:
    assert list(lab.journal.read())[-1] == lab.events(RunnerDetached)[0]
    assert lab.events(RunnerDetached)[0].reason == "interrupted by the user"
    assert lab.engine.experiment.status is RunStatus.INTERRUPTED
    assert lab.platform.calls["cancel_job"] == 0
    lab.clock.on_sleep = None
    lab.resume().run()
    assert lab.states == ["completed"] * trials
    assert set(lab.platform.launched.values()) == {1}
    assert lab.engine.experiment.status is RunStatus.COMPLETED


def test_the_first_runner_stops_when_a_second_one_took_over() -> None:
    lab = Lab(starting(2)).seconds(2)
    first = lab.engine
    lab.resume()
    calls = lab.platform.calls["create_job"]
    lab.clock.time += 3.0
    with pytest.raises(JournalConflict):
        first.run()
    assert lab.platform.calls["create_job"] == calls
    lab.run()
    assert lab.states == ["completed"] * 2
    assert len(lab.events(RunnerAttached)) == 2


def test_a_journal_that_cannot_be_written_ends_the_runner_and_nothing_else() -> None:
    lab = Lab(starting(2)).seconds(2)
    lab.engine.journal.close()
    lab.clock.time += 3.0
    with pytest.raises(JournalError, match="closed"):
        lab.run()
    assert lab.platform.calls["cancel_job"] == 0
    lab.resume().run()
    assert lab.states == ["completed"] * 2


def test_a_bug_in_a_searcher_leaves_the_jobs_alone() -> None:
    def ask(history: Sequence[Trial], slots: int) -> Sequence[Decision]:
        if len(history) == 2:
            raise ZeroDivisionError
        return starting(2).ask(history, slots)

    lab = Lab(Script(ask))
    with pytest.raises(ZeroDivisionError):
        lab.run()
    assert len(lab.platform.running) == 2 or lab.platform.calls["create_job"] == 0
    assert lab.platform.calls["cancel_job"] == 0


def test_a_finished_experiment_is_left_as_it_is() -> None:
    lab = Lab().run()
    events, calls = list(lab.journal.read()), lab.platform.calls.copy()
    assert lab.engine.tick() == 0
    lab.resume().run()
    assert list(lab.journal.read()) == events
    assert lab.platform.calls == calls
    assert isinstance(events[-1], ExperimentFinished)


def test_listeners_hear_what_is_durable_once_and_in_order() -> None:
    heard: list[Event] = []

    def listener(event: Event, experiment: Experiment) -> None:
        heard.append(event)
        assert event in list(lab.journal.read())
        assert experiment.seq == lab.journal.length()

    lab = Lab(starting(2))
    before = list(lab.journal.read())
    lab.engine = build_engine(journal=lab.journal.reopened(), listeners=[listener], **lab.settings)
    lab.run()
    assert [*before, *heard] == list(lab.journal.read())


def test_the_fold_of_the_journal_is_the_experiment() -> None:
    lab = Lab(starting(3), evaluates=True).run()
    folded: Any = fold(lab.journal.read())
    assert vars(folded) == vars(lab.engine.experiment)


def test_workers_ask_once_and_forget_what_was_fetched() -> None:
    asked: list[int] = []
    with ThreadPoolExecutor(1) as executor:
        workers = Workers(executor)
        while (answer := workers.answer("q", lambda: asked.append(1) or "a")) is None:  # type: ignore[func-returns-value]
            workers.wait(0.01)
        assert (answer.value, answer.error) == ("a", None)
        assert not workers.busy
        assert asked == [1]


def test_workers_let_a_kill_through() -> None:
    def die() -> None:
        raise KeyboardInterrupt

    with ThreadPoolExecutor(1) as executor, suppress(KeyboardInterrupt):
        workers = Workers(executor)
        while workers.answer("q", die) is None:
            workers.wait(0.01)
        pytest.fail("it was swallowed")
