"""Whether a condition can ever hold among the parameters of a search."""

import itertools
import math
import random
from collections.abc import Iterator, Mapping

from tao_automl.domain.conditions import Condition
from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.parameters import Derived, Fixed, Parameter

_COMBINED = 5_000
_DRAWN = 2_000


def blocker(parameter: Parameter, alive: Mapping[str, Parameter]) -> str | None:
    """Why no configuration of `alive` parameters activates `parameter`, or None."""
    if isinstance(parameter, Derived):
        for name in parameter.expression.names:
            if name not in alive:
                return f"{name}, which it is derived from, never is"
    if parameter.when is None:
        return None
    for parent, values in parameter.when.clauses:
        if parent not in alive:
            return f"its parent {parent} never is"
        if not any(_can_be(alive[parent], value) for value in values):
            return f"{parent} is never {' or '.join(map(repr, values))}"
    return _expression_blocker(parameter.when, alive)


def _can_be(parameter: Parameter, value: JsonValue) -> bool:
    return isinstance(parameter, Derived) or parameter.contains(value)


def _expression_blocker(condition: Condition, alive: Mapping[str, Parameter]) -> str | None:
    expression = condition.expression
    if expression is None:
        return None
    gone = [name for name in expression.names if name not in alive]
    if gone:
        return f"its parent {gone[0]} never is"
    parents = [alive[name] for name in expression.names]
    if any(isinstance(parent, Derived) for parent in parents):
        return None  # what they can be depends on others; it shows when configurations are drawn
    others = {name: values[0] for name, values in condition.clauses}
    tried = 0
    for values in _combinations(parents):
        tried += 1
        if condition.holds(others | dict(zip(expression.names, values, strict=True))):
            return None
    held = all(isinstance(parent, Fixed) for parent in parents)
    return f"`{expression.text}` {'does not hold' if held else f'held for none of {tried:,} combinations'}"


def _combinations(parents: list[Parameter]) -> Iterator[tuple[JsonValue, ...]]:
    """Levels of all parents where these are few, and draws."""
    levels = [parent.levels(9) for parent in parents]
    if math.prod(map(len, levels)) <= _COMBINED:
        yield from itertools.product(*levels)
    if not all(isinstance(parent, Fixed) for parent in parents):
        rng = random.Random(0)
        yield from (tuple(parent.draw(rng) for parent in parents) for _ in range(_DRAWN))
