"""Parameters that are numbers: a range, a scale, and the axis that both make."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Self

from tao_automl.domain.fixed import Fixed, Named, is_number
from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.scales import Axis, Cells, Line, Powers, Scale, is_power_of_two, tidy
from tao_automl.errors import SearchSpaceError

_INT_LIMIT = 2**40  # integers up to here survive a logarithm and back
_NARROWEST = 1e-9  # a continuous range must be this wide, relative to its magnitude


class Strength(StrEnum):
    """How much an author trusts a prior."""

    WEAK = "weak"
    MEDIUM = "medium"
    STRONG = "strong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """Where the best value is expected."""

    mean: float
    strength: Strength = Strength.WEAK


@dataclass(frozen=True, slots=True, kw_only=True)
class Numeric(Named):
    """A number in [low, high], the part of [legal_low, legal_high] (what training accepts) that is searched.

    With `step`, only ``low + k * step`` are members; with the scale power2, only powers of two are.
    """

    low: float
    high: float
    default: float
    scale: Scale = Scale.LINEAR
    scale_inferred: bool = False
    step: float | None = None
    prior: Prior | None = None
    legal_low: float = -math.inf
    legal_high: float = math.inf
    _axis: Axis = field(init=False, repr=False, compare=False)

    def _check_range(self) -> None:
        got = f"low={self.low!r}, high={self.high!r}"
        hint = (
            f'bound it in the schema, or pass custom_param_ranges={{"{self.name}": {{"valid_min": …, "valid_max": …}}}}'
        )
        ends = is_number(self.low) and is_number(self.high) and is_number(self.high - self.low)
        self.law(ends and self.low < self.high, "finite `low < high`", got, hint)
        legal = f"{got}, legal_low={self.legal_low!r}, legal_high={self.legal_high!r}"
        self.law(
            self.legal_low <= self.low and self.high <= self.legal_high,
            "`legal_low <= low`, `high <= legal_high`",
            legal,
        )
        self._check_scale(got)

    def _check_scale(self, got: str) -> None:
        got = f"{got}, scale={self.scale}"
        if self.scale in (Scale.LOG, Scale.POWER2):
            self.law(self.low > 0, "`0 < low`", got, "a logarithm has no place for zero: raise the lower bound")
        elif self.scale is Scale.LOGIT:
            self.law(self.low > 0 and self.high < 1, "`0 < low` and `high < 1`", got)
        step = self.step
        if step is not None:
            self.law(self.scale is not Scale.POWER2, "no step on the scale power2", f"step={step!r}")
            self.law(
                is_number(step) and 0 < step <= (self.high - self.low) * (1 + 1e-9),
                "`0 < step <= high - low`",
                f"{got}, step={step!r}",
            )

    def _check_members(self) -> None:
        got = f"low={self.low!r}, high={self.high!r}"
        law = f"a default in [low, high] that is {self.grid_law()}" if self.is_grid() else "`low <= default <= high`"
        self.law(self.contains(self.default), law, f"default={self.default!r}, {got}")
        for value in self.popular:
            self.law(self.contains(value), "every popular value a member", f"popular={value!r}, {got}")
        if self.prior is not None:
            inside = is_number(self.prior.mean) and self.low <= self.prior.mean <= self.high
            self.law(inside, "`low <= prior mean <= high`", f"mean={self.prior.mean!r}, {got}")

    def is_grid(self) -> bool:
        return self.step is not None or self.scale is Scale.POWER2

    def grid_law(self) -> str:
        return "a power of two" if self.step is None else f"`low + k * {self.step!r}`"

    def _on_grid(self, value: float) -> bool:
        if self.scale is Scale.POWER2:
            return is_power_of_two(value)
        if self.step is None:
            return True
        count = (value - self.low) / self.step
        return abs(count - round(count)) <= 1e-6

    def _nearest_step(self, value: float) -> float:
        if self.step is None or self.scale is Scale.LINEAR:
            return value
        return Cells.between(self.low, self.high, self.step).nearest(value)

    def _number(self, value: object) -> int | float:
        number = value
        if isinstance(value, str):
            number = _parsed(value)
        if not is_number(number):
            raise self.refusal("a finite number is needed", value)
        return number

    def encode(self, value: JsonValue) -> float:
        """The place of a member on [0, 1]; a number outside the range gets the place of the nearer bound."""
        return self._axis.unit(min(max(self._number(value), self.low), self.high))

    def contains(self, value: object) -> bool:
        raise NotImplementedError

    def decode(self, unit: float) -> float:
        raise NotImplementedError

    def narrowed(self, bounds: Sequence[JsonValue]) -> "Self | Fixed":
        """The same parameter within ``(low, high)``, which must lie inside the present range."""
        low, high = self._pair(bounds)
        if low == high or (self.step is not None and 0 <= high - low < self.step * (1 - 1e-9)):
            self.law(self.contains(low), "a member", f"value={low!r}")
            return self.fixed(low)
        return self.ranged(low, high)

    def ranged(self, low: float, high: float) -> Self:
        """The same parameter on another range; the default moves to the nearest member when it has to."""
        popular = tuple(v for v in self.popular if is_number(v) and low <= v <= high)
        prior = self.prior if self.prior and low <= self.prior.mean <= high else None
        if self.scale is Scale.POWER2:
            self.law(Powers.between(low, high).count >= 1, "a power of two in the range", f"low={low!r}, high={high!r}")
        start = next((v for v in (low, high, *popular) if self._on_grid(float(v))), None)
        start = 2.0 ** math.ceil(math.log2(low)) if start is None else start
        new = replace(self, low=low, high=high, default=type(self.low)(start), popular=popular, prior=prior)
        return replace(
            new, default=self.default if new.contains(self.default) else new.decode(new.encode(self.default))
        )

    def _pair(self, bounds: Sequence[JsonValue]) -> tuple[float, float]:
        got = f"range={list(bounds)!r:.80}, low={self.low!r}, high={self.high!r}"
        self.law(len(bounds) == 2, "a range of two numbers", got)
        low, high = (self._number(v) for v in bounds)
        self.law(self.low <= low <= high <= self.high, "a range inside the present one", got)
        return (self._aligned(low), high)

    def _aligned(self, low: float) -> float:
        if self.step is None:
            return low
        aligned = self.low + math.ceil((low - self.low) / self.step - 1e-9) * self.step
        return float(f"{aligned:.12g}") if isinstance(aligned, float) else aligned

    def _spread(self, count: int) -> list[float]:
        if count < 1:
            raise SearchSpaceError(f"{self.name}: `levels >= 1` must hold, got (levels={count})")
        if count == 1:
            return [self.encode(self.default)]
        return [k / (count - 1) for k in range(count)]


def _parsed(text: str) -> float | int | None:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Float(Numeric):
    """A real number."""

    _exact: dict[float, float] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._check_range()
        for key in ("low", "high", "default"):
            if is_number(value := getattr(self, key)):
                object.__setattr__(self, key, float(value))
        if not self.is_grid():
            width = (self.high - self.low) / max(abs(self.low), abs(self.high))
            self.law(width >= _NARROWEST, "a range that 12 digits tell apart", f"low={self.low!r}, high={self.high!r}")
        self._check_members()
        object.__setattr__(self, "_axis", _axis_of(self))
        landmarks = [
            float(v) for v in (*self.popular, self.high, self.low, self.default) if self.contains(v) and is_number(v)
        ]
        object.__setattr__(self, "_exact", {self._tidy(v): v for v in landmarks})

    def _tidy(self, value: float) -> float:
        return tidy(value, self.scale, max(abs(self.low), abs(self.high)))

    def decode(self, unit: float) -> float:
        value = self._tidy(self._nearest_step(self._axis.at(unit)))
        return self._exact.get(value, min(max(value, self.low), self.high))

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
        self.law(max(abs(self.low), abs(self.high)) <= _INT_LIMIT, "`-2**40 <= low < high <= 2**40`", got)
        self._check_members()
        object.__setattr__(self, "_axis", _axis_of(self))

    def decode(self, unit: float) -> int:
        value = round(self._nearest_step(self._axis.at(unit)))
        return min(max(value, self.low), self.high)

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


def _axis_of(parameter: Float | Int) -> Axis:
    """Steps and powers of two are cells; integers get half a unit at each end, so that all have an equal share."""
    low, high, scale = parameter.low, parameter.high, parameter.scale
    if scale is Scale.POWER2:
        return Powers.between(low, high)
    whole = isinstance(parameter, Int)
    if scale is Scale.LINEAR and (whole or parameter.step is not None):
        return Cells.between(low, high, parameter.step or 1)
    if whole:
        return Line.between(scale, low - 0.5, high + 0.5)
    return Line.between(scale, low, high)
