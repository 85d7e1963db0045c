"""Grid search."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from tao_automl.domain.json_types import JsonObject
from tao_automl.domain.problem import Problem
from tao_automl.domain.space import SearchSpace
from tao_automl.domain.trial import Decision, Trial
from tao_automl.search.proposals import propose, searched, starts
from tao_automl.search.settings import NUM_RECOMMENDATIONS, check_at_least

_GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class GridSearch:
    """All combinations of `levels` values per number (evenly spread on its scale, both bounds among them) and of all
    options, every trial trained in full.

    Choose it for a handful of combinations that all have to be seen, as in an ablation. A grid that fits
    `num_recommendations` is walked in order, the last parameter varying fastest. Of a larger one an even part is
    tried: a walk in golden-ratio steps, after which each parameter has shown its values about equally often.
    """

    problem: Problem
    num_recommendations: int = field(default=20, metadata=NUM_RECOMMENDATIONS)
    levels: int = field(
        default=3,
        metadata={"help": "How many values each number takes; options are always tried all.", "aliases": ()},
    )

    def __post_init__(self) -> None:
        check_at_least("num_recommendations", self.num_recommendations, 1)
        check_at_least("levels", self.levels, 1)

    def ask(self, history: Sequence[Trial], slots: int) -> Sequence[Decision]:
        count = min(slots, self.num_recommendations - len(history))
        if count < 1:
            return []
        # Each search trial has used up at least one place of the walk, so that nothing new lies before this one.
        walk = self._walk(searched(history))
        return starts(propose(self.problem, history, lambda _: walk), self.problem.full_budget, count)

    def _walk(self, place: int) -> Iterator[JsonObject]:
        """The grid from a place on."""
        space = self.problem.space
        if space.grid_size(self.levels) <= self.num_recommendations:
            return islice(space.grid(self.levels), place, None)
        return _even_walk(space, self.levels, place)


def _even_walk(space: SearchSpace, levels: int, place: int) -> Iterator[JsonObject]:
    """Every place of the full product once. With conditions, some places are the same configuration."""
    axes = space.lattice(levels)
    size = math.prod(map(len, axes))
    stride = _stride(size)
    for k in range(place, size):
        yield space.decode(_point(axes, k * stride % size))


def _stride(size: int) -> int:
    """About ``golden ratio * size``, and prime to it: so it visits all places, and all levels of each axis in turn."""
    stride = max(1, round(_GOLDEN * size))
    while math.gcd(stride, size) > 1:
        stride += 1
    return stride


def _point(axes: Sequence[Sequence[float]], place: int) -> list[float]:
    """`place` as digits, one per axis, the last one counting fastest."""
    point = []
    for axis in reversed(axes):
        place, digit = divmod(place, len(axis))
        point.append(axis[digit])
    return point[::-1]
