"""Which outcomes are better: one order for everything that has to choose, whatever the goal is.

Outcomes that break a constraint come last, the least broken first. Several objectives are ordered by non-dominated
sorting and, within a front, by crowding distance (NSGA-II, doi:10.1109/4235.996017).
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from tao_automl.domain.trial import Score

Rank = float | tuple[float, ...]
"""Sorts outcomes, the best first. Comparable within one answer of `ranks` only."""


def ranks(scores: Sequence[Score]) -> list[Rank]:
    """A sort key for each of the scores. Of one objective without constraints it is the cost itself."""
    if any(score.costs for score in scores):
        return _pareto_ranks(scores)
    if any(score.excess for score in scores):
        return [(score.violation, score.cost) for score in scores]
    return [score.cost for score in scores]


def dominates(a: Score, b: Score) -> bool:
    """Whether `a` is better in one way and worse in none. What keeps the constraints dominates what does not."""
    if a.violation or b.violation:
        return a.violation < b.violation
    mine, yours = a.costs or (a.cost,), b.costs or (b.cost,)
    return mine != yours and all(x <= y for x, y in zip(mine, yours, strict=True))


def front(scores: Sequence[Score]) -> list[int]:
    """The places of those that no other dominates, in order. What dominates another comes before it when sorted, so
    that each is compared with the front so far only."""
    found: list[int] = []
    for i in sorted(range(len(scores)), key=lambda i: (scores[i].violation, scores[i].costs or (scores[i].cost,))):
        if not any(dominates(scores[k], scores[i]) for k in found):
            found.append(i)
    return sorted(found)


def _pareto_ranks(scores: Sequence[Score]) -> list[Rank]:
    found: dict[int, Rank] = {}
    left = list(range(len(scores)))
    depth = 0
    while left:
        best = [left[place] for place in front([scores[i] for i in left])]
        crowding = _crowding([scores[i].costs or (scores[i].cost,) for i in best])
        for i, distance in zip(best, crowding, strict=True):
            found[i] = (float(depth), -distance, float(i))
        left = [i for i in left if i not in found]
        depth += 1
    return [found[i] for i in range(len(scores))]


def _crowding(points: Sequence[tuple[float, ...]]) -> list[float]:
    """How far each point's neighbours are apart, as a share of the range; without bound at the ends."""
    distance = [0.0] * len(points)
    for axis in range(len(points[0])):
        order = sorted(range(len(points)), key=lambda i: points[i][axis])
        low, high = points[order[0]][axis], points[order[-1]][axis]
        distance[order[0]] = distance[order[-1]] = math.inf
        for before, (i, after) in zip(order, pairwise(order[1:]), strict=False):
            distance[i] += (points[after][axis] - points[before][axis]) / ((high - low) or 1.0)
    return distance
