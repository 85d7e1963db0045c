"""Densities of configurations: kernels around those that were tried, in the unit cube, and one for the prior.

A kernel is a product over the axes: a normal distribution that is cut off at 0 and 1, its mass in the cell where values
are discrete, and Aitchison and Aitken's kernel where they have no order. An axis that is inactive in a configuration
says nothing: such a kernel has the prior's factor there, and an inactive axis of what is asked about counts as 1.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from tao_automl.domain.axes import AxisKind, Strength, UnitAxis
from tao_automl.domain.space import Encoded

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float64]
    Mask: TypeAlias = NDArray[np.bool_]
    Dice: TypeAlias = np.random.Generator
else:
    Array = Mask = Dice = Any

Widths: TypeAlias = Callable[[Array], Array]
"""Bandwidths (n,) of an ordered axis from the places (n,) of the kernels on it."""

PRIOR_SPREAD = {Strength.WEAK: 1.0, Strength.MEDIUM: 0.3, Strength.STRONG: 0.1}
"""The standard deviation of the prior around the expected value; 1 is nearly uniform."""

_TINY = 1e-300


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """Configurations as arrays.

    Attributes:
        places: (n, d), in the unit cube.
        active: (n, d), which of the coordinates count.
    """

    places: Array
    active: Mask

    @classmethod
    def of(cls, encoded: Sequence[Encoded], dimension: int) -> "Points":
        import numpy as np

        return cls(
            places=np.array([one.point for one in encoded], dtype=float).reshape(len(encoded), dimension),
            active=np.array([one.active for one in encoded], dtype=bool).reshape(len(encoded), dimension),
        )

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, rows: "slice | Sequence[int]") -> "Points":
        return Points(places=self.places[rows], active=self.active[rows])


@dataclass(frozen=True, kw_only=True)
class Density:
    """A mixture of one kernel a configuration, and the prior as the last kernel.

    Attributes:
        weights: (n + 1,), which sum to 1.
        widths: (n, d); of an axis without order, the probability of another cell than the kernel's own.
    """

    axes: Sequence[UnitAxis]
    points: Points
    weights: Array
    widths: Array

    def widened(self, factor: float) -> "Density":
        """The same with ordered bandwidths times `factor`, to draw from."""
        import numpy as np

        scale = np.array([1.0 if _unordered(axis) else factor for axis in self.axes])
        return replace(self, widths=self.widths * scale)

    def log(self, asked: Points) -> Array:
        """(m,): the logarithm of the density at each of the points, up to a constant of the axes."""
        import numpy as np

        total = np.broadcast_to(np.log(self.weights + _TINY), (len(asked), len(self.weights))).copy()
        for j in range(len(self.axes)):
            total += np.where(asked.active[:, j, None], self._log_factor(j, asked.places[:, j]), 0.0)
        top = total.max(axis=1)
        return top + np.log(np.exp(total - top[:, None]).sum(axis=1))  # type: ignore[no-any-return]

    def _log_factor(self, j: int, places: Array) -> Array:
        """(m, n + 1): each kernel's factor of one axis."""
        import numpy as np

        axis, own = self.axes[j], self.points.active[:, j]
        prior = _log_prior(axis, places)
        if _unordered(axis):
            kernels = _log_cells(axis, places, self.points.places[:, j], self.widths[:, j])
        else:
            kernels = _log_normal(axis, places[:, None], self.points.places[:, j], self.widths[:, j])
        return np.concatenate([np.where(own, kernels, prior[:, None]), prior[:, None]], axis=1)

    def draw(self, dice: Dice, count: int) -> Array:
        """(count, d) places."""
        import numpy as np

        kernels = dice.choice(len(self.weights), size=count, p=self.weights)
        columns = [self._drawn(j, kernels, dice) for j in range(len(self.axes))]
        return np.stack(columns, axis=1) if columns else np.zeros((count, 0))

    def _drawn(self, j: int, kernels: Any, dice: Dice) -> Array:
        import numpy as np

        axis, last = self.axes[j], len(self.points)
        prior = _prior_draws(axis, dice, len(kernels))
        telling = kernels < last
        rows = np.where(telling, kernels, 0)
        if not last:
            return prior
        telling &= self.points.active[rows, j]
        centre, width = self.points.places[rows, j], self.widths[rows, j]
        draws = _cell_draws(axis, centre, width, dice) if _unordered(axis) else _normal_draws(centre, width, dice)
        return np.where(telling, draws, prior)


def fit(axes: Sequence[UnitAxis], points: Points, weights: Array, prior_weight: float, widths: Widths) -> Density:
    """`weights` (n,) are relative to `prior_weight`. `widths` is the rule for ordered axes.

    The width of an axis without order and with C cells is ``(C - 1) / (n + 1 + C)``, as if each cell had been seen
    once more (the rule of Optuna; arXiv 2304.11127, section 3.3.2).
    """
    import numpy as np

    columns = [
        np.full(len(points), (axis.cells - 1) / (len(points) + 1 + axis.cells))
        if axis.cells and _unordered(axis)
        else _active_widths(points, j, widths)
        for j, axis in enumerate(axes)
    ]
    every = np.append(weights, prior_weight)
    stacked = np.stack(columns, axis=1) if columns else np.zeros((len(points), 0))
    return Density(axes=axes, points=points, weights=every / every.sum(), widths=stacked)


