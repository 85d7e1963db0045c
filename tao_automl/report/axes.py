"""Where a value lies along its parameter's range."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tao_automl.report.shapes import Parameter, Trial
from tao_automl.report.values import number, same

CELLS = 50


@dataclass(frozen=True, slots=True)
class Axis:
    """A range cut into `count` cells; `ordered` tells that neighbouring cells are alike."""

    parameter: Parameter
    count: int
    ordered: bool
    low: float = 0.0
    high: float = 1.0

    def cell(self, specs: Mapping[str, Any]) -> int:
        """The cell of this parameter's value, or -1 where it has none or one that is no member."""
        if self.parameter.key not in specs:
            return -1
        value = specs[self.parameter.key]
        if not self.parameter.numeric:
            found = (k for k, option in enumerate(self.parameter.options) if same(option, value))
            return next(found, -1)
        numeric = number(value)
        position = None if numeric is None else _warp(numeric, self.parameter.scale)
        if position is None or not self.low <= position <= self.high:
            return -1
        return min(int((position - self.low) / (self.high - self.low) * self.count), self.count - 1)


def axis_of(parameter: Parameter, trials: list[Trial]) -> Axis | None:
    """The axis over the declared range, widened to the values that were tried; None if only one value is possible."""
    if not parameter.numeric:
        count = len(parameter.options)
        return Axis(parameter, count, parameter.kind == "ordinal") if count > 1 else None
    tried = [number(trial.specs.get(parameter.key)) for trial in trials]
    ends = [value for value in (parameter.low, parameter.high, *tried) if value is not None]
    places = [place for value in ends if (place := _warp(value, parameter.scale)) is not None]
    if not places or min(places) == max(places):
        return None
    return Axis(parameter, _cells(parameter, min(ends), max(ends)), True, min(places), max(places))


def _cells(parameter: Parameter, low: float, high: float) -> int:
    """As many cells as there are integers, if these are few and evenly spaced."""
    few = parameter.kind == "int" and parameter.scale in ("", "linear") and high - low < CELLS
    return int(high - low) + 1 if few else CELLS


def _warp(value: float, scale: str) -> float | None:
    if scale in ("log", "power2"):
        return math.log(value) if value > 0 else None
    if scale == "logit":
        return math.log(value) - math.log1p(-value) if 0 < value < 1 else None
    return value
