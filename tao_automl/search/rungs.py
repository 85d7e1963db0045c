"""Rungs of successive halving: the budgets at which trials are compared, and who stands on them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from tao_automl.domain.problem import Fidelity
from tao_automl.domain.ranking import Rank, ranks
from tao_automl.domain.trial import Score, Trial

Entry: TypeAlias = tuple[Rank, int, int]
"""(rank, trial id, sequence number of the score): sorts the best first, and the older trial wins a tie."""


class Rung(NamedTuple):
    """The scores at one budget and whose they are, in the order of the trials."""

    scores: list[Score]
    trials: list[int]

    @property
    def entries(self) -> list[Entry]:
        """With what they are compared by."""
        rows = zip(ranks(self.scores), self.trials, self.scores, strict=True)
        return [(rank, trial, score.seq) for rank, trial, score in rows]


def lowest_rung(fidelity: Fidelity, factor: int) -> int:
    """The budget of the first comparison that is worth it: `high` after three promotions, but not below `low`."""
    divisor = factor**3
    return max(fidelity.low, (2 * fidelity.high + divisor) // (2 * divisor))


def rising_levels(fidelity: Fidelity, factor: int, lowest: int | None = None) -> tuple[int, ...]:
    """``lowest * factor**k`` as far as they go, then `high` (arXiv 1810.05934, where it is the minimum resource).

    `lowest` is the fidelity's `low` unless given. A level nearer than the square root of `factor` to `high` is left
    out: comparing there would save little.
    """
    levels = []
    level = lowest or fidelity.low
    while level * level * factor <= fidelity.high**2:
        levels.append(level)
        level *= factor
    return (*levels, fidelity.high)


def falling_levels(fidelity: Fidelity, factor: int) -> tuple[int, ...]:
    """``high / factor**k``, rounded, down to `low`, in increasing order (arXiv 1603.06560: fractions of R)."""
    levels = []
    divisor = 1
    while fidelity.low * divisor <= fidelity.high:
        levels.append((2 * fidelity.high + divisor) // (2 * divisor))
        divisor *= factor
    return tuple(reversed(levels))


def score_at(trial: Trial, level: int) -> Score | None:
    """The score at exactly `level`, else the first one above it, else None."""
    return _at(trial.scores, level) if trial.scores else None


def rungs_of(history: Iterable[Trial], levels: Sequence[int]) -> list[Rung]:
    """For each level, increasing, the score of every trial that has one there, in the order of the trials.

    Intermediate scores of trials with a larger budget count: they are what those trials would have scored here.
    """
    rungs = []
    climbing = [trial for trial in history if trial.scores]
    for level in levels:
        found = [_at(trial.scores, level) for trial in climbing]
        climbing = [trial for trial, score in zip(climbing, found, strict=True) if score]
        rungs.append(Rung([score for score in found if score], [trial.id for trial in climbing]))
    return rungs


def _at(scores: Mapping[int, Score], level: int) -> Score | None:
    """As `score_at`, for scores of which there are some."""
    exact = scores.get(level)
    if exact or max(scores) < level:
        return exact
    return next(score for budget, score in scores.items() if budget > level)


def populate(history: Iterable[Trial], levels: Sequence[int]) -> list[list[Entry]]:
    """For each level, increasing, an entry for every trial that has a score there, in the order of the trials."""
    return [rung.entries for rung in rungs_of(history, levels)]
