"""What the user asked for, as a goal; and what cannot have been meant."""

from pathlib import Path
from typing import Any

import pytest

from tao_automl.bank import Skill
from tao_automl.bank.declarations import Action, MetricDeclaration
from tao_automl.domain.goal import Direction, Objective
from tao_automl.errors import SettingsError, UserError
from tao_automl.runner.goals import goal_for, parse_constraint, undeclared

MIN, MAX = Direction.MINIMIZE, Direction.MAXIMIZE
METRICS = {
    "loss": "minimize", "val_error": "minimize", "wer": "minimize", "perplexity": "minimize", "latency": "minimize",
    "accuracy": "maximize", "mAP": "maximize", "rmse": "minimize", "top-1": "maximize",
}  # fmt: skip
SKILL = Skill(
    path=Path(),
    name="toy",
    network_arch="toy",
    automl_enabled=True,
    actions={"train": Action(name="train"), "evaluate": Action(name="evaluate")},
    digest="",
    metrics=tuple(
        MetricDeclaration(name=name, direction=direction, primary=name == "accuracy")
        for name, direction in METRICS.items()
    ),
)


def objectives(**given: Any) -> list[tuple[str, Direction]]:
    return [(o.metric, o.direction) for o in goal_for(SKILL, "train", given).objectives]


def fault(**given: Any) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        goal_for(SKILL, "train", given)
    return caught.value


def test_the_primary_metric_unless_another_is_named() -> None:
    assert objectives() == objectives(metric="kpi") == [("accuracy", MAX)]


@pytest.mark.parametrize(("name", "declared"), METRICS.items())
def test_a_declared_metric_goes_its_declared_way(name: str, declared: str) -> None:
    expected = [(name, Direction(declared))]
    assert objectives(metric=name) == objectives(metric=name, direction=declared) == expected
    other = "maximize" if declared == "minimize" else "minimize"
    assert f"`{name}` is to {declared}, the setting says {other}" in fault(metric=name, direction=other).message


@pytest.mark.parametrize("name", ["loss2", "error", "my_accuracy", "val/mAP@0.5", "val:top.5"])
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_another_metric_goes_as_asked_whatever_its_name_sounds_like(name: str, direction: str) -> None:
    assert objectives(metric=name, direction=direction) == [(name, Direction(direction))]
    message = fault(metric=name)
    assert f"does not declare `{name}`, so its direction is not known" in message.message
    assert "accuracy (maximize)" in message.hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-loss", [("loss", MIN)]),
        ("- loss", [("loss", MIN)]),
        ("-fps", [("fps", MIN)]),
        ("accuracy, -latency", [("accuracy", MAX), ("latency", MIN)]),
        ("fps , -flops,accuracy", [("fps", MAX), ("flops", MIN), ("accuracy", MAX)]),
        ("top-1, -wer", [("top-1", MAX), ("wer", MIN)]),
        ("-top-2", [("-top-2", MAX)]),
        ("accuracy - 0.1 * latency", [("accuracy - 0.1 * latency", MAX)]),
        ("-(loss + wer)", [("-(loss + wer)", MAX)]),
        ("max(accuracy, mAP), -loss", [("max(accuracy, mAP)", MAX), ("loss", MIN)]),
    ],
)
def test_what_is_written_is_maximised_unless_it_begins_with_a_minus(text: str, expected: list[Any]) -> None:
    assert objectives(metric=text) == expected


def test_a_formula_is_computed_and_a_name_is_not() -> None:
    (formula,) = goal_for(SKILL, "train", {"metric": "accuracy / latency"}).objectives
    assert formula == Objective(metric="accuracy / latency", direction=MAX, formula="accuracy / latency")
    (name,) = goal_for(SKILL, "train", {"metric": "accuracy/latency", "direction": "maximize"}).objectives
    assert name.formula is None


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        ({"metric": "-accuracy"}, "`-accuracy` says minimize, and toy declares that it is to maximize", "`accuracy`"),
        ({"metric": "accuracy, loss"}, "`loss` says maximize, and toy declares that it is to minimize", "`-loss`"),
        ({"metric": "-fps", "direction": "maximize"}, "`-fps` says minimize, and the setting says maximize", "`fps`"),
        ({"metric": "accuracy - loss", "direction": "minimize"}, "is maximised, the setting says minimize", "larger"),
        ({"metric": "accuracy, -loss", "direction": "maximize"}, "are several objectives", "`-`"),
        ({"metric": "accuracy, -loss, accuracy"}, "each must be named once", ""),
        ({"metric": "accuracy,"}, "metric: ", ""),
        ({"metric": "accuracy +"}, "metric: ", ""),
        ({"metric": "1 + 2"}, "has no metric in it", "name a metric"),
        ({"metric": "accuracy", "objectives": ["loss"]}, "given together with `metric`", "keep one"),
        ({"direction": "maximize", "objectives": [{"metric": "loss"}]}, "given together with `direction`", "keep one"),
    ],
)
def test_what_cannot_have_been_meant_is_refused(given: Any, message: str, hint: str) -> None:
    error = fault(**given)
    assert message in error.message
    assert hint in error.hint


