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
_LEAST_SUCCESS = 0.02  # no region is given up for its failures


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
        success: a model of 1 for trials that succeeded and 0 for those that failed; None if none failed.
        kept: for each outcome constraint, a model of its scaled excess, and no excess on that scale.
    """

    success: gp.GP | None
    kept: tuple[tuple[gp.GP, float], ...]

    def log_probability(self, rows: Array) -> Array:
        import numpy as np

        value = np.zeros(len(rows))
        if self.success is not None:
            value += np.log(np.clip(self.success.predict(rows)[0], _LEAST_SUCCESS, 1.0))
        for model, bound in self.kept:
            value += log_probability_below(*model.predict(rows), bound)
        return value


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
        kept = tuple((model.imagining(row, nothing), bound) for model, bound in self.feasibility.kept)
        feasibility = replace(self.feasibility, kept=kept)
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
        feasibility=feasibility_of(features, rows, evidence),
        best=best,
        reference=reference,
        prior_weight=trust / len(rows) if informed(axes) else 0.0,
    )


def fitted(features: Features, rows: Array, y: Array, noise: Array | None = None) -> gp.GP:
    hyper = gp.fit(features.groups, rows, y, noise)
    return gp.condition(hyper, features.groups, rows, y, noise)


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


def feasibility_of(features: Features, rows: Array, evidence: Evidence) -> Feasibility:
    """Of the same `rows` as `evidence` has points."""
    kept = []
    for excess in evidence.excess.T:
        scaling = Scaling.of(excess)
        kept.append((fitted(features, rows, scaling(excess)), -scaling.shift / scaling.unit))
    return Feasibility(success=_success(features, rows, features.rows(evidence.failed)), kept=tuple(kept))


def _success(features: Features, rows: Array, failed: Array) -> gp.GP | None:
    """A least-squares classifier around the rate of success; labels are too few to fit lengthscales to."""
    import numpy as np

    if not len(failed):
        return None
    labels = np.append(np.ones(len(rows)), np.zeros(len(failed)))
    rate = (len(rows) + 1.0) / (len(labels) + 2.0)
    prior = gp.Hyperparameters.prior(int(features.groups.max()) + 1)
    hyper = replace(prior, variance=0.25, noise=0.05, mean=rate)
    return gp.condition(hyper, features.groups, np.vstack([rows, failed]), labels)


def _incumbents(
    problem: Problem, evidence: Evidence, costs: Sequence[gp.GP], rows: Array, scalings: Sequence[Scaling]
) -> tuple[Array | None, Array | None]:
    """What is to be improved on, by posterior means, so that luck does not count; and the reference of two costs."""
    import numpy as np

    means = np.column_stack([model.predict(rows)[0] for model in costs])[(evidence.excess <= 0).all(axis=1)]
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
