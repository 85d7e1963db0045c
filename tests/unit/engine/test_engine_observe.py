"""Step 2: what the platform and the logs say becomes events, each once."""

import json
import math
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from lab import NO_DEFAULT, Change, Lab, promoting, starting

from tao_automl.domain.events import CallbackFailed, JobEnded, JobStarted, MetricReported
from tao_automl.domain.job import FailureClass, JobSpec, JobState
from tao_automl.engine.world import Callbacks
from tao_automl.testing.memory_platform import Behaviour
from tao_automl.testing.toy import INFRASTRUCTURE, metric_line


def saying(*lines: str, **changes: Any) -> Change:
    """Jobs that say so, a line a second."""
    timed = [(float(second), line) for second, line in enumerate(lines, start=1)]
    return lambda spec, behaviour: replace(behaviour, lines=timed, seconds=len(lines) + 0.5, **changes)


def reports(lab: Lab) -> list[tuple[int, float | None]]:
    return [(event.epoch, event.values.get("loss")) for event in lab.events(MetricReported)]


def test_one_look_at_all_jobs() -> None:
    lab = Lab(starting(5), rules=replace(NO_DEFAULT, max_concurrent=5))
    while lab.engine.tick():
        pass
    lab.platform.calls.clear()
    lab.engine.tick()
    assert lab.platform.calls["get_job_status"] == 1
    assert lab.platform.calls["get_job_logs"] == 5


def test_a_queued_job_is_left_alone() -> None:
    lab = Lab(change=lambda spec, behaviour: replace(behaviour, queued=5.0)).seconds(4)
    assert lab.events(JobStarted) == []
    assert lab.platform.calls["get_job_logs"] == 0
    lab.run()
    (started,) = lab.events(JobStarted)
    assert started.started_at == lab.engine.experiment.facts.at + 5.0


def test_reports_count_on_if_they_do_not_tell_their_epoch() -> None:
    lines = [metric_line(None, loss=0.5), "noise", metric_line(None, loss=0.4), metric_line(None, loss=0.3)]
    lab = Lab(change=saying(*lines)).run()
    assert reports(lab) == [(1, 0.5), (2, 0.4), (3, 0.3)]


def test_reports_count_on_however_the_log_is_cut() -> None:
    """Also if all of it is there at the first look, in several pieces."""
    lines = [metric_line(None, loss=0.5), metric_line(None, loss=0.4), metric_line(None, loss=0.3)]
    lab = Lab(change=saying(*lines), lines_per_call=1).seconds(1)
    lab.clock.time += 100.0
    lab.run()
    assert reports(lab) == [(1, 0.5), (2, 0.4), (3, 0.3)]


def test_reports_count_on_from_the_checkpoint_that_was_resumed() -> None:
    lab = Lab(promoting(1, 3), change=lambda spec, b: replace(b, lines=[(t, _unnumbered(x)) for t, x in b.lines])).run()
    assert [epoch for epoch, _ in reports(lab)] == [1, 2, 3]
    assert list(lab.trials[0].scores) == [1, 3, 2] or list(lab.trials[0].scores) == [1, 2, 3]


def _unnumbered(line: str) -> str:
    content = json.loads(line)
    return metric_line(None, **content["metrics"])


def test_an_epoch_beyond_the_budget_is_no_score() -> None:
    """Somebody counts steps. The curve keeps them; a searcher must not take them for budgets that it granted."""
    lab = Lab(change=saying(metric_line(500, loss=0.5), metric_line(1000, loss=0.4))).run()
    assert reports(lab) == [(500, 0.5), (1000, 0.4)]
    assert {budget: score.value for budget, score in lab.trials[0].scores.items()} == {3: 0.4}


def test_a_value_that_is_not_finite_is_none() -> None:
    lab = Lab(change=saying(metric_line(1, loss=math.inf))).run()
    assert reports(lab) == [(1, None)]


def test_a_job_has_not_ended_before_its_log_is_read() -> None:
    lines = [metric_line(3, loss=1.0 / n) for n in range(1, 201)]
    lab = Lab(change=saying(*lines), lines_per_call=1).seconds(1)
    lab.clock.time += 1000.0
    lab.engine.tick()
    assert len(lab.events(MetricReported)) == 64
    assert lab.events(JobEnded) == []
    lab.run()
    assert len(lab.events(MetricReported)) == 200
    assert lab.engine.experiment.best is not None
    assert lab.engine.experiment.best.event.value == 1.0 / 200


def test_the_end_of_a_job_is_recorded_in_full() -> None:
    def crash(spec: JobSpec, behaviour: Behaviour) -> Behaviour:
        return replace(
            behaviour, seconds=4.5, state=JobState.FAILED, exit_code=137, detail="oom", failure=INFRASTRUCTURE
        )

    lab = Lab(change=crash, rules=replace(NO_DEFAULT, max_attempts=1)).run()
    (ended,) = lab.events(JobEnded)
    assert (ended.state, ended.exit_code, ended.detail) == (JobState.FAILED, 137, "oom")
    assert ended.failure == INFRASTRUCTURE
    assert ended.checkpoint == "epoch_2.ckpt"
    assert ended.results_path == "memory://toy-t0000-e3-a1/results"
    assert ended.ended_at == lab.engine.experiment.facts.at + 4.5


