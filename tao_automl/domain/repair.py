"""Making values keep the rules of their space, with as little change as possible.

Three ways, each with what the one before has left: projection onto the laws that are linear in the numbers or in
their logarithms; steps of one number at a time to the nearest member that keeps a law; and a search over the values
of one parameter, or of two, for what no law describes. All of it is bounded, and without dice.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from tao_automl.domain.constraints import Rule
from tao_automl.domain.dials import dials_of
from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.json_values import same_json
from tao_automl.domain.parameters import Derived, Fixed, Float, Int, Parameter, Text
from tao_automl.domain.projection import projected, stepped

Values: TypeAlias = dict[str, JsonValue]
_ROUNDS = 12
_EVALUATIONS = 6_000  # of rules, in a search
_MEMBERS = 513  # of an integer, that are tried one by one
_PAIRED = 24


def mended(values: Values, rules: Sequence[Rule], parameters: Mapping[str, Parameter]) -> Values | None:
    """Values of the parameters that `rules` name, changed until all rules hold; None if no way was found.

    `values` must have them all.
    """
    names = dict.fromkeys(name for rule in rules for name in rule.names)
    found = {name: values[name] for name in names}
    if _all_kept(found, rules):
        return found
    dials = dials_of(found, parameters)
    laws = [law for rule in rules for law in rule.laws]
    moved = stepped(projected(found, laws, dials), laws, dials)
    for start in (moved, found):
        searched = start if _all_kept(start, rules) else _searched(start, rules, parameters)
        if searched is not None:
            return searched
    return None


def _all_kept(values: Values, rules: Sequence[Rule]) -> bool:
    return all(rule.keeps(values) for rule in rules)


def _searched(values: Values, rules: Sequence[Rule], parameters: Mapping[str, Parameter]) -> Values | None:
    """Greedy: the change of one parameter, or else of two, that leaves the fewest rules broken."""
    budget = _EVALUATIONS
    for _ in range(_ROUNDS):
        broken = [rule for rule in rules if not rule.keeps(values)]
        if not broken:
            return values
        better = None
        for changes in (_changes(values, broken, parameters), _pairs(values, broken[0], parameters)):
            if better is None:
                tried = list(itertools.islice(changes, max(0, budget) // len(rules)))
                budget -= len(tried) * len(rules)
                better = _best(values, tried, rules, len(broken), parameters)
        if better is None:
            return None
        values = better
    return values if _all_kept(values, rules) else None


def _best(
    values: Values,
    changes: Sequence[Values],
    rules: Sequence[Rule],
    broken: int,
    parameters: Mapping[str, Parameter],
) -> Values | None:
    """The change after which fewer than `broken` rules are; None if there is none."""
    counts = [sum(not rule.keeps(values | change) for rule in rules) for change in changes]
    fewest = min(counts, default=broken)
    if fewest >= broken:
        return None
    helpful = [change for change, count in zip(changes, counts, strict=True) if count == fewest]
    return values | min(helpful, key=lambda change: _distance(values, change, parameters))


def _distance(values: Values, change: Values, parameters: Mapping[str, Parameter]) -> float:
    """How far the change goes in the unit cube."""
    total = 0.0
    for name, value in change.items():
        parameter = parameters[name]
        pairs = zip(parameter.place(value), parameter.place(values[name]), strict=True)
        total += sum(abs(a - b) for a, b in pairs) / max(1, parameter.width)
    return total


def _changes(values: Values, broken: Sequence[Rule], parameters: Mapping[str, Parameter]) -> Iterator[Values]:
    for name in dict.fromkeys(name for rule in broken for name in rule.names):
        for value in _candidates(parameters[name], values[name], _MEMBERS):
            yield {name: value}


def _pairs(values: Values, rule: Rule, parameters: Mapping[str, Parameter]) -> Iterator[Values]:
    for one, other in itertools.combinations(rule.names, 2):
        left = list(_candidates(parameters[one], values[one], _PAIRED))
        right = list(_candidates(parameters[other], values[other], _PAIRED))
        for first, second in itertools.product(left, right):
            yield {one: first, other: second}


def _candidates(parameter: Parameter, current: JsonValue, most: int) -> Iterator[JsonValue]:
    """Other members: all of them if they are few, else some that are spread over the range, and near ones."""
    if isinstance(parameter, Fixed | Derived | Text):
        return
    members: list[JsonValue] = []
    if isinstance(parameter, Int) and parameter.high - parameter.low < most and parameter.step is None:
        members += [v for v in range(parameter.low, parameter.high + 1) if parameter.contains(v)]
    elif isinstance(parameter, Float | Int):
        members += [*_near(parameter, current), *parameter.levels(min(most, 65))]
    else:
        members += itertools.islice(parameter.levels(9), most)
    yield from (value for value in members if not same_json(value, current))


def _near(parameter: Float | Int, current: JsonValue) -> Iterator[JsonValue]:
    for up in (False, True):
        value: float | None = parameter.decode(parameter.encode(current))
        for _ in range(8):
            value = parameter.neighbour(value, up=up) if value is not None else None
            if value is not None and parameter.contains(value):
                yield value
