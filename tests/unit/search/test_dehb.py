"""Differential evolution by hand, and DEHB's schedule, populations and selection."""

from collections import Counter
from itertools import islice, permutations
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tao_automl.domain.parameters import Float
from tao_automl.domain.problem import Problem
from tao_automl.domain.space import SearchSpace
from tao_automl.domain.trial import Origin, Promote, Score, Start, Trial, TrialState
from tao_automl.errors import SettingsError
from tao_automl.search.dehb import DEHB, Role, roles
from tao_automl.search.evolution import crossover, mutant, parents
from tao_automl.testing.searcher_contract import MakeSearcher, SearcherContract
from tao_automl.testing.simulation import easy_curve, mixed_space, problem_of, simulate

COMPLETED = TrialState.COMPLETED
SQUARE = SearchSpace(tuple(Float(name=name, low=0, high=1, default=0.5) for name in "xy"))
places = st.lists(st.floats(0, 1), min_size=4, max_size=4)


class TestContract(SearcherContract):
    needs_fidelity = True

    @pytest.fixture
    def make_searcher(self) -> MakeSearcher:
        return lambda problem, **settings: DEHB(problem=problem, **{"num_recommendations": 30, **settings})


def square(epochs: int = 9) -> Problem:
    return problem_of(SQUARE, epochs=epochs)


def trial(number: int, costs: dict[int, float], x: float = 0.5, **fields: Any) -> Trial:
    params = {"x": x, "y": 0.5}
    scores = {b: Score(value=cost, cost=cost, seq=100 * number + b) for b, cost in costs.items()}
    signature = f"{number}"
    return Trial(
        id=number, params=params, signature=signature, budget=max(costs), state=COMPLETED, scores=scores, **fields
    )


def test_mutation_by_hand() -> None:
    """0.2 + 0.5 * (0.8 - 0.4), and a coordinate that leaves the cube is the next draw."""
    draw = Random(0).random()
    assert mutant([0.2, 0.9], [0.8, 0.9], [0.4, 0.1], 0.5, Random(0)) == pytest.approx([0.4, draw])


@given(base=places, one=places, other=places, factor=st.floats(0, 2), seed=st.integers(0, 99))
def test_mutants_stay_in_the_cube(
    base: list[float], one: list[float], other: list[float], factor: float, seed: int
) -> None:
    assert all(0 <= place <= 1 for place in mutant(base, one, other, factor, Random(seed)))


@given(probability=st.floats(0, 1), seed=st.integers(0, 99))
def test_crossover_takes_at_least_one_coordinate(probability: float, seed: int) -> None:
    child = crossover([0.0] * 4, [1.0] * 4, probability, Random(seed))
    assert set(child) <= {0.0, 1.0}
    assert sum(child) >= 1
    assert sum(child) == {0.0: 1, 1.0: 4}.get(probability, sum(child))


def test_half_of_the_coordinates_cross() -> None:
    dice = Random(0)
    counts = [sum(crossover([0.0] * 11, [1.0] * 11, 0.5, dice)) for _ in range(2000)]
    assert sum(counts) / 2000 == pytest.approx(1 + 10 * 0.5, abs=0.1)


def test_parents_differ_and_small_pools_are_filled_at_random() -> None:
    pool = [[float(k)] for k in range(5)]
    assert len({tuple(p) for p in parents(pool, Random(0), 1)}) == 3
    few = parents(pool[:1], Random(0), 1)
    assert [0.0] in few
    assert len({tuple(p) for p in few}) == 3


def test_roles_by_hand() -> None:
    """R = 9: nine founders, then bracket 1 with three offspring on 3, bracket 2 with three on 9, and again."""
    found = list(islice(roles(DEHB(problem=square()).brackets), 16))
    assert found[:9] == [Role(1, slot, True) for slot in range(9)]
    assert found[9:] == [*(Role(3, slot) for slot in range(3)), *(Role(9, slot) for slot in range(3)), Role(1, 0)]


def founders() -> list[Trial]:
    """Nine of them, the worst first."""
    return [trial(i, {1: 9.0 - i}, x=0.3 + i / 40) for i in range(9)]


def test_offspring_takes_the_slot_if_it_is_better() -> None:
    searcher = DEHB(problem=square())
    others = [trial(i, {3: 1.0}) for i in range(9, 12)] + [trial(i, {9: 1.0}) for i in range(12, 15)]
    history = [*founders(), *others, trial(15, {1: 8.5}), trial(16, {1: 8.5}), trial(17, {1: 7.5})]  # against 9, 8, 7
    assert searcher.population(history, 1) == {0: 15, 1: 1} | {slot: slot for slot in range(2, 9)}
    assert searcher.population(history, 3) == {0: 9, 1: 10, 2: 11}


def test_others_trials_have_no_slot_but_are_parents() -> None:
    default = trial(0, {1: 0.0, 3: 0.0, 9: 0.0}, origin=Origin.DEFAULT)
    assert DEHB(problem=square()).population([default], 1) == {}
    assert DEHB(problem=square()).elite([default]) == [0]


def test_parents_are_the_best_of_the_largest_budget_with_six() -> None:
    searcher = DEHB(problem=square())
    assert searcher.elite(founders()) == [8, 7, 6, 5, 4, 3]
    longer = [trial(i, {1: 0.0, 3: float(i)}) for i in range(9, 15)]
    assert searcher.elite([*founders(), *longer]) == [9, 10, 11, 12, 13, 14]
    assert searcher.elite([*founders(), *longer[:5]])[:5] == [9, 10, 11, 12, 13]


def test_offspring_by_hand() -> None:
    """Trial 9 is the first one, after three promotions: with CR = 1 it is the mutant of three of the best six alone."""
    (start,) = (d for d in DEHB(problem=square(), crossover_prob=1.0).ask(founders(), 4) if isinstance(d, Start))
    best = [0.3 + i / 40 for i in range(3, 9)]
    mutants = [base + 0.5 * (one - other) for base, one, other in permutations(best, 3)]
    assert start.budget == 3
    assert any(start.params["x"] == pytest.approx(place) for place in mutants)
    assert start.params["y"] == 0.5


def test_the_schedule_is_hyperbands() -> None:
    problem = problem_of(mixed_space(), epochs=9)
    run = simulate(DEHB(problem=problem), problem, easy_curve, evaluate_default=False)
    assert Counter(d.budget for d in run.decisions if isinstance(d, Promote)) == {3: 3, 9: 2}
    assert Counter(d.budget for d in run.decisions if isinstance(d, Start)) == {1: 9, 3: 3, 9: 3}


def test_evolution_finds_the_bottom_of_a_bowl() -> None:
    def bowl(params: dict[str, Any], budget: int) -> float:
        return (params["x"] - 0.3) ** 2 + (params["y"] - 0.7) ** 2 + 0.1 / budget

    run = simulate(DEHB(problem=square(), num_recommendations=150), square(), bowl)
    assert run.best
    assert run.best.scores[9].cost - 0.1 / 9 < 0.002


@pytest.mark.parametrize("settings", [{"mutation_factor": -1}, {"crossover_prob": 1.1}, {"num_recommendations": 0}])
def test_impossible_settings(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=next(iter(settings))):
        DEHB(problem=square(), **settings)
