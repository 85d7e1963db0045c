"""Quasi-random search on a Sobol sequence."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tao_automl.domain.dice import seed_for
from tao_automl.domain.json_types import JsonObject
from tao_automl.domain.problem import Problem
from tao_automl.domain.trial import Decision, Trial
from tao_automl.errors import SettingsError
from tao_automl.search.proposals import Draws, propose, starts, uniform
from tao_automl.search.settings import NUM_RECOMMENDATIONS, check_at_least

if TYPE_CHECKING:
    from scipy.stats.qmc import Sobol

MAX_DIMENSION = 21_201  # direction numbers are tabulated up to here (Joe and Kuo, 2008)


@dataclass(frozen=True, slots=True, kw_only=True)
class SobolSearch:
    """Points of a scrambled Sobol sequence in the encoded unit cube, every trial trained in full (Owen scrambling,
    arXiv 2008.08051 on why no point is skipped).

    Choose it instead of random search when few trials have to cover the space evenly. The coordinate of a parameter
    that is inactive under its condition is ignored. Option weights are ignored too: options share the axis equally.
    A point that rounds to a configuration which was tried before is replaced by a random draw.
    """

    problem: Problem
    num_recommendations: int = field(default=20, metadata=NUM_RECOMMENDATIONS)

    def __post_init__(self) -> None:
        check_at_least("num_recommendations", self.num_recommendations, 1)
        dimension = self.problem.space.dimension
        if dimension > MAX_DIMENSION:
            raise SettingsError(
                f"sobol: at most {MAX_DIMENSION} searched parameters must hold, got {dimension}",
                "search fewer parameters, or choose random",
            )

    def ask(self, history: Sequence[Trial], slots: int) -> Sequence[Decision]:
        count = min(slots, self.num_recommendations - len(history))
        if count < 1:
            return []
        return starts(propose(self.problem, history, self._draws()), self.problem.full_budget, count)

    def _draws(self) -> Draws:
        """The point of that number, then random draws. The numbers must increase from call to call."""
        space = self.problem.space
        spare = uniform(self.problem, "sobol")
        sequence = scrambled(space.dimension, self.problem.seed) if space.dimension else None

        def draws(index: int) -> Iterator[JsonObject]:
            if sequence is not None:
                yield space.decode(point(sequence, index))
            yield from spare(index)

        return draws


def point(sequence: "Sobol", index: int) -> list[float]:
    """Point number `index`, which must not lie behind the sequence's present place."""
    ahead = index - sequence.num_generated
    if ahead:  # scipy refuses to go nowhere
        sequence.fast_forward(ahead)
    return [float(coordinate) for coordinate in sequence.random(1)[0]]


def scrambled(dimension: int, seed: int) -> "Sobol":
    """The sequence at its first point; the same for the same seed."""
    from numpy.random import default_rng
    from scipy.stats.qmc import Sobol

    return Sobol(dimension, scramble=True, seed=default_rng(seed_for(seed, "sobol")))
