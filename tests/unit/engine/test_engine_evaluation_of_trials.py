"""Trials that are scored by the evaluate action."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from lab import NO_DEFAULT, Change, Lab, Script, params, promoting, starting

from tao_automl.domain.events import JobRequested, Purpose, RunStatus, TrialSettled
from tao_automl.domain.job import FailureClass, JobSpec, JobState
from tao_automl.domain.trial import Decision, Start, Stop, Trial
from tao_automl.engine.world import Callbacks, Rules
from tao_automl.testing.memory_platform import Behaviour
from tao_automl.testing.toy import INFRASTRUCTURE, broken, metric_line

EVALUATED: dict[str, Any] = {"evaluates": True, "scored_by_evaluation": True}


def instead(value: float) -> Change:
    """Evaluations see something else than trainings report."""
    lines = [(0.5, metric_line(None, loss=value))]
    return lambda spec, usual: replace(usual, lines=lines) if "evaluate" in spec.key else usual


def only(purpose: str, behaviour: Behaviour) -> Change:
    return lambda spec, usual: behaviour if purpose in spec.key else usual


def purposes(lab: Lab) -> list[str]:
    return [event.purpose.value for event in lab.events(JobRequested)]


def test_the_evaluation_is_the_score_and_not_the_training() -> None:
    lab = Lab(change=instead(0.125), **EVALUATED).run()
    assert purposes(lab) == ["train", "evaluate"]
    assert {budget: score.value for budget, score in lab.trials[0].scores.items()} == {3: 0.125}
    assert lab.events(JobRequested)[1].spec.resume_from == "toy-t0000-e3-a1"


def test_each_rung_is_evaluated() -> None:
    lab = Lab(promoting(), **EVALUATED).run()
    assert purposes(lab) == ["train", "evaluate"] * 2
    assert list(lab.trials[0].scores) == [1, 3]
    assert list(lab.engine.experiment.jobs) == [
        "toy-t0000-e1-a1",
        "toy-t0000-evaluate1-a1",
        "toy-t0000-e3-a1",
        "toy-t0000-evaluate3-a1",
    ]


def test_the_default_as_it_was_scored_is_the_baseline() -> None:
    lab = Lab(rules=Rules(max_concurrent=2), **EVALUATED).run()
    baseline = lab.engine.experiment.baseline
    assert baseline is not None
    assert (baseline.status, baseline.job_id) == ("measured", "toy-t0000-evaluate3-a1")
    assert baseline.metric_value == lab.trials[0].scores[3].value
    assert Purpose.BASELINE.value not in purposes(lab)


def test_the_winner_is_not_looked_at_again_on_the_same_data() -> None:
    lab = Lab(starting(2), **EVALUATED).run()
    final = lab.engine.experiment.final
    assert final is not None
    assert final.status == "unavailable"
    assert "`reuse_best_evaluation`" in final.reason
    assert final.metric_value is None


def test_its_score_may_be_reused_and_says_so() -> None:
    rules = replace(NO_DEFAULT, reuse_best_evaluation=True)
    lab = Lab(starting(2), rules=rules, **EVALUATED).run()
    final, best = lab.engine.experiment.final, lab.engine.experiment.best
    assert final is not None
    assert best is not None
    assert (final.status, final.metric_value) == ("reused_best", best.value)
    assert final.job_id == "toy-t0001-evaluate3-a1"
    assert "not an independent measure" in final.reason


def test_what_is_reused_is_the_evaluation_of_the_rung_that_won() -> None:
    def worse(spec: JobSpec, usual: Behaviour) -> Behaviour:
        return replace(usual, lines=[(0.1, metric_line(None, loss=9.0))]) if "evaluate3" in spec.key else usual

    rules = replace(NO_DEFAULT, reuse_best_evaluation=True)
    lab = Lab(promoting(), rules=rules, change=worse, **EVALUATED).run()
    final = lab.engine.experiment.final
    assert final is not None
    assert final.job_id == "toy-t0000-evaluate1-a1"


def test_a_final_eval_fn_comes_first() -> None:
    lab = Lab(callbacks=Callbacks(final_eval_fn=lambda rec, job: 0.5), **EVALUATED).run()
    assert lab.engine.experiment.final is not None
    assert lab.engine.experiment.final.status == "provided"


def test_an_eval_fn_comes_first() -> None:
    lab = Lab(callbacks=Callbacks(eval_fn=lambda rec, job: 0.5), rules=Rules(), **EVALUATED).run()
    assert purposes(lab) == ["train", "baseline", "final"]
    assert lab.trials[0].scores[3].value == 0.5


@pytest.mark.parametrize(
    ("behaviour", "failure", "reason"),
    [
        (broken(1.0), FailureClass.MODEL_CODE, "ValueError: lr is too large"),
        (Behaviour(seconds=1.0), FailureClass.METRIC_MISSING, "`loss` was not reported"),
        (
            Behaviour(seconds=1.0, lines=[(0.5, metric_line(None, loss=float("nan")))]),
            FailureClass.MODEL_CODE,
            "not finite",
        ),
        (Behaviour(seconds=1.0, state=JobState.CANCELLED), FailureClass.UNKNOWN, "cancelled from outside"),
    ],
)
def test_without_an_evaluation_the_trial_has_failed(behaviour: Behaviour, failure: FailureClass, reason: str) -> None:
    """It never falls back to what the training reported."""
    lab = Lab(change=only("evaluate", behaviour), **EVALUATED).run()
    assert lab.states == ["failed"]
    assert lab.trials[0].failure is failure
    assert reason in lab.trials[0].reason
    assert lab.trials[0].scores == {}


def test_a_training_without_a_checkpoint_cannot_be_evaluated() -> None:
    lab = Lab(change=lambda spec, usual: replace(usual, outputs=()), **EVALUATED).run()
    assert lab.trials[0].failure is FailureClass.METRIC_MISSING
    assert lab.trials[0].reason == "toy-t0000-e3-a1 left no checkpoint"


def test_evaluations_are_retried() -> None:
    def flaky(spec: JobSpec, usual: Behaviour) -> Behaviour:
        return broken(1.0, INFRASTRUCTURE) if "evaluate" in spec.key and not spec.key.endswith("a3") else usual

    lab = Lab(change=flaky, **EVALUATED).run()
    assert lab.states == ["completed"]
    assert purposes(lab) == ["train", *["evaluate"] * 3]
    assert {event.spec.resume_from for event in lab.events(JobRequested)[1:]} == {"toy-t0000-e3-a1"}


def test_an_evaluation_that_hangs_fails_the_trial() -> None:
    rules = replace(NO_DEFAULT, max_trial_time=20.0)
    lab = Lab(rules=rules, change=only("evaluate", Behaviour(seconds=1e9)), **EVALUATED).run()
    assert lab.trials[0].failure is FailureClass.RESOURCES
    assert "max_trial_time" in lab.trials[0].reason


def test_a_trial_that_is_stopped_during_its_evaluation_still_has_its_score() -> None:
    def ask(history: Sequence[Trial], slots: int) -> Sequence[Decision]:
        if not history:
            return [Start(params=params(0), budget=3)]
        return [Stop(trial=0, reason="enough")] if "evaluate" in "".join(lab.platform.jobs) and history[0].live else []

    lab = Lab(Script(ask), **EVALUATED)
    lab.run()
    assert lab.states == ["completed"]


def test_cancelling_ends_evaluations_too() -> None:
    cancelled: list[bool] = []
    lab = Lab(
        change=only("evaluate", Behaviour(seconds=1e9)), cancelled=lambda clock: bool(cancelled), **EVALUATED
    ).seconds(12)
    assert purposes(lab) == ["train", "evaluate"]
    cancelled.append(True)
    lab.run()
    assert lab.states == ["abandoned"]
    assert lab.platform.running == []
    assert lab.engine.experiment.finished is not None
    assert lab.engine.experiment.finished.status is RunStatus.STOPPED


def test_the_slot_is_taken_until_the_evaluation_is_done() -> None:
    lab = Lab(starting(3), rules=replace(NO_DEFAULT, max_concurrent=1), **EVALUATED).run()
    assert lab.platform.most_running == 1
    assert purposes(lab) == ["train", "evaluate"] * 3
    assert len(lab.events(TrialSettled)) == 3
