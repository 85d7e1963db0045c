"""Multi-fidelity Bayesian optimisation: what goes on, what rests, and when the search ends."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tao_automl.domain.goal import Direction, Objective, OutcomeConstraint
from tao_automl.domain.json_types import JsonObject
from tao_automl.domain.parameters import Float
from tao_automl.domain.problem import Fidelity, Problem
from tao_automl.domain.space import SearchSpace
from tao_automl.domain.trial import Origin, Promote, Score, Start, Trial, TrialState
from tao_automl.errors import SettingsError
from tao_automl.search.asha import ASHA
from tao_automl.search.curves import Trend, curve_model, doubling_levels
from tao_automl.search.mfbo import MFBO
from tao_automl.testing.searcher_contract import MakeSearcher, SearcherContract
from tao_automl.testing.simulation import simulate

SQUARE = SearchSpace(tuple(Float(name=name, low=0.0, high=1.0, default=0.5) for name in "xy"))
PROBLEM = Problem(
    space=SQUARE,
    objective=Objective(metric="loss", direction=Direction.MINIMIZE),
    fidelity=Fidelity(key="epochs", low=1, high=16),
)


class TestContract(SearcherContract):
    needs_fidelity = True

    @pytest.fixture
    def make_searcher(self) -> MakeSearcher:
        return lambda problem, **settings: MFBO(problem=problem, **{"num_recommendations": 9, **settings})


def bowl(params: JsonObject, budget: int) -> float:
    """A curve that falls to a bowl, the slower the larger y is."""
    x, y = float(params["x"]), float(params["y"])  # type: ignore[arg-type]
    return (x - 0.3) ** 2 + (y - 0.6) ** 2 + math.exp(-budget / (1 + 3 * y))


def trial(number: int, params: JsonObject, budget: int, **fields: Any) -> Trial:
    scores = {b: Score(value=bowl(params, b), cost=bowl(params, b), seq=b) for b in range(1, budget + 1)}
    signature = SQUARE.signature(params)
    given = {"state": TrialState.COMPLETED, "scores": scores, **fields}
    return Trial(id=number, params=params, signature=signature, budget=budget, **given)


def spread(count: int, budget: int) -> list[Trial]:
    """Trials all over the square."""
    return [trial(k, {"x": (0.37 * k) % 1.0, "y": (0.61 * k) % 1.0}, budget) for k in range(count)]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(1, 50, (6, 12, 25, 50)), (10, 50, (12, 25, 50)), (1, 3, (1, 2, 3)), (1, 1, (1,)), (40, 50, (50,))],
)
def test_levels_are_halves_of_the_full_budget(low: int, high: int, expected: Sequence[int]) -> None:
    levels = doubling_levels(Fidelity(key="e", low=low, high=high))
    assert levels == expected


def test_a_trend_is_a_median_of_drops() -> None:
    curves: list[Mapping[int, float]] = [{2: 5.0, 4: 3.0, 8: 2.0}, {2: 6.0, 4: 3.0}, {2: 9.0}, {2: 4.0, 4: 3.0}]
    trend = Trend.of((2, 4, 8), curves)
    assert trend.drops == pytest.approx((2.0 * 3 / 4 + 1.0 / 2, 1.0 / 2, 0.0))
    assert trend(np.array([2.0, 4.0, 8.0, math.sqrt(8.0)])) == pytest.approx([2.0, 0.5, 0.0, 1.25])


def test_early_scores_tell_of_final_ones() -> None:
    """Of trials at a fourth of the budget, the better ones are believed to end better, and those in full are sure."""
    history = [*spread(8, 16), *(replace(t, id=t.id + 8) for t in spread(20, 4)[8:])]
    model = curve_model(PROBLEM, history, doubling_levels(PROBLEM.fidelity), ("test",))  # type: ignore[arg-type]
    assert model is not None
    points = np.array([SQUARE.encode(t.params).point for t in history])
    mean, doubt = model.final(points)
    final = np.array([bowl(t.params, 16) for t in history])
    assert np.corrcoef(mean, final)[0, 1] > 0.95
    assert doubt[:8].max() < doubt[8:].mean()


def test_it_starts_short_and_resumes_what_is_promising() -> None:
    searcher = MFBO(problem=PROBLEM, num_recommendations=1000)
    done = simulate(searcher, PROBLEM, bowl, max_spent=120, evaluate_default=False)
    assert {d.budget for d in done.decisions if isinstance(d, Start)} <= {1, 4}
    assert any(isinstance(d, Promote) for d in done.decisions)
    long, short = ([bowl(t.params, 16) for t in done.trials if (16 in t.scores) is full] for full in (True, False))
    assert np.median(long) < np.median(short)
    assert min(done.curve_of_best.values()) < bowl({"x": 0.3, "y": 0.6}, 16) + 0.01


def test_it_needs_less_than_asha() -> None:
    best = {}
    for searcher in (MFBO, ASHA):
        runs = []
        for seed in range(2):
            problem = replace(PROBLEM, seed=seed)
            done = simulate(
                searcher(problem=problem, num_recommendations=1000),
                problem,
                bowl,
                max_spent=100 if searcher is MFBO else 300,
                evaluate_default=False,
            )
            runs.append(min(done.curve_of_best.values()))
        best[searcher] = np.mean(runs)
    assert best[MFBO] < best[ASHA]


def test_it_ends_with_the_expected_winner_in_full() -> None:
    done = simulate(MFBO(problem=PROBLEM, num_recommendations=15), PROBLEM, bowl)
    assert len(done.trials) == 15
    full = [t for t in done.trials if 16 in t.scores]
    assert len(full) < 10
    assert min(done.trials, key=lambda t: bowl(t.params, 16)).id in {t.id for t in full}


def test_slots_are_filled_with_different_things() -> None:
    answer = MFBO(problem=PROBLEM, num_recommendations=50).ask(spread(8, 4), 4)
    starts = [(d.params["x"], d.params["y"]) for d in answer if isinstance(d, Start)]
    promoted = [d.trial for d in answer if isinstance(d, Promote)]
    assert len(answer) == 4
    assert len(set(starts)) == len(starts)
    assert len(set(promoted)) == len(promoted)
    gaps = [math.dist(a, b) for k, a in enumerate(starts) for b in starts[:k]]  # type: ignore[arg-type]
    assert min(gaps, default=1.0) > 0.01


def test_what_broke_down_is_not_resumed() -> None:
    history = [replace(t, state=TrialState.FAILED) if t.id % 2 else t for t in spread(8, 4)]
    answer = MFBO(problem=PROBLEM, num_recommendations=8).ask(history, 8)
    assert all(isinstance(d, Promote) and d.trial % 2 == 0 for d in answer)


def test_from_scratch_a_long_rest_is_dear() -> None:
    """Where training cannot resume, nothing is saved by what was trained already."""
    scratch = replace(PROBLEM, fidelity=replace(PROBLEM.fidelity, resumable=False))  # type: ignore[type-var]
    done = [
        simulate(MFBO(problem=p, num_recommendations=1000), p, bowl, max_spent=70, evaluate_default=False)
        for p in (PROBLEM, scratch)
    ]
    promoted = [sum(isinstance(d, Promote) for d in run.decisions) / len(run.trials) for run in done]
    assert promoted[1] < promoted[0]


def test_earlier_runs_teach() -> None:
    known = tuple(replace(t, origin=Origin.USER) for t in spread(12, 16))
    taught = replace(PROBLEM, known=known)
    answer = MFBO(problem=taught, num_recommendations=50).ask(spread(5, 1), 1)
    starts = [d.params for d in answer if isinstance(d, Start)]
    assert not {SQUARE.signature(p) for p in starts} & {t.signature for t in known}


def test_several_objectives_and_constraints() -> None:
    """A batch is what one by one would be, though objectives are weighed anew for each start."""
    problem = replace(
        PROBLEM,
        others=(Objective(metric="time", direction=Direction.MINIMIZE),),
        constraints=(OutcomeConstraint(left="loss", right="0.2", at_most=False),),
    )

    def judged(t: Trial) -> Trial:
        x = float(t.params["x"])  # type: ignore[arg-type]
        return replace(
            t, scores={b: replace(s, costs=(s.cost, x), excess=(0.2 - s.cost,)) for b, s in t.scores.items()}
        )

    history = [judged(t) for t in spread(8, 4)]
    searcher = MFBO(problem=problem, num_recommendations=50)
    assert list(searcher.ask(history, 3)[:1]) == list(searcher.ask(history, 1))


@pytest.mark.parametrize("settings", [{"num_recommendations": 0}])
def test_impossible_settings(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=next(iter(settings))):
        MFBO(problem=PROBLEM, **settings)
