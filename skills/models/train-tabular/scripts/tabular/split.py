"""The validation split: a pure function of the targets, the share and the seed."""

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
_STRATA = 10
_SMALLEST_STRATUM = 5


def split_rows(strata: Integers, fraction: float, seed: int) -> tuple[Integers, Integers]:
    """Training and validation rows, both ascending; every stratum of two rows or more is in both."""
    dice = np.random.default_rng(seed)
    held_out = [_draw(np.flatnonzero(strata == stratum), fraction, dice) for stratum in np.unique(strata)]
    validation = np.sort(np.concatenate(held_out))
    return np.setdiff1d(np.arange(strata.size), validation), validation


def _draw(rows: Integers, fraction: float, dice: np.random.Generator) -> Integers:
    count = min(max(round(rows.size * fraction), 1), rows.size - 1)
    return dice.permutation(rows)[:count]


def quantile_strata(values: NDArray[np.float64]) -> Integers:
    """Strata for a quantity: up to ten groups of neighbours in rank, of equal size."""
    count = max(1, min(_STRATA, values.size // _SMALLEST_STRATUM))
    ranks = np.empty(values.size, dtype=np.int64)
    ranks[np.argsort(values, kind="stable")] = np.arange(values.size)
    return ranks * count // values.size
