"""Gaussian process regression: the one surrogate that all model-based searchers share.

Inputs are rows of features, each of which belongs to a group (one searched axis); a group has one lengthscale. Targets
are expected to be standardised. Covariance: ARD Matérn-5/2, a constant mean, and noise that is learnt on top of what is
known for each point. Lengthscales have a log-normal prior whose mode grows with the square root of the number of groups
(arXiv 2402.02229), so that a model of many parameters is not more complex than one of few.
"""

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float64]
else:
    Array = Any

MOST_POINTS = 1500  # that a posterior should be given: memory and time
FIT_POINTS = 256  # hyperparameters are fitted to so many points at most: cubic cost, and more teach little
_ITERATIONS = 60
_JITTER = 1e-8
_LENGTH = (-0.6, 1.0)  # of the logarithm: location for one group, and spread
_NOISE = (-5.0, 1.5)
_VARIANCE = (0.0, 1.0)
_MEAN = (0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hyperparameters:
    """Of the covariance. `lengths` has one entry a group, in units of the features; `noise` is a variance."""

    lengths: Array
    variance: float
    noise: float
    mean: float

    @classmethod
    def prior(cls, groups: int) -> "Hyperparameters":
        """The mode of the prior, where fits begin."""
        import numpy as np

        lengths = np.full(groups, math.exp(_length_location(groups)))
        return cls(lengths=lengths, variance=1.0, noise=math.exp(_NOISE[0]), mean=0.0)

    def packed(self) -> Array:
        """As a vector for an optimiser: logarithms, the mean as it is."""
        import numpy as np

        return np.array([*np.log(self.lengths), math.log(self.variance), math.log(self.noise), self.mean])

    @classmethod
    def unpacked(cls, theta: Array) -> "Hyperparameters":
        import numpy as np

        return cls(
            lengths=np.exp(theta[:-3]),
            variance=math.exp(theta[-3]),
            noise=math.exp(theta[-2]),
            mean=float(theta[-1]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GP:
    """A posterior, under one or more fantasies of what pending points will turn out to be.

    `x` (n, features), `chol` (n, n) lower, `whitened` (n, fantasies): ``chol^-1 (y - mean)``. Fantasies share the
    covariance, and differ in the mean alone.
    """

    hyper: Hyperparameters
    groups: Array
    x: Array
    chol: Array
    whitened: Array

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Mean, over the fantasies too, and standard deviation of the noiseless function at the rows of `x`."""
        means, spread = self.predict_each(x)
        return means.mean(axis=1), spread

    def predict_each(self, x: Array) -> tuple[Array, Array]:
        """The mean under each fantasy (m, fantasies), and the standard deviation (m,), at the rows of `x`."""
        half = self._half(x)
        return self.hyper.mean + half.T @ self.whitened, self._spread(half)

    def imagining(self, row: Array, draws: Array) -> "GP":
        """With an outcome at `row` that lies `draws` (fantasies,) standard deviations from the mean.

        A single zero is the kriging believer: the mean stays as it is. With several draws there is one fantasy each.
        """
        import numpy as np

        half = self._half(row[None])[:, 0]
        size = len(half)
        rest = self.hyper.variance * (1.0 + _JITTER) + self.hyper.noise - float(half @ half)
        chol = np.zeros((size + 1, size + 1))
        chol[:size, :size], chol[size, :size], chol[size, size] = self.chol, half, math.sqrt(max(rest, 1e-10))
        before = np.broadcast_to(self.whitened, (size, max(len(draws), self.whitened.shape[1])))
        now = np.broadcast_to(draws, before.shape[1])
        return replace(self, x=np.vstack([self.x, row]), chol=chol, whitened=np.vstack([before, now]))

    def _half(self, x: Array) -> Array:
        from scipy.linalg import solve_triangular

        across = covariance(self.hyper, self.groups, self.x, x)
        half: Array = solve_triangular(self.chol, across, lower=True, check_finite=False)
        return half

    def _spread(self, half: Array) -> Array:
        import numpy as np

        variance = self.hyper.variance - np.einsum("ij,ij->j", half, half)
        found: Array = np.sqrt(np.maximum(variance, 1e-12 * self.hyper.variance))
        return found


def condition(hyper: Hyperparameters, groups: Array, x: Array, y: Array, noise: Array | None = None) -> GP:
    """The posterior given targets `y` (n,) at the rows of `x`, with variances `noise` (n,) known besides."""
    from scipy.linalg import solve_triangular

    matrix = covariance(hyper, groups, x, x)
    matrix.reshape(-1)[:: len(x) + 1] += hyper.noise if noise is None else hyper.noise + noise
    chol = _cholesky(matrix, hyper.variance)
    whitened = solve_triangular(chol, y - hyper.mean, lower=True, check_finite=False)
    return GP(hyper=hyper, groups=groups, x=x, chol=chol, whitened=whitened[:, None])


def fit(groups: Array, x: Array, y: Array, noise: Array | None = None) -> Hyperparameters:
    """The hyperparameters of the highest posterior density (MAP), climbed to from the mode of the prior.

    Of many points, `FIT_POINTS` are used. Many questions are asked of the same data, so the last answers are kept.
    """
    import numpy as np

    chosen = telling(y, FIT_POINTS)
    extra = np.zeros(len(chosen)) if noise is None else noise[chosen]
    columns = np.ascontiguousarray(np.column_stack([x[chosen], y[chosen], extra]))
    return _fit(tuple(int(group) for group in groups), columns.tobytes())


@lru_cache(maxsize=64)
def _fit(groups: tuple[int, ...], data: bytes) -> Hyperparameters:
    """`data` has rows of features, target and known noise."""
    import numpy as np
    from scipy.optimize import minimize

    columns = np.frombuffer(data).reshape(-1, len(groups) + 2)
    begin = Hyperparameters.prior(max(groups) + 1)
    found = minimize(
        negative_log_posterior,
        begin.packed(),
        args=(_squares(np.array(groups), columns[:, :-2]), columns[:, -2], columns[:, -1]),
        jac=True,
        method="L-BFGS-B",
        bounds=[(-5.0, 7.0)] * (max(groups) + 1) + [(-4.0, 4.0), (-14.0, 2.0), (-3.0, 3.0)],
        options={"maxiter": _ITERATIONS, "ftol": 1e-6, "gtol": 1e-4},
    )
    return Hyperparameters.unpacked(found.x)


def negative_log_posterior(theta: Array, squares: Array, y: Array, noise: Array) -> tuple[float, Array]:
    """Up to a constant, and its gradient. `squares` (groups, n * n) has squared distances within each group."""
    import numpy as np
    from scipy.linalg import cho_solve
    from scipy.linalg.lapack import dpotri

    hyper, n = Hyperparameters.unpacked(theta), len(y)
    inverse_squares = hyper.lengths**-2
    root = np.sqrt(5.0 * (inverse_squares @ squares)).reshape(n, n)
    decay = hyper.variance * np.exp(-root)
    signal = decay * (1.0 + root + root * root / 3.0)
    matrix = signal.copy()
    matrix.reshape(-1)[:: n + 1] += noise + hyper.noise
    chol = _cholesky(matrix, hyper.variance)
    alpha = cho_solve((chol, True), y - hyper.mean, check_finite=False)
    lower, _ = dpotri(chol, lower=1)
    inverse = np.tril(lower) + np.tril(lower, -1).T
    weights = np.outer(alpha, alpha) - inverse
    value = 0.5 * (y - hyper.mean) @ alpha + np.log(np.diag(chol)).sum()
    slope = np.empty_like(theta)
    steepness = (5.0 / 3.0) * (weights * decay * (1.0 + root)).reshape(-1)
    slope[:-3] = -0.5 * inverse_squares * (squares @ steepness)
    slope[-3] = -0.5 * np.vdot(weights, signal)
    slope[-2] = -0.5 * hyper.noise * np.trace(weights)
    slope[-1] = -alpha.sum()
    penalty, pull = _penalty(theta)
    return float(value + penalty), slope + pull


def _penalty(theta: Array) -> tuple[float, Array]:
    """Minus the log prior, and its gradient: a normal for each entry of `theta`."""
    import numpy as np

    groups = len(theta) - 3
    centre = np.array([_length_location(groups)] * groups + [_VARIANCE[0], _NOISE[0], _MEAN[0]])
    spread = np.array([_LENGTH[1]] * groups + [_VARIANCE[1], _NOISE[1], _MEAN[1]])
    score = (theta - centre) / spread
    return float(0.5 * score @ score), score / spread


def _length_location(groups: int) -> float:
    return _LENGTH[0] + 0.5 * math.log(groups)


def covariance(hyper: Hyperparameters, groups: Array, a: Array, b: Array) -> Array:
    """Matérn-5/2 between all rows of `a` (n, features) and of `b` (m, features): (n, m)."""
    import numpy as np

    scale = 1.0 / hyper.lengths[groups]
    left, right = a * scale, b * scale
    squared = (left * left).sum(1)[:, None] + (right * right).sum(1)[None] - 2.0 * left @ right.T
    root = np.sqrt(5.0 * np.maximum(squared, 0.0))
    found: Array = hyper.variance * (1.0 + root + root * root / 3.0) * np.exp(-root)
    return found


def _squares(groups: Array, x: Array) -> Array:
    """(groups, n * n): squared distances between all rows, within each group of features."""
    import numpy as np

    n = len(x)
    squares = np.zeros((int(groups.max()) + 1, n * n))
    for column, group in enumerate(groups):
        difference = x[:, column, None] - x[None, :, column]
        squares[group] += (difference * difference).reshape(-1)
    return squares


def _cholesky(matrix: Array, variance: float) -> Array:
    """Lower, of a matrix that is positive up to rounding: the jitter grows until it works. Changes its argument."""
    import numpy as np
    from scipy.linalg import LinAlgError, cholesky

    jitter = _JITTER * variance
    diagonal = np.einsum("ii->i", matrix)
    while True:
        diagonal += jitter
        try:
            return cholesky(matrix, lower=True, check_finite=False)
        except LinAlgError:
            jitter *= 10.0


def telling(y: Array, most: int) -> list[int]:
    """The places of at most `most` points, in order: a half of them the best, the others spread over the rest."""
    import numpy as np

    if len(y) <= most:
        return list(range(len(y)))
    ranked = np.argsort(y, kind="stable")
    best, rest = ranked[: most // 2], np.sort(ranked[most // 2 :])
    spread = rest[np.linspace(0, len(rest) - 1, most - len(best)).astype(int)]
    return [int(place) for place in np.sort(np.concatenate([best, spread]))]
