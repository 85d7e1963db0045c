"""`auto`: which algorithm suits a problem."""

import math
from typing import NamedTuple

from tao_automl.domain.axes import AxisKind
from tao_automl.domain.problem import Fidelity
from tao_automl.domain.space import SearchSpace

MOST_FOR_GP = 300  # trials; beyond, a Gaussian process takes longer than it saves
MANY_AXES = 60
MOSTLY_OPTIONS = 0.75  # the share of axes without order above which a density model suits better than a GP
FEW_LEVELS = 3
SHORT = 4  # a training of fewer units has nothing to stop early
MANY_SLOTS = 8


class Choice(NamedTuple):
    """An algorithm and, in one sentence, why it is chosen."""

    algorithm: str
    reason: str


def choose(*, space: SearchSpace, fidelity: Fidelity | None, slots: int, budget: int) -> Choice:
    """The algorithm for `budget` trials, `slots` of which run at a time. The same arguments give the same answer."""
    if not space.dimension:
        return Choice("random", "nothing is searched, so that any algorithm tries the one configuration")
    if _finite(space) and space.grid_size(FEW_LEVELS) <= budget:
        return Choice("grid", f"the space has few enough configurations to try all of them in {budget} trials")
    if slots >= budget:
        return Choice("sobol", f"all {budget} trials run at the same time, so that none can learn from another")
    if fidelity and fidelity.resumable and fidelity.high >= SHORT * fidelity.low:
        return _with_epochs(fidelity, slots)
    return _in_full(space, slots, budget)


def _with_epochs(fidelity: Fidelity, slots: int) -> Choice:
    if slots >= MANY_SLOTS:
        return Choice(
            "asha", f"short trainings tell which to train on, and {slots} slots are kept busy without waiting"
        )
    return Choice(
        "mfbo", f"a model of learning curves decides which of the {fidelity.high} {fidelity.unit}s are worth it"
    )


def _in_full(space: SearchSpace, slots: int, budget: int) -> Choice:
    unordered = sum(axis.kind is AxisKind.CATEGORICAL for axis in space.axes) / space.dimension
    if budget > MOST_FOR_GP:
        return Choice("tpe", f"{budget} trials are more than a Gaussian process is fast for")
    if space.dimension > MANY_AXES or unordered > MOSTLY_OPTIONS:
        kind = "many" if space.dimension > MANY_AXES else "mostly unordered"
        return Choice("tpe", f"the space has {kind} parameters, which a density model handles best")
    if slots >= MANY_SLOTS:
        rounds = math.ceil(budget / slots)
        return Choice(
            "bfbo", f"trials are trained in full, {slots} at a time, so that batches are chosen {rounds} times"
        )
    return Choice("bayesian", f"trials are trained in full, and {budget} are few enough for a Gaussian process")


def _finite(space: SearchSpace) -> bool:
    """Whether a grid has every configuration: no number takes more values than the grid has levels."""
    return all(
        axis.cells is not None and (axis.kind is AxisKind.CATEGORICAL or axis.cells <= FEW_LEVELS)
        for axis in space.axes
    )
