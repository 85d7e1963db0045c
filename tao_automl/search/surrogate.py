"""What is believed of a problem, given its history: a Gaussian process for each cost, constraint and for failures."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from tao_automl.domain.axes import UnitAxis
from tao_automl.domain.dice import rng_for
from tao_automl.domain.problem import Problem
from tao_automl.search import gp
from tao_automl.search.acquisition import (
    chebyshev,
    log_expected_hypervolume_improvement,
    log_expected_improvement,
    log_probability_below,
)
from tao_automl.search.evidence import Evidence
from tao_automl.search.features import Features
from tao_automl.search.priors import informed, log_prior

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float64]
else:
    Array = Any

FANTASIES = 16  # of what pending points turn out to be
_WINSOR = 3.0  # bad outcomes are cut off at so many (robust) standard deviations above the median


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """Targets are winsorised above, and standardised: ``(min(y, cut) - shift) / unit``."""

    shift: float
    unit: float
    cut: float

    @classmethod
    def of(cls, y: Array) -> "Scaling":
        import numpy as np

        low, middle = np.quantile(y, [0.25, 0.5])
        cut = float(middle + _WINSOR * (middle - low) / 0.6745) if middle > low else math.inf
        kept = np.minimum(y, cut)
        return cls(shift=float(kept.mean()), unit=float(kept.std()) or 1.0, cut=cut)

    def __call__(self, y: Array) -> Array:
        import numpy as np

        found: Array = (np.minimum(y, self.cut) - self.shift) / self.unit
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Feasibility:
    """Whether training succeeds and the outcome constraints are kept.

    Attributes:
        kept: for each outcome constraint a model of its excess, and for failures, if there are any, one of 1 for trials
            that failed and 0 for others; all scaled. With each, the number that must not be exceeded.
    """

    kept: tuple[tuple[gp.GP, float], ...]

    def log_probability(self, rows: Array) -> Array:
        """(m,) for rows of features."""
        import numpy as np

        value = np.zeros(len(rows))
        for model, bound in self.kept:
            mean, spread = model.predict(rows)
            value += log_probability_below(mean, np.hypot(spread, math.sqrt(model.hyper.noise)), bound)
        return value

    def believing(self, row: Array) -> "Feasibility":
        """With one more trial, whose outcome is as expected."""
        import numpy as np

        return Feasibility(kept=tuple((model.imagining(row, np.zeros(1)), bound) for model, bound in self.kept))


@dataclass(frozen=True, slots=True, kw_only=True)
class Surrogate:
    """Beliefs, and what a point is worth under them.

    Attributes:
        axes: of the space.
        costs: one model a cost, or one of a scalarisation; of scaled costs.
        best: of one cost, the incumbent's mean under each fantasy (fantasies,); of two, means (k, 2) to be dominated.
            None if nothing keeps the constraints yet.
        reference: of two costs, the worst that is of use (2,).
        prior_weight: how much the author's expectations count now.
    """

    features: Features
    axes: Sequence[UnitAxis]
    costs: tuple[gp.GP, ...]
    feasibility: Feasibility
    best: Array | None
    reference: Array | None
    prior_weight: float

    def worth(self, points: Array) -> Array:
        """The log acquisition at `points` (m, dimension)."""
        rows = self.features.rows(points)
        value = self.feasibility.log_probability(rows)
        if self.best is not None:
            value = value + self._improvement(rows, self.best)
        if self.prior_weight:
            value = value + self.prior_weight * log_prior(self.axes, points)
        return value

    def _improvement(self, rows: Array, best: Array) -> Array:
        import numpy as np

        if self.reference is not None:
            beliefs = [model.predict(rows) for model in self.costs]
            mean, spread = (np.stack(parts) for parts in zip(*beliefs, strict=True))
            return log_expected_hypervolume_improvement(mean, spread, best, self.reference)
        means, spread = self.costs[0].predict_each(rows)
        each = log_expected_improvement(means, spread[:, None], best)
        found: Array = np.logaddexp.reduce(each, axis=1) - math.log(each.shape[1])
        return found

    def awaiting(self, point: Array, draws: Array) -> "Surrogate":
        """With `point` (dimension,) running: one cost is imagined (`draws` standard deviations from its mean).

        Of two costs and of constraints, the mean is believed.
        """
        import numpy as np

        row, nothing = self.features.rows(point[None])[0], np.zeros(1)
        feasibility = self.feasibility.believing(row)
        if self.reference is not None or self.best is None:
            costs = tuple(model.imagining(row, nothing) for model in self.costs)
            return replace(self, costs=costs, feasibility=feasibility)
        model = self.costs[0].imagining(row, draws)
        best = np.minimum(self.best, model.predict_each(row[None])[0][0])
        return replace(self, costs=(model,), feasibility=feasibility, best=best)


def surrogate_of(problem: Problem, evidence: Evidence, trust: float, address: tuple[str | int, ...]) -> Surrogate:
    """Fits everything to `evidence`, which must have scores.

    Args:
        trust: beta of piBO (arXiv 2204.11051): priors count ``trust / observations``.
        address: of the dice that weigh more than two objectives.
    """
    features, axes = Features.of(problem.space), problem.space.axes
    rows = features.rows(evidence.points)
    targets = _targets(problem, evidence, address)
    scalings = [Scaling.of(target) for target in targets.T]
    noises = [(evidence.sem / scalings[0].unit) ** 2, *(None for _ in scalings[1:])]
    scaled = [scaling(target) for scaling, target in zip(scalings, targets.T, strict=True)]
    costs = tuple(fitted(features, rows, y, noise) for y, noise in zip(scaled, noises, strict=True))
    best, reference = _incumbents(problem, evidence, costs, rows, scalings)
    return Surrogate(
        features=features,
        axes=axes,
        costs=costs,
        feasibility=feasibility_of(features, evidence),
        best=best,
        reference=reference,
        prior_weight=trust / len(rows) if informed(axes) else 0.0,
    )


def fitted(features: Features, rows: Array, y: Array, noise: Array | None = None) -> gp.GP:
    """A model of standardised `y` at `rows`, or at the most telling of very many."""
    kept = gp.telling(y, gp.MOST_POINTS)
    extra = None if noise is None else noise[kept]
    hyper = gp.fit(features.groups, rows[kept], y[kept], extra)
    return gp.condition(hyper, features.groups, rows[kept], y[kept], extra)


def _targets(problem: Problem, evidence: Evidence, address: tuple[str | int, ...]) -> Array:
    """The costs, (n, 1) or (n, 2); more than two are made one, with weights of the dice."""
    objectives = problem.goal.objectives
    return evidence.costs if len(objectives) <= 2 else scalarised(problem, evidence.costs, address)[:, None]


def scalarised(problem: Problem, costs: Array, address: tuple[str | int, ...]) -> Array:
    """`costs` (n, objectives) as one (n,), each objective weighed by its weight and by the dice."""
    import numpy as np

    if costs.shape[1] == 1:
        return costs[:, 0]
    dice = rng_for(problem.seed, *address, "weights")
    shares = np.array([objective.weight * dice.expovariate(1.0) for objective in problem.goal.objectives])
    return chebyshev(costs, shares / shares.sum())


def feasibility_of(features: Features, evidence: Evidence) -> Feasibility:
    import numpy as np

    rows, failed = features.rows(evidence.points), features.rows(evidence.failed)
    kept = [_limited(features, rows, excess, 0.0) for excess in evidence.excess.T if len(rows)]
    if len(failed):
        labels = np.append(np.zeros(len(rows)), np.ones(len(failed)))
        kept.append(_limited(features, np.vstack([rows, failed]), labels, 0.5))
    return Feasibility(kept=tuple(kept))


def _limited(features: Features, rows: Array, y: Array, bound: float) -> tuple[gp.GP, float]:
    """A model of scaled `y`, and `bound` on that scale."""
    scaling = Scaling.of(y)
    return fitted(features, rows, scaling(y)), (bound - scaling.shift) / scaling.unit


def _incumbents(
    problem: Problem, evidence: Evidence, costs: Sequence[gp.GP], rows: Array, scalings: Sequence[Scaling]
) -> tuple[Array | None, Array | None]:
    """What is to be improved on, by posterior means, so that luck does not count; and the reference of two costs.

    What earlier runs tried outside of the space can not be proposed, and need not be improved on.
    """
    import numpy as np

    within = ((evidence.points >= 0) & (evidence.points <= 1)).all(axis=1)
    useful = (evidence.excess <= 0).all(axis=1) & (within if within.any() else True)
    means = np.column_stack([model.predict(rows)[0] for model in costs])[useful]
    if not len(means):
        return None, None
    if len(costs) == 1:
        return means.min(axis=0), None
    spans = np.ptp(means, axis=0)
    reference = means.max(axis=0) + 0.1 * np.where(spans > 0, spans, 1.0)
    for k, (objective, scaling) in enumerate(zip(problem.goal.objectives, scalings, strict=True)):
        if objective.threshold is not None:
            reference[k] = (objective.cost(objective.threshold) - scaling.shift) / scaling.unit
    return means, reference
