"""What the author of a schema expects: the strength of priors, and the weights of options.

A prior of medium or high strength is a normal around its mean. A weak one, which is also what an axis has of which
nothing was said, is flat: the default configuration is trained anyway, and teaches more.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from tao_automl.domain.axes import Strength, UnitAxis

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float64]
else:
    Array = Any

_WIDTHS = {Strength.MEDIUM: 0.25, Strength.STRONG: 0.1}  # standard deviations, as shares of the axis
_LEAST_WEIGHT = 1e-3  # of an option, as a share of the largest


def informed(axes: Sequence[UnitAxis]) -> bool:
    """Whether anything is expected."""
    return any(axis.strength in _WIDTHS or axis.weights for axis in axes)


def log_prior(axes: Sequence[UnitAxis], points: Array) -> Array:
    """The log density of the expectations at `points` (m, dimension), up to a constant."""
    import numpy as np

    value = np.zeros(len(points))
    for axis in axes:
        places = points[:, axis.index]
        if axis.strength in _WIDTHS:
            value -= 0.5 * ((places - axis.expected) / _WIDTHS[axis.strength]) ** 2
        if axis.weights and axis.cells:
            weights = np.maximum(axis.weights, _LEAST_WEIGHT * max(axis.weights))
            cells = np.clip((places * axis.cells).astype(int), 0, axis.cells - 1)
            value += np.log(weights / weights.max())[cells]
    return value


def expected_places(axes: Sequence[UnitAxis], point: Sequence[float]) -> list[float]:
    """`point`, uniform in the unit cube, moved to where things are expected: by the quantile function of each axis."""
    return [_quantile(axis, share) for axis, share in zip(axes, point, strict=True)]


def _quantile(axis: UnitAxis, share: float) -> float:
    if axis.strength not in _WIDTHS and not axis.weights:
        return share
    import numpy as np
    from scipy.special import ndtr, ndtri

    if axis.weights and axis.cells:
        edges = np.cumsum(axis.weights) / sum(axis.weights)
        return (min(int(np.searchsorted(edges, share, side="right")), axis.cells - 1) + 0.5) / axis.cells
    width = _WIDTHS[axis.strength]
    low, high = ndtr(-axis.expected / width), ndtr((1.0 - axis.expected) / width)
    return float(np.clip(axis.expected + width * ndtri(low + share * (high - low)), 0.0, 1.0))
