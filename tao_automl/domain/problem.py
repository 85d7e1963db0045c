"""What is searched: a space, the goal, and how much training one trial may get."""

from collections.abc import Sequence
from dataclasses import dataclass

from tao_automl.domain.goal import Goal, Objective, OutcomeConstraint
from tao_automl.domain.space import SearchSpace
from tao_automl.domain.trial import Trial
from tao_automl.errors import SettingsError


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

    Attributes:
        objective: the first, and mostly the only, objective.
        others: further objectives; with them, the search is for a Pareto front.
        constraints: what the outcome must keep.
        fidelity: without one every trial is trained in full, and its budget is 1.
        seed: the address of every random draw.
        known: completed trials of earlier runs. They may lie outside of the space: they teach, and are never proposed.
    """

    space: SearchSpace
    objective: Objective
    others: tuple[Objective, ...] = ()
    constraints: tuple[OutcomeConstraint, ...] = ()
    fidelity: Fidelity | None = None
    seed: int = 0
    known: Sequence[Trial] = ()

    @property
    def goal(self) -> Goal:
        return Goal(objectives=(self.objective, *self.others), constraints=self.constraints)

    @property
    def full_budget(self) -> int:
        """The budget of a complete training."""
        return self.fidelity.high if self.fidelity else 1
