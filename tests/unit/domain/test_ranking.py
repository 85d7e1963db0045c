"""One order for everything that has to choose."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tao_automl.domain.ranking import dominates, front, ranks
from tao_automl.domain.trial import Score


def score(*costs: float, excess: tuple[float, ...] = ()) -> Score:
    return Score(value=costs[0], cost=costs[0], seq=1, costs=costs if len(costs) > 1 else (), excess=excess)


few = st.sampled_from([-1.0, 0.0, 0.5, 2.0])
excesses = st.sampled_from([(), (-1.0,), (0.0,), (0.5,), (2.0,)])
pairs = st.lists(st.builds(lambda a, b, excess: score(a, b, excess=excess), few, few, excesses), min_size=1, max_size=9)


def order(scores: list[Score]) -> list[int]:
    found = ranks(scores)
    return sorted(range(len(scores)), key=lambda i: found[i])


def test_of_one_objective_the_rank_is_the_cost() -> None:
    assert ranks([score(3.0), score(-1.0)]) == [3.0, -1.0]


def test_what_breaks_a_constraint_comes_last_the_least_broken_first() -> None:
    scores = [score(0.0, excess=(2.0,)), score(9.0, excess=(0.5,)), score(5.0, excess=(-1.0,)), score(7.0)]
    assert order(scores) == [2, 3, 1, 0]


@pytest.mark.parametrize(
    ("a", "b", "better"),
    [
        (score(1.0, 1.0), score(1.0, 2.0), True),
        (score(1.0, 2.0), score(2.0, 1.0), False),
        (score(1.0, 1.0), score(1.0, 1.0), False),
        (score(9.0, 9.0), score(1.0, 1.0, excess=(0.1,)), True),
        (score(9.0, 9.0, excess=(0.1,)), score(1.0, 1.0, excess=(0.2,)), True),
        (score(1.0, 1.0, excess=(0.1,)), score(9.0, 9.0, excess=(0.1,)), False),
        (score(1.0, excess=(-5.0,)), score(2.0, excess=(-9.0,)), True),
    ],
)
def test_dominance(a: Score, b: Score, better: bool) -> None:
    assert dominates(a, b) is better


@given(pairs)
def test_dominance_is_a_strict_order(scores: list[Score]) -> None:
    for a in scores:
        assert not dominates(a, a)
        for b in scores:
            assert not (dominates(a, b) and dominates(b, a))
            assert all(dominates(a, c) for c in scores if dominates(a, b) and dominates(b, c))


@given(pairs)
def test_the_front_is_what_nothing_dominates_and_comes_first(scores: list[Score]) -> None:
    best = front(scores)
    assert best
    assert all(not dominates(scores[j], scores[i]) for i in best for j in range(len(scores)))
    assert set(order(scores)[: len(best)]) == set(best)


@given(pairs)
def test_ranks_follow_dominance(scores: list[Score]) -> None:
    found = ranks(scores)
    for i, a in enumerate(scores):
        assert all(found[i] < found[j] for j, b in enumerate(scores) if dominates(a, b))


@given(st.lists(st.builds(lambda c, e: score(c, excess=e), few, excesses.filter(bool)), min_size=1, max_size=9))
def test_ranks_of_one_objective_follow_dominance_too(scores: list[Score]) -> None:
    found = ranks(scores)
    for i, a in enumerate(scores):
        assert all(found[i] < found[j] for j, b in enumerate(scores) if dominates(a, b))


def test_within_a_front_the_ends_come_first_and_then_the_lonely() -> None:
    line = [score(0.0, 10.0), score(4.0, 5.0), score(4.5, 4.5), score(10.0, 0.0), score(1.0, 9.0)]
    assert set(order(line)[:2]) == {0, 3}
    assert order(line)[2:] == [2, 4, 1]  # their neighbours are 1.1, 0.9 and 0.8 of the ranges apart
    assert all(not math.isnan(part) for rank in ranks(line) for part in rank)  # type: ignore[union-attr]


def test_no_scores_have_no_ranks() -> None:
    assert ranks([]) == []
    assert front([]) == []
