"""Goals in a run: several objectives, formulas, constraints, and the winner or the front that follows."""

from dataclasses import replace
from typing import Any

import pytest
from lab import NO_DEFAULT, Lab, params, promoting, starting

from tao_automl.domain.events import Evaluation, FinalEvaluationSettled, JobRequested, Purpose, RunStatus, TrialSettled
from tao_automl.domain.goal import Direction, Objective, OutcomeConstraint
from tao_automl.domain.job import FailureClass
from tao_automl.domain.problem import Problem
from tao_automl.domain.trial import TrialState
from tao_automl.engine.world import Callbacks, Rules
from tao_automl.testing.toy import toy_problem

LATENCY = Objective(metric="latency", direction=Direction.MINIMIZE)
DEFAULT = Rules(max_concurrent=2)


def by_width(params: Any, epoch: int) -> dict[str, float]:
    """Wide networks are slow."""
    return {"latency": float(params["width"])}


def problem(*others: Objective, keeps: tuple[OutcomeConstraint, ...] = (), **more: Any) -> Problem:
    return replace(toy_problem(epochs=3), others=others, constraints=keeps, **more)


def at_most(left: str, right: str) -> OutcomeConstraint:
    return OutcomeConstraint(left=left, right=right, at_most=True)


def at_least(left: str, right: str) -> OutcomeConstraint:
    return OutcomeConstraint(left=left, right=right, at_most=False)


def finished(lab: Lab) -> tuple[RunStatus, str]:
    end = lab.engine.experiment.finished
    assert end is not None
    return end.status, end.reason


def final(lab: Lab) -> Evaluation:
    assert lab.engine.experiment.final is not None
    return lab.engine.experiment.final


def test_every_member_of_the_front_is_evaluated() -> None:
    lab = Lab(starting(5), problem=problem(LATENCY), more=by_width, evaluates=True, rules=NO_DEFAULT).run()
    experiment = lab.engine.experiment
    members = {winner.trial for winner in experiment.winners}
    assert experiment.best is None
    assert 1 < len(members) < 5
    assert {event.trial for event in lab.events(FinalEvaluationSettled)} == members
    assert {e.trial for e in lab.events(JobRequested) if e.purpose is Purpose.FINAL} == members
    assert all(evaluation.status == "measured" for evaluation in experiment.finals.values())
    assert finished(lab)[0] is RunStatus.COMPLETED


def test_each_member_of_the_front_is_shown_to_the_final_eval_fn() -> None:
    asked: list[int] = []

    def final_eval_fn(rec: dict[str, Any], job: str) -> float:
        asked.append(rec["rec_id"])
        if len(asked) == 1:
            raise OSError("disk gone")
        return 0.5

    callbacks = Callbacks(final_eval_fn=final_eval_fn)
    lab = Lab(starting(5), problem=problem(LATENCY), more=by_width, callbacks=callbacks).run()
    assert sorted(asked) == [winner.trial for winner in lab.engine.experiment.winners]
    assert [event.evaluation.status for event in lab.events(FinalEvaluationSettled)] == [
        "callback_error",
        *["provided"] * (len(asked) - 1),
    ]


def test_an_objective_that_is_not_reported_fails_the_trial() -> None:
    lab = Lab(problem=problem(LATENCY)).run()
    assert lab.states == ["failed"]
    assert lab.trials[0].failure is FailureClass.METRIC_MISSING
    assert "`latency` was not reported" in lab.trials[0].reason


def test_a_metric_that_only_a_constraint_needs_is_needed() -> None:
    lab = Lab(problem=problem(keeps=(at_most("latency", "9"),))).run()
    assert lab.trials[0].failure is FailureClass.METRIC_MISSING
    callbacks = Callbacks(eval_fn=lambda rec, job: 0.5)
    lab = Lab(problem=problem(keeps=(at_most("latency", "9"),)), callbacks=callbacks).run()
    assert lab.trials[0].reason == "the callback answered one number; a mapping with loss, latency is needed"


def test_a_constraint_that_divides_by_zero_is_not_kept() -> None:
    lab = Lab(problem=problem(keeps=(at_most("loss / (latency - latency)", "9"),)), more=by_width).run()
    assert lab.states == ["failed"]
    assert "cannot be computed from" in lab.trials[0].reason
    assert lab.engine.experiment.best is None


def test_a_formula_is_the_objective() -> None:
    text = "accuracy - 0.01 * latency"
    formula = Objective(metric=text, direction=Direction.MAXIMIZE, formula=text)
    lab = Lab(starting(5), problem=replace(problem(), objective=formula), more=by_width).run()
    best = lab.engine.experiment.best
    assert best is not None
    assert best.event.value == max(event.value for event in lab.events(TrialSettled) if event.value is not None)
    values = best.event.values
    assert best.event.value == pytest.approx(values["accuracy"] - 0.01 * values["latency"])
    assert list(lab.trials[0].scores) == [1, 2, 3]


@pytest.mark.parametrize("answer", [0.5, {"a - b": 0.5}, {"a": 1.0, "b": 0.5}, {"metric_value": 0.5}, (0.5, 0.1)])
def test_an_eval_fn_may_answer_a_formula_or_what_it_is_made_of(answer: Any) -> None:
    formula = Objective(metric="a - b", direction=Direction.MAXIMIZE, formula="a - b")
    callbacks = Callbacks(eval_fn=lambda rec, job: answer)
    lab = Lab(problem=replace(problem(), objective=formula), callbacks=callbacks).run()
    assert lab.states == ["completed"]
    assert lab.engine.experiment.best is not None
    assert lab.engine.experiment.best.value == 0.5


