"""What a proposal is worth: acquisition functions of normal beliefs, all as logarithms and all for minimisation.

Everything works on arrays of any shape; `mean` and `spread` (a standard deviation) describe what is believed of a cost.
"""

import math
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float64]
else:
    Array = Any

_LOG_ROOT_2PI = 0.5 * math.log(2.0 * math.pi)
_LOG_ROOT_HALF_PI = 0.5 * math.log(0.5 * math.pi)
_FAR = -1e3  # below, the tail is used in its asymptotic form


def log_expected_improvement(mean: Array, spread: Array, best: float | Array) -> Array:
    """log E[max(0, best - Y)] of Y ~ N(mean, spread^2), exact far into the tail (LogEI, arXiv 2310.20708)."""
    import numpy as np

    return np.log(spread) + log_h((best - mean) / spread)


def log_h(z: Array) -> Array:
    """log(phi(z) + z Phi(z)): the log expected improvement of a standard normal below `z`."""
    import numpy as np
    from scipy.special import erfcx, ndtr

    z = np.asarray(z, dtype=float)
    near, tail = np.maximum(z, -1.0), np.minimum(z, -1.0)
    above = np.log(np.exp(-0.5 * near * near - _LOG_ROOT_2PI) + near * ndtr(near))
    middle = np.maximum(tail, _FAR)
    rest = np.log1p(-np.exp(np.log(-middle) + np.log(erfcx(-middle / math.sqrt(2.0))) + _LOG_ROOT_HALF_PI))
    rest = np.where(tail < _FAR, -2.0 * np.log(-tail), rest)
    return np.where(z > -1.0, above, rest - 0.5 * tail * tail - _LOG_ROOT_2PI)


def log_probability_below(mean: Array, spread: Array, bound: float) -> Array:
    """log P(Y <= bound)."""
    from scipy.special import log_ndtr

    found: Array = log_ndtr((bound - mean) / spread)
    return found


def log_expected_hypervolume_improvement(mean: Array, spread: Array, front: Array, reference: Array) -> Array:
    """By how much two independent costs are expected to push out a front; exact.

    `mean` and `spread` are (2, m), `front` is (k, 2) and `reference` (2,). The region that the front leaves free is cut
    into strips along the first cost; over a strip the expectation is the product of two expected improvements.
    """
    import numpy as np

    steps = staircase(front, reference)
    ends = np.append(steps[:, 0], reference[0])
    tops = np.concatenate([[reference[1]], steps[:, 1]])
    first = log_expected_improvement(mean[0][None], spread[0][None], ends[:, None])
    second = log_expected_improvement(mean[1][None], spread[1][None], tops[:, None])
    before = np.vstack([np.full_like(first[:1], -np.inf), first[:-1]])
    found: Array = np.logaddexp.reduce(_log_difference(first, before) + second, axis=0)
    return found


def _log_difference(larger: Array, smaller: Array) -> Array:
    """log(exp(larger) - exp(smaller)), with a floor where they are equal up to rounding."""
    import numpy as np

    gap = np.minimum(smaller - larger, -1e-15)
    return larger + np.log(-np.expm1(gap))


def staircase(front: Array, reference: Array) -> Array:
    """(k, 2): those of `front` that dominate `reference` and no other of them, by rising first cost."""
    import numpy as np

    inside = front[(front < reference).all(axis=1)]
    ordered = inside[np.lexsort((inside[:, 1], inside[:, 0]))]
    lowest = np.minimum.accumulate(np.append(np.inf, ordered[:, 1]))[:-1]
    return ordered[ordered[:, 1] < lowest]


def hypervolume(points: Array, reference: Array) -> float:
    """The volume that `points` (k, objectives) dominate below `reference`; exact, by slicing along the last cost."""
    import numpy as np

    inside = points[(points < reference).all(axis=1)]
    if not len(inside):
        return 0.0
    if inside.shape[1] == 1:
        return float(reference[0] - inside.min())
    if inside.shape[1] == 2:
        steps = staircase(inside, reference)
        tops = np.concatenate([[reference[1]], steps[:-1, 1]])
        return float(((reference[0] - steps[:, 0]) * (tops - steps[:, 1])).sum())
    ordered = inside[np.argsort(inside[:, -1], kind="stable")]
    depths = np.diff(np.append(ordered[:, -1], reference[-1]))
    return sum(
        float(depth) * hypervolume(ordered[: k + 1, :-1], reference[:-1]) for k, depth in enumerate(depths) if depth > 0
    )


def chebyshev(costs: Array, weights: Array) -> Array:
    """Augmented Chebyshev scalarisation of `costs` (n, objectives), each scaled to [0, 1] over the rows.

    Every Pareto-optimal outcome is the minimum for some weights (ParEGO, doi:10.1109/TEVC.2005.851274).
    """
    import numpy as np

    low, high = costs.min(axis=0), costs.max(axis=0)
    weighed = weights * (costs - low) / np.where(high > low, high - low, 1.0)
    found: Array = weighed.max(axis=1) + 0.05 * weighed.sum(axis=1)
    return found
