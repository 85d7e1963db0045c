"""What a configuration is judged by: directions, formulas, and what the outcome must keep."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tao_automl.domain.goal import Direction, Goal, Objective, OutcomeConstraint

MIN, MAX = Direction.MINIMIZE, Direction.MAXIMIZE
numbers = st.floats(-1e6, 1e6)


def plain(metric: str, direction: Direction = MAX) -> Objective:
    return Objective(metric=metric, direction=direction)


def formula(text: str) -> Objective:
    return Objective(metric=text, direction=MAX, formula=text)


def keeps(text: str) -> OutcomeConstraint:
    left, sign, right = text.partition("<=") if "<=" in text else text.partition(">=")
    return OutcomeConstraint(left=left.strip(), right=right.strip(), at_most=sign == "<=")


@given(a=numbers, b=numbers)
def test_the_cost_turns_every_objective_into_one_to_minimise(a: float, b: float) -> None:
    low, high = plain("m", MIN), plain("m", MAX)
    assert (low.cost(a) < low.cost(b)) == (a < b)
    assert (high.cost(a) < high.cost(b)) == (a > b)
    assert low.improvement(a, b) == -high.improvement(a, b) == a - b
    assert (low.reached(a, b), high.reached(a, b)) == (a <= b, a >= b)


def test_a_formula_is_computed_from_reported_metrics() -> None:
    objective = formula("accuracy - 0.1 * latency")
    assert objective.names == ("accuracy", "latency")
    assert objective.measure({"accuracy": 0.9, "latency": 2.0}) == pytest.approx(0.7)
    assert objective.measure({"accuracy": 0.9}) is None
    assert objective.measure({"accuracy": 0.9, "latency": None}) is None


def test_a_formula_may_be_given_ready_made() -> None:
    objective = formula("accuracy - 0.1 * latency")
    assert objective.measure({"accuracy - 0.1 * latency": 0.5}) == 0.5
    goal = Goal(objectives=(objective,), constraints=(keeps("size <= 3"),))
    assert goal.lacking({"accuracy - 0.1 * latency": 0.5}) == ["size"]
    assert goal.lacking({"accuracy": 1.0, "size": math.nan}) == ["latency", "size"]


@pytest.mark.parametrize("text", ["a / b", "a ** 400", "log(b)"])
def test_what_cannot_be_computed_is_no_value(text: str) -> None:
    assert formula(text).measure({"a": 1e9, "b": 0.0}) is None


@pytest.mark.parametrize("value", [math.nan, math.inf, None, True])
def test_what_is_no_finite_number_is_no_value(value: float | None) -> None:
    assert plain("m").measure({"m": value}) is None


@pytest.mark.parametrize(
    ("text", "value", "excess"),
    [
        ("latency <= 20", 20.0, 0.0),
        ("latency <= 20", 30.0, 0.5),
        ("latency <= 20", 10.0, -0.5),
        ("accuracy >= 0.5", 0.5, 0.0),
        ("accuracy >= 0.5", 0.25, 0.5),
        ("accuracy >= -2", -3.0, 0.5),
        ("drift <= 0", 0.25, 0.25),
    ],
)
def test_excess_is_a_share_of_the_bound(text: str, value: float, excess: float) -> None:
    constraint = keeps(text)
    assert constraint.text == text
    assert constraint.excess({constraint.names[0]: value}, {}) == pytest.approx(excess)


def test_a_bound_by_the_baseline_is_literal_also_where_that_is_negative() -> None:
    constraint = keeps("reward >= 0.95 * baseline")
    assert constraint.relative
    assert constraint.bound({"reward": 100.0}) == pytest.approx(95.0)
    assert constraint.bound({"reward": -100.0}) == pytest.approx(-95.0)
    as_the_baseline = constraint.excess({"reward": -100.0}, {"reward": -100.0})
    assert as_the_baseline is not None
    assert as_the_baseline > 0  # the baseline itself breaks it: that is what the product says
    better = constraint.excess({"reward": -95.0}, {"reward": -100.0})
    assert better == 0.0


def test_the_baseline_of_a_formula_is_the_formula_of_the_baseline() -> None:
    constraint = keeps("precision + recall >= baseline")
    assert constraint.names == ("precision", "recall")
    assert constraint.bound({"precision": 0.5, "recall": 0.25}) == 0.75
    assert constraint.bound({"precision": 0.5}) is None


def test_what_cannot_be_judged_yet_counts_as_kept() -> None:
    goal = Goal(objectives=(plain("a"),), constraints=(keeps("a >= baseline"), keeps("b <= 1")))
    assert goal.relative
    before = goal.score({"a": 0.5, "b": 2.0}, 1, {})
    assert before is not None
    assert before.excess == (0.0, 1.0)
    after = goal.score({"a": 0.5, "b": 2.0}, 1, {"a": 1.0})
    assert after is not None
    assert after.excess == (0.5, 1.0)
    assert after.violation == 1.5


def test_only_what_is_broken_counts() -> None:
    goal = Goal(objectives=(plain("a"),), constraints=(keeps("a <= 4"), keeps("a >= 2")))
    found = goal.score({"a": 1.0}, 1, {})
    assert found is not None
    assert found.excess == (-0.75, 0.5)
    assert found.violation == 0.5


def test_a_score_has_a_cost_for_each_of_several_objectives() -> None:
    goal = Goal(objectives=(plain("accuracy"), plain("latency", MIN), formula("accuracy / size")))
    assert goal.names == ("accuracy", "latency", "size")
    score = goal.score({"accuracy": 0.5, "latency": 3.0, "size": 2.0}, 7, {})
    assert score is not None
    assert (score.value, score.cost, score.seq) == (0.5, -0.5, 7)
    assert score.costs == (-0.5, 3.0, -0.25)
    assert goal.score({"accuracy": 0.5, "latency": 3.0}, 7, {}) is None
    assert goal.values(score) == {"accuracy": 0.5, "latency": 3.0, "accuracy / size": 0.25}


def test_of_one_objective_the_costs_are_left_out_and_the_error_is_kept() -> None:
    score = Goal(objectives=(plain("loss", MIN),)).score({"loss": 2.0, "loss_sem": 0.5}, 1, {})
    assert score is not None
    assert (score.costs, score.sem, score.violation) == ((), 0.5, 0.0)
