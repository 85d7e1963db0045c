"""TPE: the tree-structured Parzen estimator."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from tao_automl.domain.dice import seed_for
from tao_automl.domain.job import FailureClass
from tao_automl.domain.json_types import JsonObject
from tao_automl.domain.problem import Problem
from tao_automl.domain.ranking import ranks
from tao_automl.domain.space import Encoded, SearchSpace
from tao_automl.domain.trial import Decision, Score, Start, Trial, TrialState
from tao_automl.errors import SearchSpaceError
from tao_automl.search.density import Density, Points, clipped, fit, magic_least, shrinking_widths
from tao_automl.search.proposals import Draws, one_by_one, uniform
from tao_automl.search.settings import NUM_RECOMMENDATIONS, check_at_least

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float64]
else:
    Array = Any

GOOD_SHARE, MOST_GOOD = 0.15, 25  # the splitting algorithm "linear" of arXiv 2304.11127
LEAST_WIDTH, WIDTH_EXPONENT = 0.03, 2.0  # its magic clipping


@dataclass(frozen=True, slots=True, kw_only=True)
class TPE:
    """The tree-structured Parzen estimator, multivariate, with the settings that arXiv 2304.11127 recommends; every
    trial is trained in full.

    Choose it for large budgets of trials, for spaces with many options and conditions, and where several hundred
    trials make a Gaussian process slow. Its proposals are the draws from the density of good configurations at which
    the ratio to the density of bad ones is largest.

    Good are the best 15 percent of the trials, at most 25; those that break an outcome constraint only where none keeps
    all. Several objectives are ordered by non-dominated sorting. Bad is the rest, with all that failed, and, so that
    no place is proposed twice, all that still runs (a constant liar). The priors of the space are a kernel too.
    """

    problem: Problem
    num_recommendations: int = field(default=20, metadata=NUM_RECOMMENDATIONS)
    n_init: int = field(
        default=10, metadata={"help": "How many trials are drawn at random before the model is used.", "aliases": ()}
    )
    n_candidates: int = field(
        default=24, metadata={"help": "How many draws the model chooses one from.", "aliases": ()}
    )

    def __post_init__(self) -> None:
        check_at_least("num_recommendations", self.num_recommendations, 1)
        check_at_least("n_init", self.n_init, 1)
        check_at_least("n_candidates", self.n_candidates, 1)

    def ask(self, history: Sequence[Trial], slots: int) -> Sequence[Decision]:
        count = min(slots, self.num_recommendations - len(history))
        budget = self.problem.full_budget
        configurations = one_by_one(self.problem, history, self._draws, budget)
        return [Start(params=params, budget=budget) for _, params in zip(range(count), configurations, strict=False)]

    def _draws(self, history: Sequence[Trial]) -> Draws:
        """Draws from the model, the most promising first, then random ones."""
        spare = uniform(self.problem, "tpe")
        if len(history) + len(self.problem.known) < self.n_init or not self.problem.space.dimension:
            return spare
        known = [*self.problem.known, *history]

        def draws(index: int) -> Iterator[JsonObject]:
            good, bad = model(self.problem, known)
            yield from promising(self.problem, good, good, bad, self.n_candidates, ("tpe", index))
            yield from spare(index)

        return draws


def model(problem: Problem, history: Sequence[Trial]) -> tuple[Density, Density]:
    """The densities of good and of bad configurations."""
    import numpy as np

    scored, rest = ordered(history)
    count = good_count(scored)
    good, bad = scored[:count], [trial for trial, _ in scored[count:]] + rest
    weights = improvement_weights([score for _, score in scored], count)
    prior = float(weights.mean()) if count else 1.0
    return (
        _density(problem.space, [trial for trial, _ in good], weights, prior),
        _density(problem.space, bad, np.ones(len(bad)), 1.0),
    )


def _density(space: SearchSpace, trials: Sequence[Trial], weights: Array, prior_weight: float) -> Density:
    encoded = [encode(space, trial) for trial in trials]
    found = [place for place, one in enumerate(encoded) if one is not None]
    points = Points.of([one for one in encoded if one is not None], space.dimension)
    least = magic_least(len(points), LEAST_WIDTH, WIDTH_EXPONENT)
    widths = lambda places: clipped(shrinking_widths(places, space.dimension), least)  # noqa: E731
    return fit(space.axes, points, weights[found], prior_weight, widths)


def encode(space: SearchSpace, trial: Trial) -> Encoded | None:
    """None for what has no place in the space, such as a trial of another run."""
    try:
        return space.encode(trial.params)
    except SearchSpaceError:
        return None


def ordered(history: Sequence[Trial]) -> tuple[list[tuple[Trial, Score]], list[Trial]]:
    """What has a score, the best first; and what failed by itself or still runs.

    Those that were trained longer come before those that were stopped earlier, whose scores do not compare.
    """
    scored, rest = [], []
    for trial in history:
        failed = trial.state is TrialState.FAILED
        if trial.live or (failed and trial.failure is not FailureClass.INFRASTRUCTURE):
            rest.append(trial)
        elif not failed and trial.score:
            scored.append((trial, trial.score))
    order = ranks([score for _, score in scored])
    places = sorted(range(len(scored)), key=lambda i: (-max(scored[i][0].scores), order[i]))
    return [scored[place] for place in places], rest


def good_count(scored: Sequence[tuple[Trial, Score]]) -> int:
    """How many of the ordered trials are good: at least one, and those that keep the constraints if any does."""
    feasible = sum(not score.violation for _, score in scored)
    count = min(MOST_GOOD, math.ceil(GOOD_SHARE * len(scored)))
    return min(count, feasible) if feasible else count


def improvement_weights(scores: Sequence[Score], count: int) -> Array:
    """(count,): by how much each of the best is better than the best of the rest (arXiv 2304.11127, section 3.2).

    Equal where there is no such difference: with several objectives, with constraints, and without a rest.
    """
    import numpy as np

    if len(scores) <= count or any(score.costs or score.violation for score in scores[: count + 1]):
        return np.ones(count)
    gains = np.array([scores[count].cost - score.cost for score in scores[:count]])
    return np.maximum(gains, 1e-12)  # type: ignore[no-any-return]


def promising(
    problem: Problem, source: Density, good: Density, bad: Density, count: int, address: tuple[str | int, ...]
) -> Iterator[JsonObject]:
    """`count` draws from `source` as configurations, those first where ``good / bad`` is largest."""
    import numpy as np

    space = problem.space
    dice = np.random.default_rng(seed_for(problem.seed, *address, "model"))
    drawn = [space.decode([float(place) for place in row]) for row in source.draw(dice, count)]
    points = Points.of([space.encode(params) for params in drawn], space.dimension)
    ratio = good.log(points) - bad.log(points)
    for place in np.argsort(-ratio, kind="stable"):
        yield drawn[place]
