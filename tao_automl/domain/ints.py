"""Whole numbers."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from tao_automl.domain.axes import AxisKind, UnitAxis
from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.json_values import is_number
from tao_automl.domain.numeric import Numeric
from tao_automl.domain.scales import Axis, Cells, Line, Powers, Scale

_LIMIT = 2**40  # integers up to here survive a logarithm and back


@dataclass(frozen=True, slots=True, kw_only=True)
class Int(Numeric):
    """A whole number."""

    low: int
    high: int
    default: int
    step: int | None = None

    def __post_init__(self) -> None:
        for key in ("low", "high", "default", "step"):
            value = getattr(self, key)
            self.law(
                isinstance(value, int) or (key == "step" and value is None), f"an integer {key}", f"{key}={value!r}"
            )
        self._check_range()
        got = f"low={self.low!r}, high={self.high!r}"
        self.law(max(abs(self.low), abs(self.high)) <= _LIMIT, "`-2**40 <= low < high <= 2**40`", got)
        self._check_members()
        object.__setattr__(self, "_axis", _axis_of(self))

    def decode(self, unit: float) -> int:
        value = round(self._nearest_step(self._axis.at(unit)))
        return min(max(value, self.low), self.high)

    def neighbour(self, value: float, *, up: bool) -> float:
        if self.scale is Scale.POWER2:
            return int(value * 2) if up else int(value // 2)
        step = self.step or 1
        return int(value) + step if up else int(value) - step

    def column(self, rng: random.Random, count: int) -> list[JsonValue]:
        axis, draw = self._axis, rng.random
        if not isinstance(axis, Cells):
            return [self.decode(draw()) for _ in range(count)]
        first, step, cells = self.low, self.step or 1, axis.count
        return [first + int(draw() * cells) * step for _ in range(count)]

    def axes(self) -> tuple[UnitAxis, ...]:
        axis = self._axis
        cells = axis.count if isinstance(axis, Cells | Powers) else None
        found = UnitAxis(
            index=0,
            owner=self.name,
            kind=AxisKind.INTEGER,
            cells=cells,
            expected=self.expected,
            strength=self.strength,
        )
        return (found,)

    def contains(self, value: object) -> bool:
        if not isinstance(value, int) or isinstance(value, bool):
            return False
        return self.low <= value <= self.high and self._on_grid(value)

    def allows(self, value: object) -> bool:
        """Whether training accepts `value`, be it inside the searched range or not."""
        return isinstance(value, int) and is_number(value) and self.legal_low <= value <= self.legal_high

    def cast(self, value: object) -> int:
        number = self._number(value)
        if number != round(number):
            raise self.refusal("an integer is needed", value)
        return round(number)

    def _pair(self, bounds: Sequence[JsonValue]) -> tuple[int, int]:
        low, high = Numeric._pair(self, bounds)
        return self.cast(low), self.cast(high)

    def levels(self, count: int) -> tuple[int, ...]:
        """Up to `count` distinct members, evenly spread on the scale; the default alone when `count` is 1."""
        return tuple(dict.fromkeys(map(self.decode, self._spread(count))))


def _axis_of(parameter: Int) -> Axis:
    """On a logarithm, integers get half a unit at each end, so that all have their fair share."""
    low, high, scale = parameter.low, parameter.high, parameter.scale
    if scale is Scale.POWER2:
        return Powers.between(low, high)
    if scale is Scale.LINEAR:
        return Cells.between(low, high, parameter.step or 1)
    return Line.between(scale, low - 0.5, high + 0.5)
