"""Which parameters mattered: PED-ANOVA (arXiv 2304.10255), on trials that were trained to different budgets.

A parameter matters where the best trials lie elsewhere on its axis than all trials do. Two things are added to the
paper. Trials are ranked by comparing each pair at the largest budget that both reached. And what a random choice of
as many trials would show is subtracted, so that few trials do not make every parameter look alike.
"""

import bisect
import functools
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tao_automl.report.axes import Axis, axis_of
from tao_automl.report.reading import read_report
from tao_automl.report.shapes import Parameter, Report, Trial

ENOUGH = 8
QUANTILE = 0.1
_HANDFUL = 20
_RESAMPLES = 64
_NARROWEST = 0.75  # cells

_Floats: TypeAlias = NDArray[np.float64]
_Ints: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Importance:
    """Shares that add up to 1, the largest first, of parameters that matter; if there are none, `reason` says why."""

    shares: tuple[tuple[str, float], ...]
    reason: str
    trials: int


def parameter_importance(result: Mapping[str, Any]) -> Importance:
    """The importance of each searched parameter in the dict form of a result."""
    return importance_of(read_report(result))


def importance_of(report: Report) -> Importance:
    """As `parameter_importance`."""
    scored = [trial for trial in report.trials if trial.scored]
    if len(scored) < ENOUGH:
        reason = f"at least {ENOUGH} trials with a metric are needed, there are {len(scored)}"
        return Importance(shares=(), reason=reason, trials=len(scored))
    losses = share_of_losses(scored, report.maximize)
    axes = [axis for parameter in report.searched if (axis := axis_of(parameter, scored))]
    raw = {axis.parameter.key: _excess(axis, scored, losses) for axis in axes}
    total = sum(raw.values())
    if not total > 0:
        reason = "no parameter differs between the best trials and the others more than chance would have it"
        return Importance(shares=(), reason=reason, trials=len(scored))
    ordered = sorted(((name, value / total) for name, value in raw.items() if value > 0), key=lambda item: -item[1])
    return Importance(shares=tuple(ordered), reason="", trials=len(scored))


def ordered_parameters(report: Report, importance: Importance) -> list[Parameter]:
    """Searched parameters, those that matter first; the others by how many trials have them."""
    shares = dict(importance.shares)
    active = Counter(key for trial in report.trials for key in trial.specs)
    return sorted(report.searched, key=lambda p: (-shares.get(p.key, 0.0), -active[p.key]))


def share_of_losses(trials: list[Trial], maximize: bool) -> _Floats:
    """For each trial, the share of the others that beat it at the largest budget that both reached."""
    sign = -1.0 if maximize else 1.0
    budgets = np.array([trial.scored_at or 0.0 for trial in trials])
    losses = np.zeros(len(trials))
    for level in np.unique(budgets):
        ended, reached = np.flatnonzero(budgets == level), np.flatnonzero(budgets >= level)
        costs = np.array([sign * value_at(trials[k], level) for k in reached])
        own = costs[np.isin(reached, ended, assume_unique=True)]
        losses[ended] += _beaten(own, costs) - 0.5  # but for the tie with itself
        losses[reached[budgets[reached] > level]] += _beaten(costs[budgets[reached] > level], own)
    return losses / max(1, len(trials) - 1)


def _beaten(mine: _Floats, others: _Floats) -> _Floats:
    """How many of `others` are better than each of `mine`; a tie counts half."""
    ordered = np.sort(others)
    left, right = np.searchsorted(ordered, mine, "left"), np.searchsorted(ordered, mine, "right")
    found: _Floats = (left + right) / 2.0
    return found


def value_at(trial: Trial, budget: float) -> float:
    """The metric after `budget`, by the curve; the trial's own metric where the curve does not tell."""
    value = trial.value if trial.value is not None else math.nan
    if trial.scored_at is None or trial.scored_at <= budget:
        return value
    place = bisect.bisect_right(trial.curve, (budget, math.inf))
    return trial.curve[place - 1][1] if place else value


def _excess(axis: Axis, trials: list[Trial], losses: _Floats) -> float:
    """The divergence of the best trials beyond chance, among those that have the parameter, times their share."""
    cells = np.array([axis.cell(trial.specs) for trial in trials])
    active = np.flatnonzero(cells >= 0)
    if len(active) < ENOUGH:
        return 0.0
    order = active[np.argsort(losses[active], kind="stable")]
    size = best_size(len(active))
    best = np.bincount(cells[order[:size]], minlength=axis.count)
    everything = densities(axis, np.bincount(cells[active], minlength=axis.count)[None, :])
    chosen = densities(axis, np.vstack([best, _by_chance(axis, cells[active], size)]))
    divergence = ((chosen / everything - 1.0) ** 2 * everything).sum(axis=1)
    chance = divergence[1:].mean() + 2.0 * divergence[1:].std()
    return max(0.0, float(divergence[0] - chance)) * len(active) / len(trials)


def best_size(count: int) -> int:
    """How many of `count` trials are "the best": a tenth, but of few trials a third, so that they are not a handful."""
    return max(math.ceil(QUANTILE * count), min(math.ceil(count / 3), _HANDFUL))


def _by_chance(axis: Axis, cells: _Ints, size: int) -> _Ints:
    """The counts of random choices of `size` trials; the same choices on every host and in every run."""
    chosen = _random_choices(len(cells), size)
    offsets = np.arange(_RESAMPLES)[:, None] * axis.count
    flat = np.bincount((cells[chosen] + offsets).ravel(), minlength=_RESAMPLES * axis.count)
    return flat.reshape(_RESAMPLES, axis.count)


@functools.lru_cache(maxsize=4)
def _random_choices(count: int, size: int) -> _Ints:
    dice = np.random.default_rng(count).random((_RESAMPLES, count))
    chosen: _Ints = dice.argpartition(size - 1, axis=1)[:, :size]
    return chosen


def densities(axis: Axis, counts: _Ints) -> _Floats:
    """One density for each row of counts: smoothed along ordered axes, and one uniform observation added."""
    smoothed = np.einsum("si,sij->sj", counts, kernels(counts)) if axis.ordered else counts.astype(np.float64)
    smoothed = smoothed + 1.0 / axis.count
    normal: _Floats = smoothed / smoothed.sum(axis=1, keepdims=True)
    return normal


def kernels(counts: _Ints) -> _Floats:
    """For each row of counts, how an observation in cell i spreads over the cells j: Scott's rule."""
    total = counts.sum(axis=1)
    place = np.arange(counts.shape[1])
    mean = counts @ place / total
    spread = np.sqrt(np.maximum(counts @ place**2 / total - mean**2, 0.0))
    width = np.maximum(1.059 * spread * total**-0.2, _NARROWEST)
    weights = np.exp(-0.5 * ((place[:, None] - place[None, :]) / width[:, None, None]) ** 2)
    spreads: _Floats = weights / weights.sum(axis=2, keepdims=True)
    return spreads
