"""Moving numbers onto laws that are linear in them or in their logarithms."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tao_automl.domain.dials import Dial
from tao_automl.domain.expression_forms import Law
from tao_automl.domain.floats import Float
from tao_automl.domain.ints import Int
from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.json_values import is_number

Values: TypeAlias = dict[str, JsonValue]
Dials: TypeAlias = Mapping[str, Dial]
_SWEEPS = 100
_SAME = 1e-9


@dataclass(frozen=True, slots=True)
class _Axis:
    """The range of a number in the coordinates in which a law is linear."""

    low: float
    high: float

    @property
    def weight(self) -> float:
        """Numbers are moved in proportion to the squares of their ranges: a projection in the unit cube."""
        return (self.high - self.low) ** 2

    def clamp(self, place: float) -> float:
        return min(max(place, self.low), self.high)


def projected(values: Values, laws: Sequence[Law], dials: Dials) -> Values:
    """Cyclic projections within the ranges, then the nearest members. What rounding breaks is left broken."""
    numbers = _numbers(values, laws, dials)
    usable = [law for law in laws if _usable(law, numbers, dials)]
    moved: set[str] = set()
    for _ in range(_SWEEPS):
        shifted = [name for law in usable if _excess(law, numbers) for name in _shift(law, numbers, dials)]
        if not shifted:
            break
        moved.update(shifted)
    found = dict(values)
    for name in moved:
        item = dials[name].item
        dials[name].write(found, item.decode(item.encode(numbers[name])))
    return found


def _numbers(values: Values, laws: Sequence[Law], dials: Dials) -> dict[str, float]:
    """The variables of the laws that are numbers, be they movable or not."""
    found = {}
    for name in dict.fromkeys(name for law in laws for name in law.variables):
        value = dials[name].read(values) if name in dials else values.get(name)
        if is_number(value):
            found[name] = float(value)
    return found


def _usable(law: Law, numbers: Mapping[str, float], dials: Dials) -> bool:
    if not all(name in numbers for name in law.variables):
        return False
    lowest = (dials[name].item.low if name in dials else numbers[name] for name in law.variables)
    return not law.log or all(low > 0 for low in lowest)


def _excess(law: Law, numbers: Mapping[str, float]) -> float:
    """How far beyond its bound the law is; 0.0 where it is kept to nine digits."""
    total, size = -law.bound, abs(law.bound)
    for name, coefficient in law.terms:
        share = coefficient * (math.log(numbers[name]) if law.log else numbers[name])
        total += share
        size += abs(share)
    if abs(total) <= _SAME * max(size, 1.0 if law.log else 0.0):
        return 0.0
    return total if law.equal or total > 0 else 0.0


def _shift(law: Law, numbers: dict[str, float], dials: Dials) -> list[str]:
    """The shortest way onto the law within the ranges. Names what moved."""
    axes = {name: _axis(law, dials[name]) for name, _ in law.terms if name in dials}
    free = {name: coefficient for name, coefficient in law.terms if name in axes and axes[name].weight > 0}
    moved: list[str] = []
    while free and (excess := _excess(law, numbers)):
        total = sum(coefficient**2 * axes[name].weight for name, coefficient in free.items())
        if not total > 0 or not math.isfinite(total):
            break
        stuck = []
        for name, coefficient in free.items():
            place = math.log(numbers[name]) if law.log else numbers[name]
            wanted = place - excess * coefficient * axes[name].weight / total
            reached = axes[name].clamp(wanted)
            stuck += [name] if reached != wanted else []
            moved += [name] if reached != place else []
            numbers[name] = math.exp(reached) if law.log else reached
        if not stuck:
            break
        free = {name: coefficient for name, coefficient in free.items() if name not in stuck}
    return moved


def _axis(law: Law, dial: Dial) -> _Axis:
    low, high = dial.item.low, dial.item.high
    return _Axis(math.log(low), math.log(high)) if law.log else _Axis(low, high)


def stepped(values: Values, laws: Sequence[Law], dials: Dials) -> Values:
    """One number after the other is moved to the nearest member that keeps the law that is broken most."""
    found = dict(values)
    for _ in range(8 + 8 * len(laws)):
        numbers = _numbers(found, laws, dials)
        broken = [law for law in laws if _usable(law, numbers, dials) and _is_broken(law, numbers)]
        if not broken:
            break
        step = _step(max(broken, key=lambda law: abs(_excess(law, numbers))), numbers, dials)
        if step is None:
            break
        name, number = step
        dials[name].write(found, number)
    return found


def _is_broken(law: Law, numbers: Mapping[str, float]) -> bool:
    if _excess(law, numbers):
        return True
    if not law.strict:
        return False
    total = sum(c * (math.log(numbers[name]) if law.log else numbers[name]) for name, c in law.terms)
    return not total < law.bound - _SAME * max(abs(law.bound), abs(total))


def _step(law: Law, numbers: Mapping[str, float], dials: Dials) -> tuple[str, float] | None:
    """The smallest move that keeps the law; if no single number can, the one that helps most."""
    best: tuple[bool, float, str, float] | None = None
    for name, coefficient in law.terms:
        if name not in dials or not coefficient:
            continue
        item = dials[name].item
        limit = _limit(law, name, coefficient, numbers)
        member = _member(law, item, limit, coefficient)
        reached = dict(numbers) | {name: float(member)}
        if not abs(_excess(law, reached)) < abs(_excess(law, numbers)) and not law.strict:
            continue
        cost = abs(item.encode(member) - item.encode(numbers[name]))
        kept = not _is_broken(law, reached)
        rank = (not kept, cost if kept else abs(_excess(law, reached)), name, member)
        if member != numbers[name] and (best is None or rank < best):
            best = rank
    return None if best is None else (best[2], best[3])


def _limit(law: Law, name: str, coefficient: float, numbers: Mapping[str, float]) -> float:
    """The value of one number at which the law is just kept, the others being what they are."""
    others = sum(
        c * (math.log(numbers[other]) if law.log else numbers[other]) for other, c in law.terms if other != name
    )
    place = (law.bound - others) / coefficient
    return math.exp(min(place, 700.0)) if law.log else place


def _member(law: Law, item: Float | Int, limit: float, coefficient: float) -> float:
    """The member nearest to the limit on the side that keeps the law, or the end of the range on that side."""
    nearest = item.decode(item.encode(min(max(limit, item.low), item.high)))
    if law.equal:
        return nearest
    found = item.beside(limit, above=coefficient < 0, strict=law.strict)
    return nearest if found is None else found
