"""Parameters that may be null: switched off, or a value of another kind."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from tao_automl.domain.axes import AxisKind, UnitAxis
from tao_automl.domain.fixed import Fixed, Named
from tao_automl.domain.floats import Float
from tao_automl.domain.ints import Int
from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.lists import Vector
from tao_automl.domain.options import Bool, Choice
from tao_automl.domain.subset import Subset

Inner: TypeAlias = Float | Int | Bool | Choice | Vector | Subset
_NULL, _SET = 0.25, 0.75


@dataclass(frozen=True, slots=True, kw_only=True)
class Optional(Named):
    """Null or a value of `inner`, whose coordinates come after the one that decides; they count only if it is set."""

    inner: Inner
    default: JsonValue = None

    def __post_init__(self) -> None:
        got = f"default={self.default!r:.80}"
        self.law(not self.inner.contains(None), "an inner kind without null", "inner takes null")
        self.law(self.contains(self.default), "a default that is null or a value of the inner kind", got)
        for value in self.popular:
            self.law(self.contains(value), "every popular value a member", f"popular={value!r:.80}")

    @property
    def width(self) -> int:
        return 1 + self.inner.width

    def place(self, value: JsonValue) -> tuple[float, ...]:
        if value is None:
            return (_NULL, *(0.5,) * self.inner.width)
        return (_SET, *self.inner.place(value))

    def at(self, units: Sequence[float]) -> JsonValue:
        return self.inner.at(units[1:]) if units[0] >= 0.5 else None

    def draw(self, rng: random.Random) -> JsonValue:
        return self.inner.draw(rng) if rng.random() >= 0.5 else None

    def present(self, value: JsonValue) -> tuple[bool, ...]:
        return (True, *(value is not None,) * self.inner.width)

    def contains(self, value: object) -> bool:
        return value is None or self.inner.contains(value)

    def allows(self, value: object) -> bool:
        """Whether training accepts `value`, be it inside the searched range or not."""
        return value is None or self.inner.allows(value)

    def cast(self, value: object) -> JsonValue:
        if value is None or (isinstance(value, str) and value.strip().lower() in ("null", "none")):
            return None
        return self.inner.cast(value)

    def narrowed(self, bounds: Sequence[JsonValue]) -> "Optional | Choice | Fixed":
        """The inner kind narrowed; null stays possible. ``[None]`` alone leaves nothing but null."""
        if list(bounds) == [None]:
            return self.fixed(None)
        inner = self.inner.narrowed(bounds)
        if isinstance(inner, Fixed):
            default = None if self.default is None else inner.value
            options = (None, inner.value)
            return Choice(
                name=self.name, description=self.description, when=self.when, options=options, default=default
            )
        default = self.default if self.default is None or inner.contains(self.default) else inner.default
        bare = replace(self, inner=inner, default=default, popular=())
        return replace(bare, popular=tuple(v for v in self.popular if bare.contains(v)))

    def levels(self, count: int) -> tuple[JsonValue, ...]:
        if count == 1:
            return (self.default,)
        values: tuple[JsonValue, ...] = self.inner.levels(count)
        return (None, *values)

    def lattice(self, count: int) -> tuple[tuple[float, ...], ...]:
        decides = (_NULL, _SET) if count > 1 else (_NULL if self.default is None else _SET,)
        return (decides, *self.inner.lattice(count))

    def axes(self) -> tuple[UnitAxis, ...]:
        expected = _NULL if self.default is None else _SET
        decides = UnitAxis(index=0, owner=self.name, part="?", kind=AxisKind.CATEGORICAL, cells=2, expected=expected)
        inner = (replace(axis, index=axis.index + 1, owner=self.name) for axis in self.inner.axes())
        return (decides, *inner)
