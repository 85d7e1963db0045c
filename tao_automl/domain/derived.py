"""Parameters that follow from others: never searched, always written."""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from tao_automl.domain.expression_values import equal_numbers
from tao_automl.domain.expressions import Expression
from tao_automl.domain.fixed import Constant
from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.json_values import is_json, is_number


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived(Constant):
    """The value of `expression`. It exists where all parameters that the expression names do, and are not null.

    A configuration under which it cannot be computed, leaves [low, high], or is not whole where it must be, is no
    member of the space.
    """

    expression: Expression
    whole: bool = False
    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        self.law(bool(self.expression.names), "an expression that names a parameter", self.expression.text[:80])
        self.law(self.name not in self.expression.names, "an expression of others", self.expression.text[:80])
        self.law(self.low <= self.high, "`low <= high`", f"low={self.low!r}, high={self.high!r}")
        self.law(not self.popular, "no popular values", f"popular={list(self.popular)!r:.80}")

    @property
    def default(self) -> JsonValue:
        """Unknown without the others."""
        return None

    def compute(self, config: Mapping[str, object]) -> JsonValue:
        """Raises ExpressionError for what cannot be computed, SearchSpaceError for a value that must not be."""
        value = self.expression.evaluate(config)
        if self.whole:
            value = self._rounded(value)
        if self.low > -math.inf or self.high < math.inf:
            inside = is_number(value) and self.low <= value <= self.high
            self.law(inside, f"`{self.low!r} <= {self.expression} <= {self.high!r}`", f"{value!r:.80}")
        return value

    def _rounded(self, value: JsonValue) -> JsonValue:
        whole = is_number(value) and equal_numbers(float(round(value)), value)
        self.law(whole, f"a whole number for `{self.expression}`", f"{value!r:.80}")
        return round(value) if is_number(value) else value

    def at(self, units: Sequence[float]) -> JsonValue:
        self._not_chosen()

    def draw(self, rng: random.Random) -> JsonValue:
        self._not_chosen()

    def _not_chosen(self) -> NoReturn:
        raise self.refusal("a derived parameter is computed, not chosen; its expression is", self.expression.text)

    def contains(self, value: object) -> bool:
        """Whether it can be one at all; `SearchSpace.validate` compares it with the others."""
        return is_json(value)

    allows = contains

    def cast(self, value: object) -> JsonValue:
        if is_json(value):
            return value  # type: ignore[return-value]  # checked
        raise self.refusal("a JSON value is needed", value)

    def narrowed(self, options: Sequence[JsonValue]) -> "Derived":
        self._not_chosen()

    def levels(self, count: int) -> tuple[JsonValue, ...]:
        self._not_chosen()
