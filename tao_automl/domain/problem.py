"""What is searched: a space, an objective, and how much training one trial may get."""

import math
from dataclasses import dataclass
from enum import Enum
from numbers import Real

from tao_automl.domain.space import SearchSpace
from tao_automl.errors import SettingsError


class Direction(Enum):
    """Which way a metric gets better. Resolved once, when the objective is built; never guessed from a name."""

    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """A metric and its direction: the only place that knows which way is better. All else minimises `cost`."""

    metric: str
    direction: Direction

    def cost(self, value: float) -> float:
        """The number that searchers minimise."""
        return value if self.direction is Direction.MINIMIZE else -value

    def improvement(self, before: float, after: float) -> float:
        """How much better `after` is than `before`, in the metric's own unit; negative if it is worse."""
        return self.cost(before) - self.cost(after)

    def reached(self, value: float, target: float) -> bool:
        """Whether `value` is as good as `target` or better."""
        return self.cost(value) <= self.cost(target)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fidelity:
    """The spec key that says how far a trial is trained, in whole units (epochs): `low <= budget <= high`."""

    key: str
    low: int
    high: int
    resumable: bool = True
    unit: str = "epoch"

    def __post_init__(self) -> None:
        if not 1 <= self.low <= self.high:
            raise SettingsError(
                f"{self.key}: `1 <= low <= high` must hold, got (low={self.low}, high={self.high})",
                "set `automl_max_epochs` to at least the skill's `fidelity.min`",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """All that a searcher may know, besides the history of trials.

    `seed` addresses every random draw. Without a `fidelity` every trial is trained in full and its budget is 1.
    """

    space: SearchSpace
    objective: Objective
    fidelity: Fidelity | None = None
    seed: int = 0

    @property
    def full_budget(self) -> int:
        """The budget of a complete training."""
        return self.fidelity.high if self.fidelity else 1


def finite(value: object) -> float | None:
    """`value` as a float if it is a finite number (also one of numpy's; a bool is none), else None."""
    if isinstance(value, bool) or not isinstance(value, int | float | Real):
        return None
    return float(value) if math.isfinite(value) else None
