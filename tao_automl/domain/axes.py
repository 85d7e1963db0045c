"""The coordinates of the unit cube: what a searcher that models the space needs to know of each."""

from dataclasses import dataclass
from enum import StrEnum


class AxisKind(StrEnum):
    """How the values along an axis relate. Only a categorical axis has no order."""

    CONTINUOUS = "continuous"
    INTEGER = "integer"
    ORDINAL = "ordinal"
    CATEGORICAL = "categorical"


class Strength(StrEnum):
    """How much an author trusts a prior."""

    WEAK = "weak"
    MEDIUM = "medium"
    STRONG = "strong"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitAxis:
    """One coordinate.

    Attributes:
        index: its place in a point.
        owner: the name of the parameter that it belongs to; `part` tells the axes of one parameter apart.
        cells: how many values there are, each with an equal share of [0, 1]; None if they are too many to count. Of a
            discrete axis with `cells`, value k lies at ``(k + 0.5) / cells``.
        expected: where the author expects the best value; the default, if nothing was said.
        strength: how much that is to be trusted.
        weights: prior weights of the cells, or None.
    """

    index: int
    owner: str
    kind: AxisKind
    expected: float
    part: str = ""
    cells: int | None = None
    strength: Strength = Strength.WEAK
    weights: tuple[float, ...] | None = None

    @property
    def label(self) -> str:
        return self.owner + self.part
