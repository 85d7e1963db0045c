"""BOHB: hyperband that learns where to draw its configurations."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from tao_automl.domain.dice import rng_for
from tao_automl.domain.json_types import JsonObject
from tao_automl.domain.trial import Trial, TrialState
from tao_automl.search.density import Density, Points, clipped, fit, reference_widths
from tao_automl.search.hyperband import Hyperband
from tao_automl.search.proposals import Draws, one_by_one, uniform
from tao_automl.search.rungs import populate
from tao_automl.search.settings import check_at_least, check_between
from tao_automl.search.tpe import encode, promising

SAMPLES, WIDENING, LEAST_WIDTH = 64, 3.0, 1e-3  # the paper's N_s, b_w and the authors' least bandwidth


@dataclass(frozen=True, slots=True, kw_only=True)
class BOHB(Hyperband):
    """Hyperband's schedule with a density model of good and bad configurations (arXiv 1807.01774).

    Choose it when epochs are the cost and there are enough of them for several brackets. A third of the configurations
    are drawn at random; the others come from the model of the largest budget that has `min_points_in_model` + 2 scores,
    so the model is used as soon as one budget has them. Good are the best `top_n_percent` percent, bad is the rest, and
    at least `min_points_in_model` of each. A failed trial is bad on every budget, and so is one that still runs.
    """

    top_n_percent: float = field(
        default=15.0, metadata={"help": "How many percent of the trials the model takes for good.", "aliases": ()}
    )
    min_points_in_model: int | None = field(
        default=None,
        metadata={"help": "The fewest trials in a density; none: one more than searched parameters.", "aliases": ()},
    )
    random_fraction: float = field(
        default=1 / 3, metadata={"help": "The share of configurations that are drawn at random.", "aliases": ()}
    )

    def __post_init__(self) -> None:
        Hyperband.__post_init__(self)
        check_between("top_n_percent", self.top_n_percent, 0, 100)
        check_between("random_fraction", self.random_fraction, 0, 1)
        if self.min_points_in_model is not None:
            check_at_least("min_points_in_model", self.min_points_in_model, 1)

    @property
    def least_points(self) -> int:
        """The paper's N_min."""
        return self.min_points_in_model or self.problem.space.dimension + 1

    def _configurations(self, history: Sequence[Trial]) -> Iterator[JsonObject]:
        return one_by_one(self.problem, history, self._draws_after, self.brackets[0].budgets[0])

    def _draws_after(self, history: Sequence[Trial]) -> Draws:
        spare = uniform(self.problem, "bohb")

        def draws(index: int) -> Iterator[JsonObject]:
            random = rng_for(self.problem.seed, "bohb", index, "random").random() < self.random_fraction
            densities = None if random or not self.problem.space.dimension else self.model(history)
            if densities:
                good, bad = densities
                source = good.widened(WIDENING)
                yield from promising(self.problem, source, good, bad, SAMPLES, ("bohb", index))
            yield from spare(index)

        return draws

    def model(self, history: Sequence[Trial]) -> tuple[Density, Density] | None:
        """The densities of good and of bad configurations on the largest budget that has enough scores."""
        scored = self._observed([*self.problem.known, *history])
        if not scored:
            return None
        least, count = self.least_points, len(scored)
        good = max(least, round(self.top_n_percent / 100 * count))
        bad = max(least, count - good)
        seen = {trial.signature for trial in scored}
        hopeless = [t for t in history if (t.live or t.state is TrialState.FAILED) and t.signature not in seen]
        return self._density(scored[:good]), self._density([*scored[-bad:], *hopeless])

    def _observed(self, history: Sequence[Trial]) -> list[Trial]:
        """The trials with a score on the largest budget that has enough of them, the best first."""
        numbered = [replace(trial, id=place) for place, trial in enumerate(history)]
        levels = sorted({level for bracket in self.brackets for level in bracket.budgets})
        rungs = reversed(populate(numbered, levels))
        best = next((sorted(rung) for rung in rungs if len(rung) >= self.least_points + 2), [])
        return [history[place] for _, place, _ in best]

    def _density(self, trials: Sequence[Trial]) -> Density:
        import numpy as np

        space = self.problem.space
        encoded = [one for trial in trials if (one := encode(space, trial)) is not None]
        widths = partial(reference_widths, dimension=space.dimension)
        rule = lambda places: clipped(widths(places), LEAST_WIDTH)  # noqa: E731
        return fit(space.axes, Points.of(encoded, space.dimension), np.ones(len(encoded)), 1.0, rule)
