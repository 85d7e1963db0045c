"""Budgets: how units of training, passes over the data and optimizer steps relate.

Language models are tuned for one to a few passes over their data, so a pass is too coarse a budget for a search that
stops bad trials early. `train.num_epochs` therefore counts units of 1/`train.units_per_epoch` of a pass. A unit is a
share of the *data* and not a number of steps: trials with other batch sizes have then seen the same examples at the
same budget.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """`sequences` per pass, `batch_size` of them a step (the last step of a pass may have fewer)."""

    sequences: int
    batch_size: int
    units_per_pass: int

    @property
    def steps_per_pass(self) -> int:
        return -(-self.sequences // self.batch_size)

    def steps_until(self, unit: int) -> int:
        """Steps that are complete after so many units, counted from the start. Rounded up, so that unit 1 trains.

        With fewer steps than units in a pass, some units train nothing; they report the metrics of the one before.
        """
        return -(-unit * self.steps_per_pass // self.units_per_pass)

    def steps_of(self, unit: int) -> range:
        """The steps of the unit with this number, counted from 1."""
        return range(self.steps_until(unit - 1), self.steps_until(unit))

    def place_of(self, step: int) -> tuple[int, int]:
        """(pass, step within it), both counted from 0."""
        return divmod(step, self.steps_per_pass)
