"""All combinations of values, where some parameters exist only under some values of others."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from tao_automl.domain.constraints import Rule
from tao_automl.domain.expressions import ExpressionError
from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.json_values import fresh
from tao_automl.domain.parameters import Derived, Parameter
from tao_automl.errors import SearchSpaceError

_ABSENT = object()
_END = object()
_PATIENCE = 100_000  # values tried in a row without a new combination
_ENUMERATED = 50_000

Config: TypeAlias = dict[str, JsonValue]
Checks: TypeAlias = Mapping[str, Sequence[Rule]]


def exists(parameter: Parameter, config: Mapping[str, JsonValue]) -> bool:
    """Whether a parameter is active; `config` has those that come before it.

    A derived parameter is not, where it is derived from one that is not, or from null, which nothing follows from.
    """
    if parameter.when is not None and not parameter.when.holds(config):
        return False
    if not isinstance(parameter, Derived):
        return True
    values = [config.get(name, _ABSENT) for name in parameter.expression.names]
    return _ABSENT not in values and (None not in values or bool(computed(parameter, config)))


def inputs(parameter: Parameter) -> tuple[str, ...]:
    """The parameters that decide whether it exists, or what it is."""
    named = parameter.expression.names if isinstance(parameter, Derived) else ()
    return (*(parameter.when.parents if parameter.when else ()), *named)


def computed(parameter: Derived, config: Mapping[str, JsonValue]) -> tuple[JsonValue, ...]:
    """The value, or nothing where it cannot be computed: then the configuration is no member."""
    try:
        return (parameter.compute(config),)
    except (ExpressionError, SearchSpaceError):
        return ()


def combinations(
    ordered: Sequence[Parameter], levels: Callable[[Parameter], Sequence[JsonValue]], checks: Checks
) -> Iterator[Config]:
    """Each combination that breaks no rule, once; `ordered` has parents first, and its last name varies fastest.

    An odometer on a stack of iterators: thousands of names would be too deep for recursion. A rule is checked as soon
    as its last parameter has a value. Ends early where very many values in a row break rules.
    """
    if not ordered:
        yield {}
        return
    config: Config = {}
    stack: list[Iterator[object]] = [_values(ordered[0], levels, config)]
    patience = _PATIENCE
    while stack and patience:
        name = ordered[len(stack) - 1].name
        patience -= 1
        if not _turn(name, stack[-1], config):
            stack.pop()
        elif any(rule.broken(config) for rule in checks.get(name, ())):
            continue
        elif len(stack) < len(ordered):
            stack.append(_values(ordered[len(stack)], levels, config))
        else:
            patience = _PATIENCE
            yield {key: fresh(value) for key, value in config.items()}


def _values(
    parameter: Parameter, levels: Callable[[Parameter], Sequence[JsonValue]], config: Config
) -> Iterator[object]:
    if not exists(parameter, config):
        return iter((_ABSENT,))
    return iter(computed(parameter, config) if isinstance(parameter, Derived) else levels(parameter))


def _turn(name: str, values: Iterator[object], config: Config) -> bool:
    """Put the next value in place; False when there is none."""
    config.pop(name, None)
    value = next(values, _END)
    if value is _END:
        return False
    if value is not _ABSENT:
        config[name] = value  # type: ignore[assignment]  # the iterators hold JSON values and the two marks above
    return True


def checks_of(ordered: Sequence[Parameter], rules: Sequence[Rule]) -> dict[str, list[Rule]]:
    """The rules, by the parameter whose value is the last that they wait for."""
    place = {parameter.name: k for k, parameter in enumerate(ordered)}
    found: dict[str, list[Rule]] = {}
    for rule in rules:
        found.setdefault(max(rule.waits_for, key=lambda name: place[name]), []).append(rule)
    return found


def upper_size(ordered: Sequence[Parameter], count: int) -> int:
    """How many combinations there are, rules aside; an upper bound where very many parents decide conditions."""
    sizes = {p.name: 1 if isinstance(p, Derived) else len(p.levels(count)) for p in ordered}
    parents = {name for p in ordered if p.when for name in p.when.parents}
    heads = _with_inputs(ordered, parents)
    if math.prod(sizes[p.name] for p in heads) > _ENUMERATED:
        return math.prod(sizes.values())
    kept = {p.name for p in heads}
    rest = [p for p in ordered if p.name not in kept]
    return sum(
        math.prod(sizes[p.name] for p in rest if exists(p, config))
        for config in combinations(heads, lambda p: p.levels(count), {})
    )


def _with_inputs(ordered: Sequence[Parameter], names: set[str]) -> tuple[Parameter, ...]:
    """The named parameters, and what derived ones among them are computed from."""
    wanted = set(names)
    for parameter in reversed(ordered):
        if parameter.name in wanted and isinstance(parameter, Derived):
            wanted.update(parameter.expression.names)
    return tuple(p for p in ordered if p.name in wanted)
