"""Real numbers."""

import random
from dataclasses import dataclass, field

from tao_automl.domain.axes import AxisKind, UnitAxis
from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.json_values import is_number
from tao_automl.domain.numeric import Numeric
from tao_automl.domain.scales import Axis, Cells, Line, Powers, Scale, tidied, tidy

_NARROWEST = 1e-9  # a continuous range must be this wide, relative to its magnitude


@dataclass(frozen=True, slots=True, kw_only=True)
class Float(Numeric):
    """A real number."""

    _exact: dict[float, float] = field(init=False, repr=False, compare=False)
    _magnitude: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._check_range()
        for key in ("low", "high", "default"):
            if is_number(value := getattr(self, key)):
                object.__setattr__(self, key, float(value))
        if not self.is_grid():
            width = (self.high - self.low) / max(abs(self.low), abs(self.high))
            self.law(width >= _NARROWEST, "a range that 12 digits tell apart", f"low={self.low!r}, high={self.high!r}")
        self._check_members()
        object.__setattr__(self, "_magnitude", max(abs(self.low), abs(self.high)))
        object.__setattr__(self, "_axis", _axis_of(self))
        landmarks = [
            float(v) for v in (*self.popular, self.high, self.low, self.default) if self.contains(v) and is_number(v)
        ]
        object.__setattr__(self, "_exact", {self._tidy(v): v for v in landmarks})

    def _tidy(self, value: float) -> float:
        return tidy(value, self.scale, self._magnitude)

    def decode(self, unit: float) -> float:
        value = self._axis.at(unit)
        value = self._tidy(value if self.step is None else self._nearest_step(value))
        found = self._exact.get(value, value)
        return self.low if found < self.low else self.high if found > self.high else found

    def neighbour(self, value: float, *, up: bool) -> float:
        if self.scale is Scale.POWER2:
            return value * 2 if up else value / 2
        step = self.step or 4e-9 * max(abs(value), (self.high - self.low) * 1e-3)
        moved = value + step if up else value - step
        return moved if self.is_grid() or not self.low <= moved <= self.high else self.decode(self.encode(moved))

    def column(self, rng: random.Random, count: int) -> list[JsonValue]:
        axis = self._axis
        if not isinstance(axis, Line) or self.is_grid():
            return [self.decode(rng.random()) for _ in range(count)]
        places = [axis.start + rng.random() * axis.width for _ in range(count)]
        values = tidied(places, self.scale, self._magnitude)
        low, high, exact = self.low, self.high, {key: v for key, v in self._exact.items() if key != v}
        if exact:
            values = [exact.get(v, v) for v in values]
        return [low if v < low else high if v > high else v for v in values]

    def axes(self) -> tuple[UnitAxis, ...]:
        axis = self._axis
        cells = axis.count if isinstance(axis, Cells | Powers) else None
        kind = AxisKind.ORDINAL if self.is_grid() else AxisKind.CONTINUOUS
        found = UnitAxis(
            index=0, owner=self.name, kind=kind, cells=cells, expected=self.expected, strength=self.strength
        )
        return (found,)

    def contains(self, value: object) -> bool:
        return is_number(value) and self.low <= value <= self.high and self._on_grid(float(value))

    def allows(self, value: object) -> bool:
        """Whether training accepts `value`, be it inside the searched range or not."""
        return is_number(value) and self.legal_low <= value <= self.legal_high

    def cast(self, value: object) -> float:
        return float(self._number(value))

    def levels(self, count: int) -> tuple[float, ...]:
        """Up to `count` distinct members, evenly spread on the scale; the default alone when `count` is 1."""
        return tuple(dict.fromkeys(map(self.decode, self._spread(count))))


def _axis_of(parameter: Float) -> Axis:
    """Steps on the linear scale and powers of two are cells."""
    low, high, scale = parameter.low, parameter.high, parameter.scale
    if scale is Scale.POWER2:
        return Powers.between(low, high)
    if scale is Scale.LINEAR and parameter.step is not None:
        return Cells.between(low, high, parameter.step)
    return Line.between(scale, low, high)
