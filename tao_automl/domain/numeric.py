"""What numbers have in common: a range, a scale, and the axis that both make."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from tao_automl.domain.axes import Strength
from tao_automl.domain.expression_values import equal_numbers
from tao_automl.domain.fixed import Fixed, Named
from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.json_values import is_number
from tao_automl.domain.scales import Axis, Cells, Powers, Scale, is_power_of_two
from tao_automl.errors import SearchSpaceError

_STEPS_BACK = 8  # from the member nearest to a bound to one inside it


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

    def neighbour(self, value: float, *, up: bool) -> float:
        """The next number of the grid, or one that is just different, be it in the range or not."""
        raise NotImplementedError

    def beside(self, limit: float, *, above: bool, strict: bool = False) -> float | None:
        """The member nearest to `limit` that is not below it, or not above it; None if there is none."""
        value: float | None = self.decode(self.encode(min(max(limit, self.low), self.high)))
        for _ in range(_STEPS_BACK):
            if value is None or not self.low <= value <= self.high:
                return None
            if self.contains(value) and _fits(value, limit, above, strict):
                return value
            value = self.neighbour(value, up=above)
        return None

    @property
    def expected(self) -> float:
        """Where on [0, 1] the best value is expected."""
        return self.encode(self.prior.mean if self.prior else self.default)

    @property
    def strength(self) -> Strength:
        return self.prior.strength if self.prior else Strength.WEAK

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


def _fits(value: float, limit: float, above: bool, strict: bool) -> bool:
    if equal_numbers(value, limit):
        return not strict
    return value > limit if above else value < limit


def _parsed(text: str) -> float | int | None:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return None
