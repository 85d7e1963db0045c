"""Acquisition functions against integrals and brute force."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from tao_automl.search import acquisition as acq


@pytest.mark.parametrize(("mean", "spread", "best"), [(0, 1, 0), (3, 1, 0), (-2, 0.5, 1), (5, 0.8, 0), (0.1, 0.01, 0)])
def test_expected_improvement_is_the_integral(mean: float, spread: float, best: float) -> None:
    found = float(acq.log_expected_improvement(np.array(mean), np.array(spread), best))
    low = best - 12 * spread
    integral, _ = quad(lambda y: (best - y) * norm.pdf(y, mean, spread), low, best, epsabs=0, epsrel=1e-10)
    assert found == pytest.approx(math.log(integral), rel=1e-7)


def test_tail_is_smooth_and_exact() -> None:
    """Against the asymptotic series phi(z) / z^2 (1 - 3/z^2 + 15/z^4)."""
    for z in (-30.0, -200.0, -999.0, -1001.0, -1e5):
        series = -0.5 * z * z - 0.5 * math.log(2 * math.pi) - 2 * math.log(-z) + math.log1p(-3 / z**2 + 15 / z**4)
        assert float(acq.log_h(np.array(z))) == pytest.approx(series, rel=1e-9)
    places = np.linspace(-50, 5, 20_001)
    assert (np.diff(acq.log_h(places)) > 0).all()


def test_probability_below() -> None:
    assert float(acq.log_probability_below(np.array(1.0), np.array(2.0), 0.0)) == pytest.approx(norm.logcdf(-0.5))


FRONT = np.array([[0.1, 0.8], [0.4, 0.5], [0.7, 0.2], [0.6, 0.9]])
REFERENCE = np.array([1.0, 1.0])


def test_expected_hypervolume_improvement_is_the_mean_of_samples() -> None:
    dice = np.random.default_rng(0)
    mean, spread = np.array([[0.3, 0.9, 0.05], [0.3, 0.1, 0.95]]), np.array([[0.2, 0.1, 0.1], [0.1, 0.2, 0.05]])
    found = np.exp(acq.log_expected_hypervolume_improvement(mean, spread, FRONT, REFERENCE))
    before = acq.hypervolume(FRONT, REFERENCE)
    for k in range(3):
        samples = mean[:, k] + spread[:, k] * dice.normal(size=(20_000, 2))
        gains = [acq.hypervolume(np.vstack([FRONT, sample]), REFERENCE) - before for sample in samples]
        assert found[k] == pytest.approx(np.mean(gains), abs=5 * np.std(gains) / math.sqrt(20_000))


def test_sure_outcomes_have_their_own_improvement() -> None:
    points = np.array([[0.2, 0.3], [0.5, 0.6], [0.95, 0.95], [0.05, 0.05]])
    tiny = np.full((2, 4), 1e-9)
    found = np.exp(acq.log_expected_hypervolume_improvement(points.T, tiny, FRONT, REFERENCE))
    before = acq.hypervolume(FRONT, REFERENCE)
    gains = [acq.hypervolume(np.vstack([FRONT, point]), REFERENCE) - before for point in points]
    assert found == pytest.approx(gains, abs=1e-7)


def test_without_a_front_it_is_a_product_of_improvements() -> None:
    mean, spread = np.array([[0.5], [0.7]]), np.array([[0.3], [0.2]])
    found = acq.log_expected_hypervolume_improvement(mean, spread, np.empty((0, 2)), REFERENCE)
    parts = acq.log_expected_improvement(mean[:, 0], spread[:, 0], REFERENCE)
    assert found[0] == pytest.approx(parts.sum())


def brute_volume(points: np.ndarray, size: int) -> float:
    """Counts the cells of a grid of integers."""
    cells = itertools.product(range(size), repeat=points.shape[1])
    return float(sum(any((point <= cell).all() for point in points) for cell in cells))


@settings(max_examples=60, deadline=None)
@given(objectives=st.integers(1, 4), count=st.integers(0, 6), seed=st.integers(0, 10_000))
def test_hypervolume_is_the_volume(objectives: int, count: int, seed: int) -> None:
    points = np.random.default_rng(seed).integers(0, 7, size=(count, objectives)).astype(float)
    assert acq.hypervolume(points, np.full(objectives, 6.0)) == pytest.approx(brute_volume(points, 6))


def test_every_corner_of_a_front_wins_for_some_weights() -> None:
    """Also in a dent, which a weighted sum never finds."""
    costs = np.array([[0.0, 1.0], [0.6, 0.6], [1.0, 0.0], [0.9, 0.9]])
    wins = {int(acq.chebyshev(costs, np.array([w, 1 - w])).argmin()) for w in np.linspace(0.01, 0.99, 99)}
    assert wins == {0, 1, 2}
