"""Rungs of successive halving: the budgets at which trials are compared, and who stands on them."""

from collections.abc import Sequence
from typing import TypeAlias

from tao_automl.domain.problem import Fidelity
from tao_automl.domain.trial import Score, Trial

Entry: TypeAlias = tuple[float, int, int]
"""(cost, trial id, sequence number of the score): sorts by cost, and the older trial wins a tie."""


def rising_levels(fidelity: Fidelity, factor: int) -> tuple[int, ...]:
    """``low * factor**k`` as far as they go, then `high` (arXiv 1810.05934: the lowest rung is the minimum resource).

    A level nearer than the square root of `factor` to `high` is left out: comparing there would save little.
    """
    levels = []
    level = fidelity.low
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
    scores = trial.scores
    exact = scores.get(level)
    if exact is not None:
        return exact
    for budget, score in scores.items():
        if budget > level:
            return score
    return None


def populate(history: Sequence[Trial], levels: Sequence[int]) -> list[list[Entry]]:
    """For each level, increasing, an entry for every trial that has a score there, in the order of the trials.

    Intermediate scores of trials with a larger budget count: they are what those trials would have scored here.
    """
    rungs: list[list[Entry]] = [[] for _ in levels]
    for trial in history:
        for level, rung in zip(levels, rungs, strict=True):
            score = trial.scores.get(level) or score_at(trial, level)  # the first half is there for speed
            if score is None:
                break
            rung.append((score.cost, trial.id, score.seq))
    return rungs
