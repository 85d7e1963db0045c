"""The density model against numbers worked out by hand, and against itself: densities sum to 1, draws follow them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import truncnorm

from tao_automl.domain.axes import AxisKind, Strength, UnitAxis
from tao_automl.search.density import (
    PRIOR_SPREAD,
    Density,
    Points,
    clipped,
    fit,
    magic_least,
    reference_widths,
    shrinking_widths,
)

LINE = UnitAxis(index=0, owner="x", kind=AxisKind.CONTINUOUS, expected=0.5)
STEPS = UnitAxis(index=0, owner="n", kind=AxisKind.INTEGER, expected=0.1, cells=5, strength=Strength.MEDIUM)
OPTIONS = UnitAxis(index=0, owner="c", kind=AxisKind.CATEGORICAL, expected=0.1, cells=4, weights=(4.0, 2.0, 1.0, 1.0))


def points(*rows: tuple[float, ...], active: list[tuple[bool, ...]] | None = None) -> Points:
    places = np.array(rows, dtype=float)
    return Points(places=places, active=np.array(active) if active else np.ones(places.shape, dtype=bool))


def one_axis(axis: UnitAxis, *places: float, prior: float = 1.0, width: float = 0.2) -> Density:
    rows = points(*((place,) for place in places)) if places else Points.of([], 1)
    return fit([axis], rows, np.ones(len(places)), prior, lambda x: np.full(len(x), width))


def test_weights_are_relative_to_the_prior() -> None:
    density = fit([LINE], points((0.1,), (0.9,)), np.array([3.0, 1.0]), 2.0, lambda x: np.full(len(x), 0.1))
    assert density.weights.tolist() == [0.5, pytest.approx(1 / 6), pytest.approx(1 / 3)]


def test_continuous_kernels_are_truncated_normals() -> None:
    density = one_axis(LINE, 0.1, 0.7)
    asked = 0.3
    kernels = [(0.1, 0.2), (0.7, 0.2), (0.5, PRIOR_SPREAD[Strength.WEAK])]
    each = [truncnorm.pdf(asked, -m / s, (1 - m) / s, loc=m, scale=s) for m, s in kernels]
    assert math.exp(density.log(points((asked,)))[0]) == pytest.approx(sum(each) / 3)


def test_categorical_kernel_by_hand() -> None:
    """Two kernels on cells 0 and 1 of 4 have width 3 / 7 (n + 1 + C = 7); the prior has the options' weights."""
    density = one_axis(OPTIONS, 0.125, 0.375)
    assert density.widths[:, 0].tolist() == pytest.approx([3 / 7, 3 / 7])
    at = np.exp(density.log(points((0.125,), (0.625,))))
    assert at.tolist() == pytest.approx([(4 / 7 + 1 / 7 + 1 / 2) / 3, (1 / 7 + 1 / 7 + 1 / 8) / 3])


def test_discrete_kernels_have_the_mass_of_their_cells() -> None:
    density = one_axis(STEPS, 0.9, prior=1e-9, width=0.1)
    cells = np.exp(density.log(points(*((k / 5 + 0.1,) for k in range(5))))) / 5
    inside = truncnorm(-9, 1, loc=0.9, scale=0.1)
    assert cells.tolist() == pytest.approx([inside.cdf((k + 1) / 5) - inside.cdf(k / 5) for k in range(5)], abs=1e-6)


@pytest.mark.parametrize("axis", [LINE, STEPS, OPTIONS])
@given(places=st.lists(st.floats(0, 1), max_size=6))
def test_densities_sum_to_one(axis: UnitAxis, places: list[float]) -> None:
    density = one_axis(axis, *places)
    count = axis.cells or 2000
    values = np.exp(density.log(points(*(((k + 0.5) / count,) for k in range(count)))))
    total = values.sum() if axis.kind is AxisKind.CATEGORICAL else values.mean()
    assert total == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("axis", [LINE, STEPS, OPTIONS])
