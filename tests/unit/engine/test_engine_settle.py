"""Step 3: what has ended becomes a score, a failure or a retry."""

import math
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from lab import NO_DEFAULT, Change, Lab, params, promoting, starting

from tao_automl.domain.events import CallbackFailed, JobEnded, JobRequested, TrialSettled
from tao_automl.domain.job import FailureClass, JobSpec, JobState
from tao_automl.engine.settle import settle
from tao_automl.engine.world import Callbacks
from tao_automl.testing.memory_platform import Behaviour
from tao_automl.testing.toy import INFRASTRUCTURE, MODEL_CODE, broken, metric_line


def always(behaviour: Behaviour) -> Change:
    return lambda spec, usual: behaviour


def logging(*lines: str) -> Change:
    return lambda spec, usual: replace(usual, lines=[(1.0, line) for line in lines])


def test_settling_twice_settles_once() -> None:
    lab = Lab(starting(2)).seconds(60)
    assert lab.states == ["completed"] * 2
    assert list(settle(lab.engine.world, lab.engine.experiment)) == []
    assert [event.trial for event in lab.events(TrialSettled)] == [0, 1]


def test_the_score_is_the_last_word_on_the_metric() -> None:
    """A script that validates every other epoch has a score, too."""
    lines = [metric_line(1, loss=0.5), metric_line(2, loss=0.4, speed=3), metric_line(3, train_loss=0.1)]
    lab = Lab(change=logging(*lines)).run()
    (settled,) = lab.events(TrialSettled)
    assert settled.value == 0.4
    assert settled.values == {"loss": 0.4, "speed": 3.0, "train_loss": 0.1}


@pytest.mark.parametrize(
    ("lines", "failure", "reason"),
    [
        ([], FailureClass.METRIC_MISSING, "`loss` was not reported (no metric was found in the log)"),
        (
            [metric_line(1, val_loss=0.5, acc=0.1)],
            FailureClass.METRIC_MISSING,
            "`loss` was not reported (found in the log: acc, val_loss; did you mean val_loss?)",
        ),
        ([metric_line(1, loss=math.nan)], FailureClass.MODEL_CODE, "`loss` was reported, but not finite"),
        (
            [metric_line(1, loss=0.5), metric_line(2, loss=math.inf)],
            FailureClass.MODEL_CODE,
            "`loss` was reported, but not finite",
        ),
    ],
)
def test_a_training_without_a_value_has_failed(lines: list[str], failure: FailureClass, reason: str) -> None:
    lab = Lab(change=logging(*lines)).run()
    assert lab.states == ["failed"]
    assert (lab.trials[0].failure, lab.trials[0].reason) == (failure, reason)


def test_infrastructure_is_retried_and_no_more_often_than_allowed() -> None:
    lab = Lab(change=always(broken(1.0, INFRASTRUCTURE)), rules=replace(NO_DEFAULT, max_attempts=3)).run()
    assert [event.attempt for event in lab.events(JobRequested)] == [1, 2, 3]
    assert (lab.trials[0].failure, lab.trials[0].reason) == (FailureClass.INFRASTRUCTURE, "node lost")


def test_what_is_the_users_fault_is_not_retried() -> None:
    lab = Lab(change=always(broken(1.0, MODEL_CODE))).run()
    assert len(lab.events(JobRequested)) == 1
    assert (lab.trials[0].failure, lab.trials[0].reason) == (FailureClass.MODEL_CODE, MODEL_CODE.evidence)


def test_a_retry_continues_from_the_last_checkpoint() -> None:
    def dies_in_epoch_three(spec: JobSpec, usual: Behaviour) -> Behaviour:
        if spec.key.endswith("a1"):
            return replace(usual, seconds=5.0, state=JobState.FAILED, failure=INFRASTRUCTURE)
        return usual

    lab = Lab(change=dies_in_epoch_three).run()
    first, second = lab.events(JobRequested)
    assert (first.spec.resume_from, second.spec.resume_from) == (None, first.spec.key)
    assert '"start": 2' in second.spec.files["spec.json"]
    assert list(lab.trials[0].scores) == [1, 2, 3]


def dies_at_the_very_end(spec: JobSpec, usual: Behaviour) -> Behaviour:
    """After its last report and checkpoint, and before it has succeeded."""
    if spec.key.endswith("e1-a1"):
        return replace(usual, seconds=2.2, state=JobState.FAILED, failure=INFRASTRUCTURE)
    return usual


def test_a_retry_that_has_nothing_left_to_train_keeps_the_score() -> None:
    lab = Lab(promoting(1, 1), change=dies_at_the_very_end).run()
    assert lab.states == ["completed"]
    assert [event.checkpoint for event in lab.events(JobEnded)] == ["epoch_1.ckpt", None]


def test_a_promotion_finds_the_checkpoint_of_an_earlier_attempt() -> None:
    lab = Lab(promoting(1, 3), change=dies_at_the_very_end).run()
    promoted = lab.events(JobRequested)[-1].spec
    assert promoted.key == "toy-t0000-e3-a1"
    assert promoted.resume_from == "toy-t0000-e1-a1"
    assert '"start": 1' in promoted.files["spec.json"]