def _active_widths(points: Points, j: int, widths: Widths) -> Array:
    """The rule applied to those that have the axis; the others' width is never used."""
    import numpy as np

    on = points.active[:, j]
    found = np.ones(len(points))
    if on.any():
        found[on] = widths(points.places[on, j])
    return found


def shrinking_widths(places: Array, dimension: int) -> Array:
    """``0.2 * n**(-1 / (4 + d))``, whatever the places (the rule "optuna" of arXiv 2304.11127)."""
    import numpy as np

    return np.full(len(places), 0.2 * len(places) ** (-1 / (4 + dimension)))


def reference_widths(places: Array, dimension: int) -> Array:
    """``1.06 * deviation * n**(-1 / (4 + d))``, the normal reference rule of BOHB's model (arXiv 1807.01774)."""
    import numpy as np

    return np.full(len(places), 1.06 * float(np.std(places)) * len(places) ** (-1 / (4 + dimension)))


def clipped(widths: Array, least: float) -> Array:
    """In [least, 1]."""
    import numpy as np

    return np.clip(widths, least, 1.0)


def magic_least(count: int, factor: float, exponent: float) -> float:
    """Magic clipping: the least bandwidth of `count` kernels and the prior (arXiv 2304.11127, section 3.3.3)."""
    return float(max(factor, (count + 2.0) ** -exponent))


def _unordered(axis: UnitAxis) -> bool:
    return axis.kind is AxisKind.CATEGORICAL


def _cells(axis: UnitAxis, places: Array) -> Any:
    import numpy as np

    count = axis.cells or 1
    return np.clip((places * count).astype(int), 0, count - 1)


def _log_cells(axis: UnitAxis, places: Array, centres: Array, widths: Array) -> Array:
    import numpy as np

    same = _cells(axis, places)[:, None] == _cells(axis, centres)
    others = max(1, (axis.cells or 1) - 1)
    return np.log(np.where(same, 1 - widths, widths / others) + _TINY)


def _log_normal(axis: UnitAxis, places: Array, centres: Array, widths: Array) -> Array:
    """Relative to a uniform density; of cells, the mass in the cell times their number."""
    import numpy as np
    from scipy.special import ndtr

    inside = ndtr((1 - centres) / widths) - ndtr(-centres / widths)
    if axis.cells:
        half = 0.5 / axis.cells
        mass = ndtr((places + half - centres) / widths) - ndtr((places - half - centres) / widths)
        return np.log(np.maximum(mass, _TINY) * axis.cells / inside)
    scaled = (places - centres) / widths
    return -0.5 * scaled**2 - np.log(np.sqrt(2 * np.pi) * widths * inside)  # type: ignore[no-any-return]


def _prior_weights(axis: UnitAxis) -> Array:
    import numpy as np

    weights = np.array(axis.weights or [1.0] * (axis.cells or 1))
    return weights / weights.sum()  # type: ignore[no-any-return]


def _log_prior(axis: UnitAxis, places: Array) -> Array:
    """(m,)"""
    import numpy as np

    if _unordered(axis):
        return np.log(_prior_weights(axis)[_cells(axis, places)] + _TINY)  # type: ignore[no-any-return]
    return _log_normal(axis, places, np.array(axis.expected), np.array(PRIOR_SPREAD[axis.strength]))


def _prior_draws(axis: UnitAxis, dice: Dice, count: int) -> Array:
    import numpy as np

    if _unordered(axis):
        return (dice.choice(axis.cells or 1, size=count, p=_prior_weights(axis)) + 0.5) / (axis.cells or 1)
    return _normal_draws(np.full(count, axis.expected), np.full(count, PRIOR_SPREAD[axis.strength]), dice)


def _normal_draws(centres: Array, widths: Array, dice: Dice) -> Array:
    """From normal distributions that are cut off at 0 and 1."""
    import numpy as np
    from scipy.special import ndtr, ndtri

    low, high = ndtr(-centres / widths), ndtr((1 - centres) / widths)
    return np.clip(centres + widths * ndtri(low + dice.random(len(centres)) * (high - low)), 0.0, 1.0)


def _cell_draws(axis: UnitAxis, centres: Array, widths: Array, dice: Dice) -> Array:
    """The kernel's own cell, or with the probability `widths` another one."""
    import numpy as np

    count = axis.cells or 1
    steps = dice.integers(1, max(2, count), size=len(centres))
    moved = np.where(dice.random(len(centres)) < widths, steps, 0)
    return ((_cells(axis, centres) + moved) % count + 0.5) / count  # type: ignore[no-any-return]
