"""Lists of numbers whose length is fixed: each element is a dimension of its own."""

import itertools
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeAlias

from tao_automl.domain.axes import UnitAxis
from tao_automl.domain.fixed import Fixed, Named
from tao_automl.domain.floats import Float
from tao_automl.domain.ints import Int
from tao_automl.domain.json_types import JsonValue

MOST_LEVELS = 4096


class Monotone(StrEnum):
    """The direction in which the elements go; equal neighbours are allowed."""

    INCREASING = "increasing"
    DECREASING = "decreasing"


Item: TypeAlias = Float | Int


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector(Named):
    """One number for each of `items`. A monotone list has one range for all of them."""

    items: tuple[Item, ...]
    monotone: Monotone | None = None

    def __post_init__(self) -> None:
        self.law(len(self.items) >= 1, "at least one element", "items=()")
        if self.monotone is not None:
            ranges = {(type(i), i.low, i.high, i.scale, i.step) for i in self.items}
            law = "one range, scale and step for all elements of a monotone list"
            self.law(len(ranges) == 1, law, f"{len(ranges)} different", "leave monotone out, and write a constraint")
        got = f"default={list(self.default)!r:.80}"
        self.law(self._in_order(self.default), f"a default whose elements are {self.monotone}", got)
        for value in self.popular:
            self.law(self.contains(value), "every popular value a member", f"popular={value!r:.80}")

    @property
    def default(self) -> list[JsonValue]:
        return [item.default for item in self.items]

    @property
    def width(self) -> int:
        return len(self.items)

    def _in_order(self, values: Sequence[Any]) -> bool:
        pairs = list(itertools.pairwise(values))
        if self.monotone is Monotone.INCREASING:
            return all(a <= b for a, b in pairs)
        return self.monotone is None or all(a >= b for a, b in pairs)

    def ordered(self, values: list[Any]) -> list[JsonValue]:
        """The elements in the declared direction."""
        return sorted(values, reverse=self.monotone is Monotone.DECREASING) if self.monotone else values

    def place(self, value: JsonValue) -> tuple[float, ...]:
        values = self._elements(value)
        return tuple(item.encode(v) for item, v in zip(self.items, values, strict=True))

    def at(self, units: Sequence[float]) -> JsonValue:
        return self.ordered([item.decode(unit) for item, unit in zip(self.items, units, strict=True)])

    def draw(self, rng: random.Random) -> JsonValue:
        return self.at([rng.random() for _ in self.items])

    def column(self, rng: random.Random, count: int) -> list[JsonValue]:
        columns = [item.column(rng, count) for item in self.items]
        return [self.ordered(list(values)) for values in zip(*columns, strict=True)]

    def _elements(self, value: object) -> list[Any]:
        if isinstance(value, str) and value.strip().startswith("["):
            value = _parsed(value)
        if not isinstance(value, list | tuple) or len(value) != len(self.items):
            raise self.refusal(f"a list of {len(self.items)} numbers is needed", value)
        return list(value)

    def contains(self, value: object) -> bool:
        return self._fits(value, searched=True)

    def allows(self, value: object) -> bool:
        """Whether training accepts `value`, be it inside the searched range or not."""
        return self._fits(value, searched=False)

    def _fits(self, value: object, *, searched: bool) -> bool:
        if not isinstance(value, list | tuple) or len(value) != len(self.items):
            return False
        pairs = zip(self.items, value, strict=True)
        fits = all(item.contains(v) if searched else item.allows(v) for item, v in pairs)
        return fits and self._in_order(value)

    def cast(self, value: object) -> list[JsonValue]:
        return [item.cast(v) for item, v in zip(self.items, self._elements(value), strict=True)]

    def narrowed(self, bounds: Sequence[JsonValue]) -> "Vector | Fixed":
        """Within ``(low, high)``, or within one such pair for each element."""
        pairs = list(bounds) if bounds and all(isinstance(b, list | tuple) for b in bounds) else [bounds] * self.width
        self.law(len(pairs) == self.width, f"one range, or {self.width} of them", f"ranges={len(pairs)}")
        items = [item.narrowed(pair) for item, pair in zip(self.items, pairs, strict=True)]  # type: ignore[arg-type]  # checked above
        values = [item.default for item in items]
        if all(isinstance(item, Fixed) for item in items):
            return self.fixed(values)
        kept = tuple(item for item in items if not isinstance(item, Fixed))
        self.law(len(kept) == len(items), "a range of at least two values for each element", f"ranges={pairs!r:.80}")
        bare = replace(self, items=_with_defaults(kept, self.ordered(values)), popular=())
        return replace(bare, popular=tuple(v for v in self.popular if bare.contains(v)))

    def levels(self, count: int) -> tuple[list[JsonValue], ...]:
        """All combinations of the elements' levels; of very many, the default with one element changed."""
        if count == 1:
            return (self.default,)
        each = [item.levels(count) for item in self.items]
        total = 1
        for values in each:
            total = min(total * len(values), MOST_LEVELS + 1)
        found = itertools.product(*each) if total <= MOST_LEVELS else self._star(each)
        return tuple(list(values) for values in dict.fromkeys(found) if self._in_order(values))

    def _star(self, each: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
        start = tuple(self.default)
        changed = [(*start[:k], value, *start[k + 1 :]) for k, values in enumerate(each) for value in values]
        return [start, *changed]

    def lattice(self, count: int) -> tuple[tuple[float, ...], ...]:
        return tuple(axis for item in self.items for axis in item.lattice(count))

    def axes(self) -> tuple[UnitAxis, ...]:
        return tuple(
            replace(axis, index=k, owner=self.name, part=f"[{k}]")
            for k, item in enumerate(self.items)
            for axis in item.axes()
        )


def _with_defaults(items: Sequence[Item], values: Sequence[Any]) -> tuple[Item, ...]:
    return tuple(replace(item, default=value) for item, value in zip(items, values, strict=True))


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