def test_a_lost_job_is_an_answer() -> None:
    lab = Lab().seconds(3)
    lab.platform.lose("toy-t0000-e3-a1")
    lab.run()
    assert [event.state for event in lab.events(JobEnded)] == [JobState.LOST, JobState.SUCCEEDED]
    assert lab.states == ["completed"]


def test_a_job_that_runs_too_long_is_cancelled() -> None:
    rules = replace(NO_DEFAULT, max_trial_time=10.0)
    lab = Lab(change=lambda spec, behaviour: replace(behaviour, seconds=1e9, queued=20.0), rules=rules).run()
    assert lab.states == ["failed"]
    assert lab.trials[0].failure is FailureClass.RESOURCES
    assert lab.trials[0].reason == "ran longer than max_trial_time (10 s)"
    (ended,) = lab.events(JobEnded)
    assert 30.0 < ended.ended_at - lab.engine.experiment.facts.at < 33.0  # waiting in the queue does not count


def test_a_job_that_ends_before_it_can_be_cancelled_counts() -> None:
    lab = Lab(rules=replace(NO_DEFAULT, max_trial_time=5.0), cancel_seconds=100.0).run()
    assert lab.states == ["completed"]


EXTRACTORS: dict[str, Callable[[str, str], object]] = {
    "number": lambda logs, metric: 0.125,
    "none": lambda logs, metric: None,
    "not finite": lambda logs, metric: math.nan,
}


@pytest.mark.parametrize(("name", "value"), [("number", 0.125), ("none", 0.25), ("not finite", None)])
def test_an_extractor_comes_before_the_tagged_lines(name: str, value: float | None) -> None:
    callbacks = Callbacks(metric_extractor=EXTRACTORS[name])
    lab = Lab(change=saying("text", metric_line(3, loss=0.25)), callbacks=callbacks).run()
    best = lab.engine.experiment.best
    assert (best.event.value if best else None) == value


def test_an_extractor_sees_each_line_once() -> None:
    seen: list[str] = []
    callbacks = Callbacks(metric_extractor=lambda logs, metric: seen.append(logs))
    lines = ["a", metric_line(1, loss=0.5), "c", metric_line(3, loss=0.4)]
    Lab(change=saying(*lines), callbacks=callbacks, poll_interval=2.0).run()
    assert "\n".join(seen) == "\n".join(lines)


@pytest.mark.parametrize("error", [ValueError("no number here\nat all"), SystemExit("bye")])
def test_an_extractor_that_raises_is_noted_once_and_training_goes_on(error: BaseException) -> None:
    def extractor(logs: str, metric: str) -> float:
        raise error

    lines = [metric_line(n, loss=1.0 / n) for n in (1, 2, 3)]
    with ThreadPoolExecutor(1) as executor:
        callbacks = Callbacks(metric_extractor=extractor)
        lab = Lab(change=saying(*lines), callbacks=callbacks, lines_per_call=1, executor=executor).run()
    (failed,) = lab.events(CallbackFailed)
    assert (failed.callback, failed.trial) == ("metric_extractor", 0)
    assert failed.message == f"{type(error).__name__}: {str(error).splitlines()[0]}"
    assert lab.states == ["completed"]


def test_a_slow_extractor_does_not_stall_the_other_jobs() -> None:
    """Trial 0's text keeps the extractor busy; meanwhile trial 1 comes to its end. In a real thread."""
    release, began = threading.Event(), threading.Event()

    def extractor(logs: str, metric: str) -> float | None:
        if "slow" not in logs:
            return None
        began.set()
        assert release.wait(30)
        return 0.0625

    def change(spec: JobSpec, behaviour: Behaviour) -> Behaviour:
        return saying("slow")(spec, behaviour) if "t0000" in spec.key else behaviour

    with ThreadPoolExecutor(2) as executor:
        lab = Lab(starting(2), change=change, callbacks=Callbacks(metric_extractor=extractor), executor=executor)
        for _ in range(500):
            lab.seconds(1)
            threading.Event().wait(0.001)  # lets the threads have their turn
            if lab.states == ["running", "completed"]:
                break
        assert began.is_set()
        assert lab.states == ["running", "completed"]
        release.set()
        lab.run()
    assert lab.engine.experiment.best is not None
    assert lab.engine.experiment.best.event.value == 0.0625


@pytest.mark.parametrize(
    "call", ["get_job_status", "get_job_logs", "get_job_outputs", "get_failure_analysis", "create_job", "capacity"]
)
def test_an_outage_of_any_call_loses_nothing(call: str) -> None:
    def crash_once(spec: JobSpec, behaviour: Behaviour) -> Behaviour:
        if "t0001" in spec.key and spec.key.endswith("a1"):
            return replace(behaviour, seconds=4.5, state=JobState.FAILED, failure=INFRASTRUCTURE)
        return behaviour

    def run(outage: set[str]) -> Lab:
        lab = Lab(starting(3), change=crash_once)
        began = lab.clock.now()

        def weather(seconds: float) -> None:
            lab.platform.down = outage if 2.0 <= lab.clock.now() - began < 40.0 else set()

        lab.clock.on_sleep = weather
        return lab.run()

    calm, stormy = run(set()), run({call})
    assert stormy.states == calm.states == ["completed"] * 3
    assert [set(t.scores) for t in stormy.trials] == [set(t.scores) for t in calm.trials]
    assert sorted(reports(stormy), key=str) == sorted(reports(calm), key=str)
    assert stormy.platform.launched == calm.platform.launched
