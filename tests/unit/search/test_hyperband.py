"""Hyperband against the paper's table and against brackets worked out by hand."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tao_automl.domain.json_types import JsonObject
from tao_automl.domain.problem import Fidelity, Problem
from tao_automl.domain.trial import Decision, Origin, Promote, Score, Start, Trial, TrialState
from tao_automl.errors import SettingsError
from tao_automl.search.hyperband import Hyperband, schedule
from tao_automl.testing.simulation import Faults, easy_curve, mixed_space, problem_of, simulate, small_space

RUNNING, COMPLETED, FAILED = TrialState.RUNNING, TrialState.COMPLETED, TrialState.FAILED


def epochs(high: int) -> Problem:
    return problem_of(mixed_space(), epochs=high)


def trial(number: int, budget: int, state: TrialState, costs: dict[int, float] | None = None) -> Trial:
    scores = {b: Score(value=cost, cost=cost, seq=100 * number + b) for b, cost in (costs or {}).items()}
    return Trial(id=number, params={}, signature=str(number), budget=budget, state=state, scores=scores)


def done(number: int, cost: float, budget: int = 1) -> Trial:
    return trial(number, budget, COMPLETED, {budget: cost})


def promoted(answer: Sequence[Decision]) -> list[tuple[int, int]]:
    return [(d.trial, d.budget) for d in answer if isinstance(d, Promote)]


def started(answer: Sequence[Decision]) -> list[int]:
    return [d.budget for d in answer if isinstance(d, Start)]


def test_brackets_equal_the_table_of_the_paper() -> None:
    """Table 1 of arXiv 1603.06560: (trials, epochs each) for R = 81 and a factor of 3."""
    table = [list(zip(b.sizes, b.budgets, strict=True)) for b in Hyperband(problem=epochs(81)).brackets]
    assert table == [
        [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
        [(27, 3), (9, 9), (3, 27), (1, 81)],
        [(9, 9), (3, 27), (1, 81)],
        [(6, 27), (2, 81)],
        [(5, 81)],
    ]


@pytest.mark.parametrize("slots", [1, 4, 200])
def test_a_run_is_the_table(slots: int) -> None:
    problem = epochs(81)
    run = simulate(Hyperband(problem=problem), problem, easy_curve, slots=slots, evaluate_default=False)
    starts = Counter(d.budget for d in run.decisions if isinstance(d, Start))
    promotions = Counter(d.budget for d in run.decisions if isinstance(d, Promote))
    assert starts == {1: 81, 3: 27, 9: 9, 27: 6, 81: 5}
    assert promotions == {3: 27, 9: 9 + 9, 27: 3 + 3 + 3, 81: 1 + 1 + 1 + 2}


@given(low=st.integers(1, 20), more=st.integers(0, 500), factor=st.integers(2, 5))
def test_any_schedule_narrows_while_budgets_grow(low: int, more: int, factor: int) -> None:
    fidelity = Fidelity(key="e", low=low, high=low + more)
    for bracket in schedule(fidelity, factor):
        assert low <= bracket.budgets[0] <= bracket.budgets[-1] == fidelity.high
        assert list(bracket.sizes) == sorted(bracket.sizes, reverse=True)
        assert bracket.sizes[-1] >= 1


def test_rung_waits_for_its_last_trial_while_the_next_bracket_begins() -> None:
    history = [*(done(i, cost=i) for i in range(8)), trial(8, 1, RUNNING)]
    answer = Hyperband(problem=epochs(9)).ask(history, 2)
    assert promoted(answer) == []
    assert started(answer) == [3, 3]


def test_brackets_that_begin_at_once() -> None:
    assert started(Hyperband(problem=epochs(9)).ask([], 20)) == [1] * 9 + [3] * 3 + [9] * 3


def test_the_best_third_goes_on_best_first() -> None:
    costs = [5, 1, 8, 2, 7, 2, 9, 4, 6]
    history = [done(i, cost) for i, cost in enumerate(costs)]
    answer = Hyperband(problem=epochs(9)).ask(history, 4)
    assert promoted(answer) == [(1, 3), (3, 3), (5, 3)]
    assert started(answer) == [3]


def test_promotions_that_found_no_slot_come_next() -> None:
    costs = [5, 1, 8, 2, 7, 3, 9, 4, 6]
    history = [done(i, cost) for i, cost in enumerate(costs)]
    history[1] = trial(1, 3, RUNNING, {1: 1, 2: 0.9})
    history[5] = trial(5, 3, FAILED, {1: 3})
    assert promoted(Hyperband(problem=epochs(9)).ask(history, 1)) == [(3, 3)]


def test_top_rung_of_a_bracket() -> None:
    history = [done(i, cost=10 + i) for i in range(9)]
    for i, cost in ((0, 3.0), (1, 1.0), (2, 2.0)):
        history[i] = trial(i, 3, COMPLETED, {1: 10 + i, 3: cost})
    assert promoted(Hyperband(problem=epochs(9)).ask(history, 5)) == [(1, 9)]


def test_failures_are_the_worst_of_a_complete_rung() -> None:
    history = [done(0, 9.0), done(1, 8.0), *(trial(i, 1, FAILED) for i in range(2, 9))]
    assert promoted(Hyperband(problem=epochs(9)).ask(history, 3)) == [(1, 3), (0, 3)]


def test_bracket_of_failures_ends() -> None:
    problem = epochs(9)
    run = simulate(Hyperband(problem=problem), problem, easy_curve, slots=2, faults=Faults(fail=1.0))
    assert len(run.trials) == 1 + 9 + 3 + 3


def test_only_the_searchs_own_trials_are_compared() -> None:
    default = Trial(
        id=0,
        params={},
        signature="d",
        budget=9,
        origin=Origin.DEFAULT,
        state=COMPLETED,
        scores={e: Score(value=0, cost=0, seq=e) for e in range(1, 10)},
    )
    history = [default, *(done(i, cost=i) for i in range(1, 10))]
    assert promoted(Hyperband(problem=epochs(9)).ask(history, 3)) == [(1, 3), (2, 3), (3, 3)]


def test_rounds_follow_until_the_limit_and_the_last_bracket_is_smaller() -> None:
    problem = epochs(9)
    searcher = Hyperband(problem=problem, num_recommendations=15 + 5)
    run = simulate(searcher, problem, easy_curve, evaluate_default=False)
    last = [t.budget for t in run.trials[15:]]
    assert len(run.trials) == 20
    assert sorted(last) == [1, 1, 1, 1, 9]  # 5 of 9 trials at 1, one of them on to 3, and to 9


def test_space_that_runs_out_closes_its_bracket() -> None:
    problem = problem_of(small_space(), epochs=9)
    run = simulate(Hyperband(problem=problem), problem, easy_curve, evaluate_default=False)
    assert sorted(t.budget for t in run.trials) == [1, 1, 1, 1, 3, 9]  # 6 of 9 trials, 2 of them on to 3, one to 9


def test_promotion_resumes() -> None:
    """Every epoch of a bracket is trained once: 9 trials at 1, 3 on to 3, one on to 9."""
    problem = epochs(9)
    searcher = Hyperband(problem=problem, num_recommendations=9)
    assert simulate(searcher, problem, easy_curve, evaluate_default=False).spent == 9 + 3 * 2 + 6


def test_winner_is_the_best_of_the_longest_trained() -> None:
    def ordered(params: JsonObject, budget: int) -> float:
        return float(str(params["dropout"])) + 1 / budget

    problem = epochs(9)
    run = simulate(Hyperband(problem=problem), problem, ordered, evaluate_default=False)
    best_of_nine = min(run.trials[:9], key=lambda t: ordered(t.params, 9))
    assert best_of_nine.budget == 9


@pytest.mark.parametrize(
    "settings",
    [{"reduction_factor": 1}, {"reduction_factor": 3.0}, {"num_recommendations": 0}, {"reduction_factor": True}],
)
def test_impossible_settings(settings: dict[str, int]) -> None:
    with pytest.raises(SettingsError, match=next(iter(settings))):
        Hyperband(problem=epochs(9), **settings)


def test_several_objectives_and_constraints_decide_who_goes_on() -> None:
    """Of nine, the least that keeps the constraint, then the ends of the front of the others."""
    costs = [(float(i), float(9 - i)) for i in range(9)]
    history = [done(i, pair[0]) for i, pair in enumerate(costs)]
    pareto = [replace(t, scores={1: replace(t.scores[1], costs=costs[t.id])}) for t in history]
    assert {trial for trial, _ in promoted(Hyperband(problem=epochs(9)).ask(pareto, 3))} >= {0, 8}
    broken = [replace(t, scores={1: replace(t.scores[1], excess=(0.5 * (t.id < 6),))}) for t in history]
    assert promoted(Hyperband(problem=epochs(9)).ask(broken, 3)) == [(6, 3), (7, 3), (8, 3)]