def test_when_nothing_keeps_the_constraints_there_is_no_best_and_the_run_completes() -> None:
    lab = Lab(starting(3), problem=problem(keeps=(at_most("latency", "0"),)), more=by_width, evaluates=True).run()
    assert lab.states == ["completed"] * 3
    assert lab.engine.experiment.best is None
    assert lab.engine.experiment.winners == []
    assert (final(lab).status, final(lab).reason) == ("not_run", "no trial keeps the outcome constraints")
    assert finished(lab) == (RunStatus.COMPLETED, "the search is complete")


def test_the_winner_keeps_the_constraints() -> None:
    """Trial 1 has the best loss, and a width of 2."""
    free = Lab(starting(5), more=by_width).run().engine.experiment.best
    bound = Lab(starting(5), problem=problem(keeps=(at_least("latency", "3"),)), more=by_width).run()
    best = bound.engine.experiment.best
    assert free is not None
    assert best is not None
    assert free.trial == 1
    assert best.trial == 4
    assert best.event.values["latency"] >= 3


@pytest.mark.parametrize("share", ["0.5", "1", "2"])
def test_a_constraint_by_the_baseline_is_judged_once_there_is_one(share: str) -> None:
    """The default configuration is the baseline: it keeps `latency <= 1 * baseline`, and breaks the half of it."""
    keeps = (at_most("latency", f"{share} * baseline"),)
    lab = Lab(starting(4), problem=problem(keeps=keeps), more=by_width, rules=DEFAULT).run()
    default = lab.trials[0].scores[3]
    assert default.excess == (pytest.approx(4.0 / (4 * float(share)) - 1),)
    assert (default.violation > 0) is (share == "0.5")
    limit = 4 * float(share)
    wide = {trial.id for trial in lab.trials if trial.params["width"] > limit}
    assert {trial.id for trial in lab.trials if trial.scores[3].violation} == wide
    resumed = lab.resume().engine.experiment
    assert [trial.scores for trial in resumed.trials] == [trial.scores for trial in lab.trials]


def test_the_base_model_is_what_a_constraint_means_by_the_baseline() -> None:
    """It is wider than anything that is trained."""
    keeps = (at_most("latency", "0.5 * baseline"),)
    lab = Lab(
        starting(3),
        problem=problem(keeps=keeps),
        more=lambda params, epoch: {"latency": 16.0 if epoch == 1 else float(params["width"])},
        rules=NO_DEFAULT,
        evaluates_base=True,
    ).run()
    assert lab.engine.experiment.baseline_values["latency"] == 16.0
    assert [trial.scores[3].excess[0] for trial in lab.trials] == [pytest.approx(w / 8 - 1) for w in (1, 2, 3)]


@pytest.mark.parametrize("rules", [NO_DEFAULT, replace(NO_DEFAULT, allow_proxy_metric=True)])
def test_without_a_baseline_there_is_no_constraint_by_it(rules: Rules) -> None:
    lab = Lab(starting(3), problem=problem(keeps=(at_most("loss", "baseline"),)), rules=rules).run()
    assert finished(lab) == (
        RunStatus.FAILED,
        "no baseline for an outcome constraint that asks for it: evaluate_default=False",
    )
    assert lab.trials == []


def test_a_target_is_not_reached_before_the_constraints_can_be_judged() -> None:
    """The default configuration is good enough at once; as the baseline it must be better than itself."""
    rules = replace(DEFAULT, target_metric=100.0)
    keeps = (at_most("loss", "0.5 * baseline"),)
    lab = Lab(starting(4), problem=problem(keeps=keeps), rules=rules).run()
    best = lab.engine.experiment.best
    assert best is not None
    assert best.trial == 1
    assert lab.engine.experiment.baseline is not None
    assert finished(lab)[1].startswith("target reached")


def test_a_promoted_trial_stands_on_the_front_where_it_was_trained_last() -> None:
    lab = Lab(promoting(), problem=problem(LATENCY), more=lambda p, epoch: {"latency": float(epoch)}).run()
    (winner,) = lab.engine.experiment.winners
    assert (winner.trial, winner.budget, winner.job) == (0, 3, "toy-t0000-e3-a1")
    assert lab.trials[0].state is TrialState.COMPLETED
    assert [score.costs for score in lab.trials[0].scores.values()] == [
        (lab.trials[0].scores[epoch].value, float(epoch)) for epoch in (1, 2, 3)
    ]


def test_negating_a_metric_and_its_direction_changes_nothing() -> None:
    best = Lab(starting(5), problem=toy_problem(Direction.MINIMIZE, epochs=3)).run().engine.experiment.best
    mirrored = Lab(starting(5), problem=toy_problem(Direction.MAXIMIZE, epochs=3)).run().engine.experiment.best
    assert best is not None
    assert mirrored is not None
    assert (best.trial, best.value) == (mirrored.trial, pytest.approx(1 - (mirrored.value or 0)))
    assert params(best.trial) == params(1)
