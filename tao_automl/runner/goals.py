"""What the user asked for, as a goal: metrics, formulas over metrics, Pareto fronts and outcome constraints.

A plain metric name takes its direction from the skill, or from `direction`. A formula is maximised, as it is written:
``-latency`` is latency to be minimised, ``accuracy - 0.1 * latency`` is maximised. A comma makes a Pareto front.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tao_automl.bank import Skill
from tao_automl.domain.expression_parser import parse, parse_list
from tao_automl.domain.finite import finite
from tao_automl.domain.goal import BASELINE, Direction, Goal, Objective, OutcomeConstraint
from tao_automl.domain.nearest import nearest_hint
from tao_automl.errors import SettingsError, UserError

TRAIN = "train"
OBJECTIVE_KEYS = ("metric", "direction", "weight", "threshold")
WANTED = "name a metric, or a formula over metrics"
_PLAIN = re.compile(r"[\w./:@%]+")  # a division of metrics is written with spaces
_COMPARISON = re.compile(r"(<=|>=)")


def goal_for(skill: Skill, action: str, given: Mapping[str, Any]) -> Goal:
    """The goal that the settings `given` ask for; the skill's primary metric unless they name one.

    Raises SettingsError: an unknown direction, a conflict of directions, a formula or a constraint that cannot be read.
    """
    constraints = tuple(parse_constraint(text) for text in given.get("outcome_constraints", ()))
    if "objectives" in given:
        clash = next((name for name in ("metric", "direction") if name in given), None)
        if clash:
            raise SettingsError(f"objectives: it is given together with `{clash}`", "keep one of them")
        found = tuple(_from_entry(skill, entry) for entry in given["objectives"])
    else:
        found = _from_text(skill, action, given.get("metric"), given.get("direction"))
    names = [objective.metric for objective in found]
    if len(set(names)) < len(names):
        raise SettingsError(f"objectives: each must be named once, got {', '.join(names)}")
    return Goal(objectives=found, constraints=constraints)


def undeclared(skill: Skill, goal: Goal) -> list[str]:
    """A note for each metric that the goal needs and the skill does not declare: it may be a slip of the pen."""
    declared = [metric.name for metric in skill.metrics]
    return [
        f"the skill does not declare the metric `{name}`; {nearest_hint(name, declared)}"
        for name in goal.names
        if name not in declared
    ]


def _from_text(skill: Skill, action: str, text: str | None, asked: str | None) -> tuple[Objective, ...]:
    if text is None:
        text = own_metric(skill, action) or _evaluated_metric(skill) or skill.primary_metric.name
    if text == "kpi":
        text = skill.primary_metric.name
    if _is_plain(skill, text):
        return (Objective(metric=text, direction=_direction_of(skill, text, asked)),)
    parts = _split(text)
    if len(parts) > 1 and asked:
        raise SettingsError(
            f"direction: {text!r} are several objectives", "write `-` before the ones that are minimised"
        )
    return tuple(_from_formula(skill, part, asked) for part in parts)


def own_metric(skill: Skill, action: str) -> str | None:
    """The metric that the action itself reports; None if another one has to measure what it made."""
    declared = skill.action(action).metric
    return skill.primary_metric.name if declared is None and action == TRAIN else declared


def _evaluated_metric(skill: Skill) -> str | None:
    evaluate = skill.actions.get("evaluate")
    return evaluate.metric if evaluate else None


def _split(text: str) -> list[str]:
    """The parts between commas. Metric names that are no formulas may have characters that formulas may not."""
    parts = [part.strip() for part in text.split(",")]
    if all(_PLAIN.fullmatch(part.removeprefix("-").strip()) for part in parts):
        return parts
    try:
        return [expression.text for expression in parse_list(text)]
    except UserError as error:
        raise SettingsError(
            f"metric: {error.message}", error.hint or "name a metric, or a formula over metrics"
        ) from None


def _is_plain(skill: Skill, text: str) -> bool:
    return bool(_PLAIN.fullmatch(text)) or any(metric.name == text for metric in skill.metrics)


def _direction_of(skill: Skill, name: str, asked: str | None) -> Direction:
    """As declared, or as asked if not declared."""
    declared = {metric.name: Direction(metric.direction) for metric in skill.metrics}
    direction = declared.get(name, Direction(asked) if asked else None)
    if direction is None:
        known = ", ".join(f"{metric.name} ({metric.direction})" for metric in skill.metrics)
        raise SettingsError(
            f"metric: {skill.name} does not declare `{name}`, so its direction is not known",
            f"set `direction` to maximize or minimize, or use a declared metric: {known}",
        )
    if asked and direction.value != asked:
        raise SettingsError(
            f"direction: {skill.name} declares that `{name}` is to {direction.value}, the setting says {asked}",
            "leave `direction` out",
        )
    return direction


def _from_formula(skill: Skill, text: str, asked: str | None) -> Objective:
    """``-name`` is the metric, minimised; everything else is a value to be maximised."""
    negated = text.startswith("-")
    name = text.removeprefix("-").strip()
    if _is_plain(skill, name):
        return Objective(metric=name, direction=_signed_direction(skill, name, asked, negated))
    _check_formula(text)
    if asked == Direction.MINIMIZE.value:
        raise SettingsError(
            f"direction: the formula {text!r} is maximised, the setting says minimize",
            "leave `direction` out, and write the formula so that larger is better",
        )
    return Objective(metric=text, direction=Direction.MAXIMIZE, formula=text)


def _signed_direction(skill: Skill, name: str, asked: str | None, negated: bool) -> Direction:
    signed = Direction.MINIMIZE if negated else Direction.MAXIMIZE
    declared = next((Direction(metric.direction) for metric in skill.metrics if metric.name == name), None)
    if declared not in (None, signed) or (asked and asked != signed.value):
        other = f"{skill.name} declares that it is to {declared.value}" if declared else f"the setting says {asked}"
        written = f"-{name}" if negated else name
        fix = name if negated else f"-{name}"
        raise SettingsError(f"metric: `{written}` says {signed.value}, and {other}", f"write `{fix}`")
    return signed


def _check_formula(text: str) -> None:
    try:
        names = parse(text).names
    except UserError as error:
        raise SettingsError(
            f"metric: {error.message}", error.hint or "name a metric, or a formula over metrics"
        ) from None
    if not names:
        raise SettingsError(f"metric: {text!r} has no metric in it", WANTED)


def _from_entry(skill: Skill, entry: Mapping[str, Any]) -> Objective:
    unknown = next((key for key in entry if key not in OBJECTIVE_KEYS), None)
    if unknown is not None:
        raise SettingsError(f"objectives: unknown key `{unknown}`", nearest_hint(str(unknown), OBJECTIVE_KEYS))
    text, asked = entry.get("metric"), entry.get("direction")
    if not isinstance(text, str) or not text.strip():
        raise SettingsError(f"objectives: each needs a `metric`, got {dict(entry)!r:.80}")
    if asked not in (None, "maximize", "minimize"):
        raise SettingsError(f"objectives: `direction` must be maximize or minimize, got {asked!r}")
    found = _from_text(skill, TRAIN, text.strip(), asked)
    if len(found) > 1:
        raise SettingsError(f"objectives: one metric an entry is needed, got {text!r}")
    return replace(found[0], weight=_number(entry, "weight", 1.0, positive=True), threshold=_number(entry, "threshold"))


def _number(entry: Mapping[str, Any], key: str, default: float | None = None, *, positive: bool = False) -> Any:
    value = entry.get(key, default)
    if value is None:
        return None
    number = finite(value)
    if number is None or (positive and number <= 0):
        law = "positive number" if positive else "finite number"
        raise SettingsError(f"objectives: `{key}` must be a {law}, got {value!r}")
    return number


def parse_constraint(text: str) -> OutcomeConstraint:
    """``latency <= 20`` or ``accuracy >= 0.95 * baseline``. Raises SettingsError."""
    parts = [part.strip() for part in _COMPARISON.split(text)]
    if len(parts) != 3:
        raise SettingsError(
            f"outcome_constraints: one `<=` or `>=` is needed, got {text!r}", 'for example "latency <= 20"'
        )
    left, sign, right = parts
    metrics, others = _names(left, text), _names(right, text)
    if not metrics or BASELINE in metrics:
        raise SettingsError(f"outcome_constraints: metrics belong on the left, got {text!r}", 'as in "latency <= 20"')
    if any(name != BASELINE for name in others):
        raise SettingsError(
            f"outcome_constraints: numbers and `baseline` belong on the right, got {text!r}",
            'bring all metrics to the left, as in "accuracy - recall >= 0"',
        )
    found = OutcomeConstraint(left=left, right=right, at_most=sign == "<=")
    if not found.relative and found.bound({}) is None:
        raise SettingsError(f"outcome_constraints: a finite number is needed on the right, got {text!r}")
    return found


def _names(part: str, whole: str) -> Sequence[str]:
    try:
        return parse(part).names
    except UserError as error:
        raise SettingsError(f"outcome_constraints: in {whole!r}: {error.message}", error.hint) from None
