"""BOHB: which budget is modelled, and what of it is good; the schedule is hyperband's."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tao_automl.domain.parameters import Float
from tao_automl.domain.problem import Problem
from tao_automl.domain.space import SearchSpace
from tao_automl.domain.trial import Score, Start, Trial, TrialState
from tao_automl.errors import SettingsError
from tao_automl.search.bohb import BOHB
from tao_automl.search.hyperband import Hyperband
from tao_automl.testing.searcher_contract import MakeSearcher, SearcherContract
from tao_automl.testing.simulation import easy_curve, mixed_space, problem_of, simulate

COMPLETED, FAILED, RUNNING = TrialState.COMPLETED, TrialState.FAILED, TrialState.RUNNING
SQUARE = SearchSpace(tuple(Float(name=name, low=0, high=1, default=0.5) for name in "xy"))


class TestContract(SearcherContract):
    needs_fidelity = True

    @pytest.fixture
    def make_searcher(self) -> MakeSearcher:
        return lambda problem, **settings: BOHB(problem=problem, **{"num_recommendations": 24, **settings})


def square(epochs: int = 9) -> Problem:
    return problem_of(SQUARE, epochs=epochs)


def trial(number: int, costs: dict[int, float], state: TrialState = COMPLETED, x: float = 0.5) -> Trial:
    params = {"x": x, "y": number * 7 % 40 / 40}
    scores = {b: Score(value=cost, cost=cost, seq=100 * number + b) for b, cost in costs.items()}
    budget = max(costs, default=1)
    signature = SQUARE.signature(params)
    return Trial(id=number, params=params, signature=signature, budget=budget, state=state, scores=scores)


def places(searcher: BOHB, history: list[Trial]) -> tuple[list[float], list[float]]:
    """The first coordinate of the good and of the bad kernels."""
    found = searcher.model(history)
    assert found is not None
    good, bad = (np.round(density.points.places[:, 0], 3).tolist() for density in found)
    return good, bad


def test_used_from_the_first_possible_point() -> None:
    """Two axes: N_min is 3, and a model needs 5 scores."""
    history = [trial(i, {1: float(i)}, x=i / 10) for i in range(5)]
    assert BOHB(problem=square()).model(history[:4]) is None
    assert places(BOHB(problem=square()), history) == ([0.0, 0.1, 0.2], [0.2, 0.3, 0.4])


def test_shares_of_many_points() -> None:
    """Of 40, 15 percent are 6; the other 34 are bad."""
    history = [trial(i, {1: float(i)}, x=i / 40) for i in range(40)]
    good, bad = places(BOHB(problem=square()), history)
    assert (len(good), len(bad), bad[0]) == (6, 34, 0.15)
    assert len(places(BOHB(problem=square(), top_n_percent=50.0), history)[0]) == 20
    assert len(places(BOHB(problem=square(), min_points_in_model=10), history)[0]) == 10


def test_the_largest_budget_with_enough_scores_is_modelled() -> None:
    history = [trial(i, {1: float(i), 3: float(-i)} if i < 5 else {1: float(i)}, x=i / 20) for i in range(20)]
    assert places(BOHB(problem=square()), history)[0] == [0.2, 0.15, 0.1]
    assert places(BOHB(problem=square()), [*history[:4], *history[5:]])[0] == [0.0, 0.05, 0.1]


def test_failed_and_running_trials_are_bad() -> None:
    history = [trial(i, {1: float(i)}, x=i / 10) for i in range(5)]
    history += [trial(5, {}, FAILED, x=0.8), trial(6, {}, RUNNING, x=0.9)]
    assert places(BOHB(problem=square()), history)[1] == [0.2, 0.3, 0.4, 0.8, 0.9]


def test_bandwidths_are_the_papers() -> None:
    history = [trial(i, {1: float(i)}, x=i / 10) for i in range(5)]
    found = BOHB(problem=square()).model(history)
    assert found is not None
    deviations = np.std([0.0, 0.1, 0.2]), np.std([0.0, 0.175, 0.35])
    assert found[0].widths[0] == pytest.approx([1.06 * deviation * 3 ** (-1 / 6) for deviation in deviations])


@pytest.mark.parametrize(("fraction", "low", "high"), [(0.0, 0.75, 1.0), (1 / 3, 0.55, 0.9), (1.0, 0.1, 0.4)])
def test_the_share_of_random_configurations(fraction: float, low: float, high: float) -> None:
    """A quarter of the random ones lies where the model would look."""
    history = [trial(i, {1: float(i)}, x=i / 40) for i in range(40)]
    searchers = [BOHB(problem=replace(square(81), seed=seed), random_fraction=fraction) for seed in range(100, 160)]
    starts = [d for searcher in searchers for d in searcher.ask(history, 1) if isinstance(d, Start)]
    assert low <= sum(float(str(start.params["x"])) < 0.25 for start in starts) / 60 <= high


def test_the_schedule_is_hyperbands() -> None:
    problem = problem_of(mixed_space(), epochs=27)
    runs = [simulate(cls(problem=problem), problem, easy_curve, slots=4) for cls in (Hyperband, BOHB)]
    shapes = [Counter((type(d).__name__, d.budget) for d in run.decisions if hasattr(d, "budget")) for run in runs]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize(
    "settings",
    [{"top_n_percent": 101}, {"min_points_in_model": 0}, {"random_fraction": 2}, {"reduction_factor": 1}],
)
def test_impossible_settings(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=next(iter(settings))):
        BOHB(problem=square(), **settings)
