"""How a range of numbers lies on [0, 1]: scales, and the three kinds of axis that parameters are built on.

Decoded numbers are tidied to 12 significant digits. Logarithms differ in the last bits between maths libraries, and a
logarithmic range holds more doubles than [0, 1] does; rounding makes ``decode(encode(x)) == x`` exact for every number
of up to 12 digits, and the same on every host.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from tao_automl.errors import SearchSpaceError

_DIGITS = 12


class Scale(StrEnum):
    """Where resolution is spent along a range."""

    LINEAR = "linear"
    LOG = "log"
    LOGIT = "logit"
    POWER2 = "power2"

    def warp(self, value: float) -> float:
        """The monotone map under which this scale is a straight line."""
        if self is Scale.LINEAR:
            return value
        if self is Scale.LOGIT:
            return math.log(value) - math.log1p(-value)
        return math.log2(value) if self is Scale.POWER2 else math.log(value)

    def unwarp(self, position: float) -> float:
        """The inverse of `warp`."""
        if self is Scale.LINEAR:
            return position
        if self is Scale.LOGIT:
            return 1.0 / (1.0 + math.exp(-position))
        return 2.0**position if self is Scale.POWER2 else math.exp(position)


@dataclass(frozen=True, slots=True)
class Line:
    """A continuous axis from `start` to `start + width`, both in warped units."""

    scale: Scale
    start: float
    width: float

    @classmethod
    def between(cls, scale: Scale, low: float, high: float) -> "Line":
        start = scale.warp(low)
        return cls(scale, start, scale.warp(high) - start)

    def unit(self, value: float) -> float:
        return clamp_unit((self.scale.warp(value) - self.start) / self.width)

    def at(self, unit: float) -> float:
        return self.scale.unwarp(self.start + clamp_unit(unit) * self.width)


@dataclass(frozen=True, slots=True)
class Cells:
    """`count` equal cells for the numbers ``first + k * step``; each number sits at the middle of its cell."""

    first: float
    step: float
    count: int

    @classmethod
    def between(cls, low: float, high: float, step: float) -> "Cells":
        return cls(low, step, math.floor((high - low) / step + 1e-9) + 1)

    def index(self, value: float) -> int:
        return min(max(round((value - self.first) / self.step), 0), self.count - 1)

    def nearest(self, value: float) -> float:
        return self.first + self.index(value) * self.step

    def unit(self, value: float) -> float:
        return (self.index(value) + 0.5) / self.count

    def at(self, unit: float) -> float:
        return self.first + min(int(clamp_unit(unit) * self.count), self.count - 1) * self.step


@dataclass(frozen=True, slots=True)
class Powers:
    """`count` equal cells for the powers of two that begin with ``2**first``."""

    first: int
    count: int

    @classmethod
    def between(cls, low: float, high: float) -> "Powers":
        """Empty (`count` < 1) when no power of two lies in the range."""
        first = math.frexp(low)[1] - is_power_of_two(low)
        return cls(first, math.frexp(high)[1] - first)

    def unit(self, value: float) -> float:
        index = min(max(round(math.log2(value)) - self.first, 0), self.count - 1)
        return (index + 0.5) / self.count

    def at(self, unit: float) -> float:
        return 2.0 ** (self.first + min(int(clamp_unit(unit) * self.count), self.count - 1))


Axis: TypeAlias = Line | Cells | Powers


def is_power_of_two(value: float) -> bool:
    return value > 0 and math.frexp(value)[0] == 0.5


def clamp_unit(unit: float) -> float:
    """`unit` moved into [0, 1]; not a number is an error, never a value."""
    if 0.0 <= unit <= 1.0:
        return unit
    if math.isnan(unit):
        raise SearchSpaceError("a point of the unit cube: every coordinate must be a number, got nan")
    return 0.0 if unit < 0.0 else 1.0


def tidy(value: float, scale: Scale, magnitude: float) -> float:
    """`value` rounded to what its axis can tell apart; `magnitude` is the larger of the range's absolute bounds."""
    if scale is Scale.LINEAR:
        return round(value, _DIGITS - math.floor(math.log10(magnitude))) + 0.0
    return value if scale is Scale.POWER2 else float(f"{value:.{_DIGITS}g}")


def tidied(places: Sequence[float], scale: Scale, magnitude: float) -> list[float]:
    """`tidy` of many places in warped units."""
    if scale is Scale.LINEAR:
        digits = _DIGITS - math.floor(math.log10(magnitude))
        return [round(place, digits) + 0.0 for place in places]
    if scale is Scale.LOG:
        exp = math.exp
        return [float(f"{exp(place):.{_DIGITS}g}") for place in places]
    return [tidy(scale.unwarp(place), scale, magnitude) for place in places]
