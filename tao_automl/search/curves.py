"""A model of learning curves: one Gaussian process over configurations and budgets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

from tao_automl.domain.problem import Fidelity, Problem
from tao_automl.domain.trial import Score, Trial
from tao_automl.search import gp
from tao_automl.search.evidence import costs_of, inside, outside
from tao_automl.search.features import Features
from tao_automl.search.rungs import score_at
from tao_automl.search.surrogate import Scaling, scalarised

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float64]
else:
    Array = Any

_LOWEST = 16  # the lowest level is this part of the full budget, or the least that is allowed
_DOUBLINGS = 5.0  # of the budget are as far apart as the ends of an axis


def doubling_levels(fidelity: Fidelity) -> tuple[int, ...]:
    """The full budget and its halves, rounded, in increasing order."""
    levels = [fidelity.high]
    while (lower := round(fidelity.high / 2 ** len(levels))) >= max(fidelity.low, fidelity.high / _LOWEST):
        levels.append(lower)
    return tuple(reversed(levels))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """How far a cost still falls from each of the levels on, in the median of the trials that were seen to do so."""

    levels: tuple[int, ...]
    drops: tuple[float, ...]

    @classmethod
    def of(cls, levels: Sequence[int], curves: Sequence[Mapping[int, float]]) -> "Trend":
        """`curves` map budgets to costs. A median of few trials is shrunk to none."""
        import numpy as np

        total, drops = 0.0, [0.0]
        for low, high in reversed(list(pairwise(levels))):
            seen = [curve[low] - curve[high] for curve in curves if low in curve and high in curve]
            total += float(np.median(seen)) * len(seen) / (len(seen) + 1) if seen else 0.0
            drops.append(total)
        return cls(levels=tuple(levels), drops=tuple(reversed(drops)))

    def __call__(self, budgets: Array) -> Array:
        import numpy as np

        found: Array = np.interp(np.log(budgets), np.log(self.levels), self.drops)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveModel:
    """What is believed of the final costs, scaled.

    Costs are taken less what the trend says that they will still fall. What is left varies smoothly with the
    configuration and the logarithm of the budget, which is one more axis; so that a score tells much of the scores
    soon after it, and of those of similar configurations, and how much is learnt from the data.
    """

    features: Features
    full: int
    model: gp.GP

    def rows(self, points: Array, budgets: Array) -> Array:
        """(n, features + 1) for points (n, dimension) and as many budgets."""
        import numpy as np

        return np.column_stack([self.features.rows(points), np.log2(budgets / self.full) / _DOUBLINGS])

    def final(self, points: Array) -> tuple[Array, Array]:
        """Mean and standard deviation at the full budget."""
        import numpy as np

        return self.model.predict(self.rows(points, np.full(len(points), float(self.full))))

    def believing(self, point: Array) -> "CurveModel":
        """As if `point` had been trained in full, with the outcome that is expected of it."""
        import numpy as np

        row = self.rows(point[None], np.array([float(self.full)]))[0]
        return replace(self, model=self.model.imagining(row, np.zeros(1)))


def curve_model(
    problem: Problem, trials: Sequence[Trial], levels: Sequence[int], address: tuple[str | int, ...]
) -> CurveModel | None:
    """Fitted to all scores at `levels` and to the last score of each trial; None if there are less than two.

    `address` is that of the dice that weigh several objectives.
    """
    import numpy as np

    told = [(inside(problem.space, t.params), _told(t, levels)) for t in trials if t.scores]
    told += [(outside(problem.space, t.params), _told(t, levels)) for t in problem.known if t.scores]
    places = [(point, budget, score) for point, scores in told for budget, score in scores.items()]
    if len(places) < 2:
        return None
    points = np.array([point for point, _, _ in places]).reshape(len(places), problem.space.dimension)
    budgets = np.array([float(budget) for _, budget, _ in places])
    costs = scalarised(problem, np.array([costs_of(score) for _, _, score in places]), address)
    numbered = iter(costs)
    trend = Trend.of(levels, [{budget: float(next(numbered)) for budget in scores} for _, scores in told])
    targets = costs - trend(budgets)
    sem = np.array([score.sem or 0.0 for _, _, score in places])
    kept = gp.telling(targets, gp.MOST_POINTS)
    return _fitted(problem, levels[-1], points[kept], budgets[kept], targets[kept], sem[kept])


def _fitted(problem: Problem, full: int, points: Array, budgets: Array, targets: Array, sem: Array) -> CurveModel:
    import numpy as np

    features, scaling = Features.of(problem.space), Scaling.of(targets)
    groups = np.append(features.groups, features.groups.max(initial=-1) + 1)
    rows = np.column_stack([features.rows(points), np.log2(budgets / full) / _DOUBLINGS])
    noise = (sem / scaling.unit) ** 2
    hyper = gp.fit(groups, rows, scaling(targets), noise)
    return CurveModel(features=features, full=full, model=gp.condition(hyper, groups, rows, scaling(targets), noise))


def _told(trial: Trial, levels: Sequence[int]) -> dict[int, Score]:
    """The scores at the levels, or next above them, and the last one."""
    last = max(trial.scores)
    found = {level: score for level in levels if level <= last and (score := score_at(trial, level))}
    return {**found, last: trial.scores[last]}