def test_objectives_have_weights_and_thresholds() -> None:
    given = [
        {"metric": "accuracy", "weight": 2, "threshold": 0.5},
        {"metric": "fps", "direction": "maximize"},
        {"metric": "-latency"},
        {"metric": "accuracy / latency"},
    ]
    found = goal_for(SKILL, "train", {"objectives": given}).objectives
    assert [(o.metric, o.direction, o.weight, o.threshold) for o in found] == [
        ("accuracy", MAX, 2.0, 0.5),
        ("fps", MAX, 1.0, None),
        ("latency", MIN, 1.0, None),
        ("accuracy / latency", MAX, 1.0, None),
    ]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"metric": "loss", "wieght": 1}, "unknown key `wieght`"),
        ({"direction": "minimize"}, "each needs a `metric`"),
        ({"metric": " "}, "each needs a `metric`"),
        ({"metric": 3}, "each needs a `metric`"),
        ({"metric": "loss", "direction": "down"}, "`direction` must be maximize or minimize, got 'down'"),
        ({"metric": "loss", "direction": "maximize"}, "is to minimize, the setting says maximize"),
        ({"metric": "accuracy, -loss"}, "one metric an entry"),
        ({"metric": "loss", "weight": 0}, "`weight` must be a positive number, got 0"),
        ({"metric": "loss", "weight": float("inf")}, "`weight` must be a positive number"),
        ({"metric": "loss", "weight": True}, "`weight` must be a positive number"),
        ({"metric": "loss", "threshold": "1"}, "`threshold` must be a finite number, got '1'"),
        ({"metric": "loss", "threshold": float("nan")}, "`threshold` must be a finite number"),
    ],
)
def test_an_entry_that_cannot_have_been_meant_is_refused(entry: Any, message: str) -> None:
    assert message in fault(objectives=[entry]).message


@pytest.mark.parametrize(
    ("text", "left", "right", "at_most", "relative"),
    [
        ("latency <= 20", "latency", "20", True, False),
        ("accuracy >= 0.95 * baseline", "accuracy", "0.95 * baseline", False, True),
        ("accuracy-recall>=-0.5", "accuracy-recall", "-0.5", False, False),
        ("size <= 2 * (3 + 4)", "size", "2 * (3 + 4)", True, False),
    ],
)
def test_constraints_are_read(text: str, left: str, right: str, at_most: bool, relative: bool) -> None:
    found = parse_constraint(text)
    assert (found.left, found.right, found.at_most, found.relative) == (left, right, at_most, relative)


@pytest.mark.parametrize(
    "text",
    [
        "latency", "latency < 20", "latency == 20", "1 <= latency <= 20", "20 >= latency", "baseline >= accuracy",
        "accuracy >= recall", "latency <=", "<= 20", "latency <= 20 ms", "latency <= 1 / 0", "latency <= true",
        "latency <= 'x'", "3 <= 20", "",
    ],
)  # fmt: skip
def test_other_constraints_are_refused_by_name(text: str) -> None:
    with pytest.raises(SettingsError, match="outcome_constraints: "):
        parse_constraint(text)


def test_constraints_belong_to_the_goal() -> None:
    goal = goal_for(SKILL, "train", {"outcome_constraints": ["latency <= 20", "size <= 2"]})
    assert [constraint.text for constraint in goal.constraints] == ["latency <= 20", "size <= 2"]
    (note,) = undeclared(SKILL, goal)
    assert "does not declare the metric `size`" in note


def test_errors_are_the_users() -> None:
    assert isinstance(fault(metric="accuracy +"), UserError)