def test_without_resuming_everything_starts_afresh() -> None:
    problem = Lab().problem
    assert problem.fidelity is not None
    problem = replace(problem, fidelity=replace(problem.fidelity, resumable=False))
    lab = Lab(promoting(1, 3), problem=problem).run()
    assert [event.spec.resume_from for event in lab.events(JobRequested)] == [None, None]


def test_a_job_that_somebody_else_cancelled() -> None:
    lab = Lab(change=always(Behaviour(seconds=2.0, state=JobState.CANCELLED, detail="by uid 1000"))).run()
    assert lab.states == ["failed"]
    assert lab.trials[0].reason == "cancelled from outside of this run by uid 1000"
    assert len(lab.events(JobRequested)) == 1


def test_too_long_is_no_infrastructure_failure_whatever_the_platform_says() -> None:
    killed = replace(broken(8.0, INFRASTRUCTURE), state=JobState.FAILED)
    lab = Lab(change=always(killed), rules=replace(NO_DEFAULT, max_trial_time=4.0), cancel_seconds=100.0).run()
    assert lab.trials[0].failure is FailureClass.RESOURCES
    assert len(lab.events(JobRequested)) == 1


ANSWERS: list[tuple[Any, float | None, str]] = [
    (0.5, 0.5, ""),
    (3, 3.0, ""),
    (np.float32(0.5), 0.5, ""),
    (np.int64(2), 2.0, ""),
    ((0.5, 0.125), 0.5, ""),
    ({"loss": 0.5, "note": "fine"}, 0.5, ""),
    ({"metric_value": 0.5}, 0.5, ""),
    (None, None, "the callback answered None, which is no finite number"),
    (math.nan, None, "the callback answered nan, which is no finite number"),
    (True, None, "the callback answered True, which is no finite number"),
    ("0.5", None, "the callback answered '0.5', which is no finite number"),
    ((0.5, None), None, "the callback answered (0.5, None), which is no finite number"),
    ({"acc": 1.0}, None, "the callback's answer has no finite `loss` (found: acc)"),
    ({}, None, "the callback's answer has no finite `loss` (found: nothing)"),
    ({"loss": math.inf}, None, "the callback's answer has no finite `loss` (found: loss)"),
]


@pytest.mark.parametrize(("answer", "value", "reason"), ANSWERS, ids=[repr(answer) for answer, _, _ in ANSWERS])
def test_eval_fn_is_authoritative(answer: Any, value: float | None, reason: str) -> None:
    lab = Lab(callbacks=Callbacks(eval_fn=lambda rec, job: answer)).run()
    (settled,) = lab.events(TrialSettled)
    assert (settled.value, settled.reason) == (value, reason)
    assert settled.failure is (None if value is not None else FailureClass.METRIC_MISSING)
    assert len(lab.trials[0].scores) == (value is not None)


def test_eval_fn_is_told_what_to_evaluate() -> None:
    calls = []

    def eval_fn(rec: dict[str, Any], job_id: str) -> float:
        calls.append((rec, job_id))
        return 1.0

    Lab(callbacks=Callbacks(eval_fn=eval_fn)).run()
    ((rec, job_id),) = calls
    assert job_id == rec["job_id"] == "toy-t0000-e3-a1"
    assert (rec["rec_id"], rec["specs"], rec["budget"]) == (0, params(0), 3)
    assert (rec["checkpoint"], rec["results_path"]) == ("epoch_3.ckpt", "memory://toy-t0000-e3-a1/results")


@pytest.mark.parametrize("error", [ValueError("no such file\nmore"), SystemExit(3)])
def test_eval_fn_that_raises_fails_its_trial(error: BaseException) -> None:
    def eval_fn(rec: Any, job_id: str) -> float:
        raise error

    with ThreadPoolExecutor(1) as executor:
        lab = Lab(callbacks=Callbacks(eval_fn=eval_fn), executor=executor).run()
    (failed,) = lab.events(CallbackFailed)
    assert failed.message == f"{type(error).__name__}: {str(error).splitlines()[0]}"
    assert lab.trials[0].failure is FailureClass.METRIC_MISSING
    assert failed.message in lab.trials[0].reason


def test_eval_fn_is_not_asked_about_a_training_that_failed() -> None:
    asked: list[Any] = []
    Lab(change=always(broken(1.0)), callbacks=Callbacks(eval_fn=lambda rec, job: asked.append(rec))).run()
    assert asked == []


def test_a_slow_eval_fn_does_not_stall_the_other_jobs() -> None:
    release = threading.Event()

    def eval_fn(rec: dict[str, Any], job_id: str) -> float:
        assert rec["rec_id"] != 0 or release.wait(30)
        return float(rec["rec_id"])

    with ThreadPoolExecutor(2) as executor:
        lab = Lab(starting(4), callbacks=Callbacks(eval_fn=eval_fn), executor=executor)
        _wait_for(lab, lambda: lab.states == ["running", "completed", "completed", "completed"])
        release.set()
        lab.run()
    assert lab.states == ["completed"] * 4


def _wait_for(lab: Lab, done: Callable[[], bool]) -> None:
    for _ in range(2000):
        lab.seconds(1)
        if done():
            return
        threading.Event().wait(0.001)  # lets the threads have their turn
    pytest.fail(f"never happened; states: {lab.states}")
