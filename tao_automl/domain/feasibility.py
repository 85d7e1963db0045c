"""Whether the rules of a space can be kept at all, and why not."""

import itertools
import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from tao_automl.domain.constraints import Rule
from tao_automl.domain.dials import Dial, dials_of
from tao_automl.domain.expression_forms import Law
from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.json_values import fresh, is_number
from tao_automl.domain.lists import MOST_LEVELS
from tao_automl.domain.parameters import Derived, Fixed, Int, Optional, Parameter, Scale, Subset, Vector
from tao_automl.domain.repair import mended
from tao_automl.domain.wording import membership
from tao_automl.errors import SearchSpaceError

Values: TypeAlias = dict[str, JsonValue]
Assemble: TypeAlias = Callable[[Callable[[Parameter], JsonValue]], Values]
_DRAWS = 100
_ENUMERATED = 20_000
_WIDEST = 12  # options of a subset, all subsets of which are looked at
_FEW_RULES = 12  # up to here, it is found out which of them contradict each other


def anchor_of(ordered: Sequence[Parameter], rules: Sequence[Rule], assemble: Assemble) -> Values:
    """A value for every parameter, such that what is active of them keeps the rules.

    Raises SearchSpaceError that says which rules cannot be kept.
    """
    parameters = {p.name: p for p in ordered if not isinstance(p, Derived)}
    everything = _met(parameters, rules)
    if everything is not None:
        return everything
    for raw in _starts(parameters):
        config = assemble(lambda parameter, raw=raw: raw[parameter.name])  # type: ignore[misc]  # `raw` is bound early
        if not any(rule.broken(config) for rule in rules):
            _check_each(parameters, rules)
            return raw
    raise SearchSpaceError(_reason(parameters, rules), "widen a range, or change the constraint")


def _starts(parameters: Mapping[str, Parameter]) -> Iterator[Values]:
    """The defaults, then draws: the same ones every time."""
    yield {name: fresh(parameter.default) for name, parameter in parameters.items()}
    rng = random.Random(0)
    for _ in range(_DRAWS):
        yield {name: parameter.draw(rng) for name, parameter in parameters.items()}


def _met(parameters: Mapping[str, Parameter], rules: Sequence[Rule]) -> Values | None:
    """Values that keep all rules at once, as if every parameter were active."""
    involved = {name: parameters[name] for rule in rules for name in rule.names}
    defaults = {name: fresh(parameter.default) for name, parameter in parameters.items()}
    if any(_least_excess(law, involved) > 0 for rule in rules for law in rule.laws):
        return None
    for start in _starts(involved):
        found = mended(start, rules, involved)
        if found is not None:
            return defaults | found
    enumerated = _enumerated(involved, rules)
    return None if enumerated is None else defaults | enumerated


def _enumerated(parameters: Mapping[str, Parameter], rules: Sequence[Rule]) -> Values | None:
    """The first combination of all values that keeps the rules, where these are few enough to be looked at."""
    if math.prod(map(_size, parameters.values())) > _ENUMERATED:
        return None
    levels = [parameter.levels(_ENUMERATED) for parameter in parameters.values()]
    for values in itertools.product(*levels):
        found = dict(zip(parameters, values, strict=True))
        if all(rule.keeps(found) for rule in rules):
            return found
    return None


def _size(parameter: Parameter) -> float:
    """How many values it has; infinite if its levels do not list them all."""
    match parameter:
        case Int() if parameter.step is None and parameter.scale is not Scale.POWER2:
            return parameter.high - parameter.low + 1
        case Optional():
            return 1 + _size(parameter.inner)
        case Vector():
            size = math.prod(map(_size, parameter.items))
            return size if size <= MOST_LEVELS else math.inf
        case Subset():
            return len(parameter.levels(2)) if parameter.width <= _WIDEST else math.inf
        case _:
            return math.prod(math.inf if axis.cells is None else axis.cells for axis in parameter.axes())


def _least_excess(law: Law, parameters: Mapping[str, Parameter]) -> float:
    """By how much the law is broken at the best end of every range; 0.0 where it can be kept."""
    dials = dials_of({name: p.default for name, p in parameters.items()}, parameters)
    total, size = -law.bound, abs(law.bound)
    for name, coefficient in law.terms:
        ends = _ends(name, dials, parameters)
        if ends is None or (law.log and not ends[0] > 0):
            return 0.0
        low, high = (math.log(end) for end in ends) if law.log else ends
        total += coefficient * (low if coefficient > 0 else high)
        size += abs(coefficient) * max(abs(low), abs(high))
    return total if total > 1e-9 * size else 0.0


def _ends(name: str, dials: Mapping[str, Dial], parameters: Mapping[str, Parameter]) -> tuple[float, float] | None:
    if name in dials:
        return dials[name].item.low, dials[name].item.high
    parameter = parameters.get(name)
    if isinstance(parameter, Fixed) and is_number(parameter.value):
        return parameter.value, parameter.value
    return None


def _check_each(parameters: Mapping[str, Parameter], rules: Iterable[Rule]) -> None:
    """Rules need not be kept all at once, where conditions keep their parameters apart; each one has to be alone."""
    for rule in rules:
        if _met(parameters, [rule]) is None:
            raise SearchSpaceError(_reason(parameters, [rule]), "widen a range, or change the constraint")


def _reason(parameters: Mapping[str, Parameter], rules: Sequence[Rule]) -> str:
    for rule in rules:
        if _met(parameters, [rule]) is None:
            return f"`{rule.constraint.text}` cannot be kept: {_detail(rule, parameters)}"
    left = list(rules)
    for rule in rules if len(rules) <= _FEW_RULES else ():
        rest = [other for other in left if other is not rule]
        if _met(parameters, rest) is None:
            left = rest
    together = " and ".join(f"`{rule.constraint.text}`" for rule in left)
    return f"no configuration was found that keeps {together} at once"


def _detail(rule: Rule, parameters: Mapping[str, Parameter]) -> str:
    for law in rule.laws:
        excess = _least_excess(law, parameters)
        if excess > 0:
            far = (
                f"by a factor of at least {math.exp(min(excess, 700.0)):.6g}"
                if law.log
                else f"by at least {excess:.6g}"
            )
            return f"within the ranges its sides miss each other {far}"
    ranges = ", ".join(f"{name} {membership(parameters[name])}" for name in rule.names[:4])
    return f"no values were found for it, with {ranges}"