def test_draws_follow_the_density(axis: UnitAxis) -> None:
    density = one_axis(axis, 0.9, 0.8)
    drawn = density.draw(np.random.default_rng(0), 20_000)[:, 0]
    bins = axis.cells or 10
    shares = np.histogram(drawn, bins, (0, 1))[0] / len(drawn)
    fine = np.exp(density.log(points(*(((k + 0.5) / (20 * bins),) for k in range(20 * bins)))))
    expected = fine.reshape(bins, 20).sum(axis=1) / fine.sum()
    if axis is STEPS:  # between the centres of cells the density is that of a moving cell
        expected = np.exp(density.log(points(*(((k + 0.5) / bins,) for k in range(bins))))) / bins
    assert shares.tolist() == pytest.approx(expected.tolist(), abs=0.015)


def test_axes_are_modelled_together() -> None:
    """Two kernels in opposite corners: the density there is higher than in the corners where none is."""
    density = fit([LINE, LINE], points((0.1, 0.1), (0.9, 0.9)), np.ones(2), 0.1, lambda x: np.full(len(x), 0.1))
    corners = density.log(points((0.1, 0.1), (0.1, 0.9), (0.9, 0.9)))
    assert corners[0] > corners[1] + 5
    assert corners[0] == pytest.approx(corners[2])


def test_inactive_axes() -> None:
    """A kernel without the axis has the prior there; a question without it does not ask."""
    rows = points((0.1, 0.2), (0.9, 0.5), active=[(True, True), (True, False)])
    density = fit([LINE, LINE], rows, np.ones(2), 1e-12, lambda x: np.full(len(x), 0.05))
    alone = fit([LINE], points((0.1,), (0.9,)), np.ones(2), 1e-12, lambda x: np.full(len(x), 0.05))
    asked = points((0.9, 0.2), (0.9, 0.9), active=[(True, False), (True, True)])
    without, far = density.log(asked)
    assert without == pytest.approx(alone.log(points((0.9,)))[0])
    assert far == pytest.approx(without + one_axis(LINE).log(points((0.9,)))[0], abs=1e-6)
    second = density.draw(np.random.default_rng(0), 4000)
    assert np.std(second[second[:, 0] > 0.5][:, 1]) == pytest.approx(np.sqrt(1 / 12), abs=0.03)


def test_an_axis_that_nobody_has() -> None:
    rows = points((0.1, 0.5), active=[(True, False)])
    density = fit([LINE, OPTIONS], rows, np.ones(1), 1.0, lambda x: np.full(len(x), 0.1))
    assert density.draw(np.random.default_rng(0), 5).shape == (5, 2)


def test_a_strong_prior_draws_near_the_expected_value() -> None:
    strong = UnitAxis(index=0, owner="x", kind=AxisKind.CONTINUOUS, expected=0.8, strength=Strength.STRONG)
    drawn = one_axis(strong).draw(np.random.default_rng(0), 2000)[:, 0]
    assert np.median(drawn) == pytest.approx(0.79, abs=0.02)


def test_bandwidth_rules_by_hand() -> None:
    places = np.array([0.0, 0.5, 1.0])
    assert shrinking_widths(places, 6) == pytest.approx([0.2 * 3**-0.1] * 3)
    assert reference_widths(places, 6) == pytest.approx([1.06 * math.sqrt(1 / 6) * 3**-0.1] * 3)
    assert clipped(np.array([0.0, 0.5, 3.0]), 0.03).tolist() == [0.03, 0.5, 1.0]


@pytest.mark.parametrize(("count", "least"), [(1, 1 / 9), (2, 1 / 16), (3, 1 / 25), (4, 0.03), (100, 0.03)])
def test_magic_clipping(count: int, least: float) -> None:
    assert magic_least(count, 0.03, 2.0) == pytest.approx(least)


def test_widening_leaves_options_alone() -> None:
    density = fit([LINE, OPTIONS], points((0.5, 0.1)), np.ones(1), 1.0, lambda x: np.full(len(x), 0.1))
    assert density.widened(3.0).widths[0].tolist() == pytest.approx([0.3, density.widths[0, 1]])
