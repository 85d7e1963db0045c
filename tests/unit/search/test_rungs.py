"""Rung levels, and who stands on a rung."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tao_automl.domain.problem import Fidelity
from tao_automl.domain.trial import Score, Trial
from tao_automl.search.rungs import falling_levels, populate, rising_levels, score_at


def trial(number: int, costs: dict[int, float], budget: int = 81) -> Trial:
    scores = {b: Score(value=cost, cost=cost, seq=100 * number + b) for b, cost in costs.items()}
    return Trial(id=number, params={}, signature=str(number), budget=budget, scores=scores)


@pytest.mark.parametrize(
    ("low", "high", "factor", "levels"),
    [
        (1, 81, 3, (1, 3, 9, 27, 81)),
        (1, 50, 3, (1, 3, 9, 27, 50)),
        (1, 82, 3, (1, 3, 9, 27, 82)),  # not 81 and 82
        (1, 100, 2, (1, 2, 4, 8, 16, 32, 64, 100)),
        (5, 50, 3, (5, 15, 50)),
        (40, 50, 3, (50,)),
        (7, 7, 3, (7,)),
    ],
)
def test_rising_levels(low: int, high: int, factor: int, levels: tuple[int, ...]) -> None:
    assert rising_levels(Fidelity(key="e", low=low, high=high), factor) == levels


@pytest.mark.parametrize(
    ("low", "high", "factor", "levels"),
    [
        (1, 81, 3, (1, 3, 9, 27, 81)),
        (1, 50, 3, (2, 6, 17, 50)),
        (1, 243, 3, (1, 3, 9, 27, 81, 243)),  # where a floating-point logarithm says 4.999…
        (5, 50, 3, (6, 17, 50)),
        (7, 7, 3, (7,)),
    ],
)
def test_falling_levels(low: int, high: int, factor: int, levels: tuple[int, ...]) -> None:
    assert falling_levels(Fidelity(key="e", low=low, high=high), factor) == levels


@given(low=st.integers(1, 50), more=st.integers(0, 10_000), factor=st.integers(2, 7))
def test_levels_rise_strictly_inside_the_fidelity(low: int, more: int, factor: int) -> None:
    fidelity = Fidelity(key="e", low=low, high=low + more)
    for levels in (rising_levels(fidelity, factor), falling_levels(fidelity, factor)):
        assert list(levels) == sorted(set(levels))
        assert fidelity.low <= levels[0]
        assert levels[-1] == fidelity.high


def test_score_at_a_level_or_the_first_above_it() -> None:
    sparse = trial(0, {5: 0.5, 10: 0.4, 20: 0.3})
    costs = [score.cost if (score := score_at(sparse, level)) else None for level in (1, 5, 6, 20, 21)]
    assert costs == [0.5, 0.5, 0.4, 0.3, None]


def test_populate_takes_intermediate_scores() -> None:
    history = [trial(0, {1: 5.0, 2: 4.0, 3: 3.0}), trial(1, {}), trial(2, {1: 6.0}), trial(3, {9: 1.0})]
    assert populate(history, (1, 3, 9)) == [
        [(5.0, 0, 1), (6.0, 2, 201), (1.0, 3, 309)],
        [(3.0, 0, 3), (1.0, 3, 309)],
        [(1.0, 3, 309)],
    ]
