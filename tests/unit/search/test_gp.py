"""The Gaussian process against formulas written out, and against finite differences."""

import math
import tracemalloc

import numpy as np
import pytest

from tao_automl.search import gp
from tao_automl.search.features import Features
from tao_automl.testing.simulation import mixed_space

GROUPS = np.array([0, 1, 2, 2])  # the last two columns are one axis


def data(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    dice = np.random.default_rng(seed)
    x = dice.random((n, 4))
    return x, np.sin(5 * x[:, 0]) + x[:, 2] - x[:, 3], 0.1 * dice.random(n)


def hyper() -> gp.Hyperparameters:
    return gp.Hyperparameters(lengths=np.array([0.4, 1.5, 0.8]), variance=1.7, noise=0.03, mean=0.2)


def matern(a: np.ndarray, b: np.ndarray) -> float:
    """As in Rasmussen and Williams, equation 4.17."""
    h = hyper()
    r = math.sqrt(sum(((a[k] - b[k]) / h.lengths[GROUPS[k]]) ** 2 for k in range(4)))
    return h.variance * (1 + math.sqrt(5) * r + 5 * r * r / 3) * math.exp(-math.sqrt(5) * r)


def direct(x: np.ndarray, y: np.ndarray, noise: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance by inverting the matrix."""
    h = hyper()
    inverse = np.linalg.inv(np.array([[matern(a, b) for b in x] for a in x]) + np.diag(noise + h.noise))
    across = np.array([[matern(a, b) for b in x] for a in at])
    prior = np.array([[matern(a, b) for b in at] for a in at])
    return h.mean + across @ inverse @ (y - h.mean), prior - across @ inverse @ across.T


def test_posterior_is_the_formula() -> None:
    x, y, noise = data(12)
    at = data(5, seed=1)[0]
    mean, spread = gp.condition(hyper(), GROUPS, x, y, noise).predict(at)
    expected_mean, expected = direct(x, y, noise, at)
    assert mean == pytest.approx(expected_mean, abs=1e-6)
    assert spread == pytest.approx(np.sqrt(np.diag(expected)), abs=1e-6)


def test_imagining_is_conditioning() -> None:
    x, y, noise = data(10)
    model = gp.condition(hyper(), GROUPS, x, y, noise)
    row, at = data(1, seed=1)[0][0], data(6, seed=2)[0]
    mean, spread = model.predict(row[None])
    draws = np.array([-1.0, 0.0, 2.0])
    means, _ = model.imagining(row, draws).predict_each(at)
    for k, draw in enumerate(draws):
        outcome = mean[0] + draw * math.sqrt(spread[0] ** 2 + hyper().noise)
        again = gp.condition(hyper(), GROUPS, np.vstack([x, row]), np.append(y, outcome), np.append(noise, 0.0))
        assert means[:, k] == pytest.approx(again.predict(at)[0], abs=1e-6)


def test_believing_leaves_the_mean_alone() -> None:
    x, y, noise = data(10)
    model = gp.condition(hyper(), GROUPS, x, y, noise)
    row, at = data(1, seed=1)[0][0], data(6, seed=2)[0]
    after = model.imagining(row, np.zeros(1))
    assert after.predict(at)[0] == pytest.approx(model.predict(at)[0], abs=1e-9)
    assert after.predict(row[None])[1] < 0.5 * model.predict(row[None])[1]


@pytest.mark.parametrize("seed", range(3))
def test_gradient_is_the_slope(seed: int) -> None:
    x, y, noise = data(15)
    squares = gp._squares(GROUPS, x)
    theta = hyper().packed() + np.random.default_rng(seed).normal(size=6)
    _, slope = gp.negative_log_posterior(theta, squares, y, noise)
    for k, step in enumerate(1e-5 * np.eye(6)):
        above, _ = gp.negative_log_posterior(theta + step, squares, y, noise)
        below, _ = gp.negative_log_posterior(theta - step, squares, y, noise)
        assert slope[k] == pytest.approx((above - below) / 2e-5, rel=1e-4, abs=1e-4)


def test_fit_finds_what_matters_and_the_noise() -> None:
    dice = np.random.default_rng(0)
    x = dice.random((80, 3))
    y = np.sin(6 * x[:, 0]) + dice.normal(scale=0.3, size=80)
    found = gp.fit(np.arange(3), x, (y - y.mean()) / y.std())
    assert found.lengths[0] < 0.4 * found.lengths[1:].min()
    assert math.sqrt(found.noise) * y.std() == pytest.approx(0.3, rel=0.3)


def test_known_noise_counts() -> None:
    x, y, _ = data(10)
    exact = gp.condition(hyper(), GROUPS, x, y)
    doubtful = gp.condition(hyper(), GROUPS, x, y + np.eye(10)[3], np.eye(10)[3] * 100)
    assert abs(doubtful.predict(x)[0][3] - exact.predict(x)[0][3]) < 0.3


def test_identical_points_do_no_harm() -> None:
    x = np.zeros((30, 2))
    found = gp.fit(np.arange(2), x, np.zeros(30))
    mean, _ = gp.condition(found, np.arange(2), x, np.zeros(30)).predict(x[:1])
    assert mean[0] == pytest.approx(0.0, abs=1e-3)


def test_telling_points_are_the_best_and_some_of_the_rest() -> None:
    chosen = gp.telling(np.arange(100.0)[::-1], 20)
    assert chosen == sorted(set(chosen))
    assert len(chosen) == 20
    assert set(range(90, 100)) <= set(chosen)
    assert min(chosen) == 0


def test_options_are_equally_far_apart() -> None:
    space = mixed_space()
    features = Features.of(space)
    configs = [{**space.default(), "optimizer": "adam", "nesterov": n} for n in (False, True)]
    rows = features.rows(np.array([space.encode(config).point for config in configs]))
    assert ((rows[0] - rows[1]) ** 2).sum() == pytest.approx(1.0)
    assert len(features.groups) == rows.shape[1]
    assert len(set(features.groups)) == space.dimension


def test_memory_is_a_few_matrices() -> None:
    x, y, _ = data(1000)
    gp.fit(GROUPS, x, y)
    tracemalloc.start()
    gp.condition(gp.fit(GROUPS, x, y), GROUPS, x, y).predict(x[:300])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * 1000 * 1000 * 8
