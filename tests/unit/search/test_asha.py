"""ASHA against runs worked out by hand."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tao_automl.domain.json_types import JsonObject
from tao_automl.domain.problem import Problem
from tao_automl.domain.trial import Decision, Origin, Promote, Score, Start, Stop, Trial, TrialState
from tao_automl.errors import SettingsError
from tao_automl.search.asha import ASHA, stops
from tao_automl.testing.simulation import easy_curve, mixed_space, problem_of, simulate

COMPLETED, FAILED, STOPPED = TrialState.COMPLETED, TrialState.FAILED, TrialState.STOPPED


def epochs(high: int) -> Problem:
    return problem_of(mixed_space(), epochs=high)


def trial(number: int, budget: int, state: TrialState, costs: dict[int, float], **fields: Any) -> Trial:
    scores = {b: Score(value=cost, cost=cost, seq=100 * number + b) for b, cost in costs.items()}
    return Trial(id=number, params={}, signature=str(number), budget=budget, state=state, scores=scores, **fields)


def done(number: int, cost: float) -> Trial:
    return trial(number, 1, COMPLETED, {1: cost})


def costs_by_trial(costs: Sequence[float]) -> Callable[[JsonObject, int], float]:
    """An objective that gives the n-th new configuration the n-th cost, at any budget."""
    seen: dict[str, float] = {}
    return lambda params, budget: seen.setdefault(repr(params), costs[min(len(seen), len(costs) - 1)])


def story(decisions: Iterable[Decision]) -> list[str]:
    """``new@1`` for a start, ``4@3`` for trial 4 promoted to 3."""
    return [
        f"{d.trial}@{d.budget}" if isinstance(d, Promote) else f"new@{d.budget}"
        for d in decisions
        if not isinstance(d, Stop)
    ]


def test_one_worker_by_hand() -> None:
    """Factor 3, rungs 1, 3, 9. Each line is what the paper's get_job does when the trial before it has ended."""
    problem = epochs(9)
    searcher = ASHA(problem=problem, num_recommendations=9)
    run = simulate(searcher, problem, costs_by_trial([5, 3, 4, 1, 2, 6, 7, 0, 8]), evaluate_default=False)
    assert story(run.decisions) == [
        *["new@1", "new@1", "new@1"],  # rung 0: 5 3 4
        "1@3",  # the best of three
        "new@1",  # 1: now the best of four is trial 3
        "3@3",
        "new@1",  # 2: the best of five is trial 3, which has gone on
        "new@1",  # 6: the best two of six are trials 3 and 4
        "4@3",  # rung 1: 3 1 2
        "3@9",  # the best of three there; the top rung comes first
        "new@1",  # 7: the best two of seven have gone on
        "new@1",  # 0: the best two of eight are trials 7 and 3
        "7@3",  # rung 1: 3 1 2 0, of which trial 7 is the best
        "7@9",
        "new@1",  # 8: the best three of nine, trials 7, 3 and 4, have gone on
    ]
    assert all(t.state is COMPLETED for t in run.trials)


def test_promotes_without_waiting_for_a_full_rung() -> None:
    history = [done(0, 5), done(1, 3), done(2, 4), trial(3, 1, TrialState.RUNNING, {})]
    assert story(ASHA(problem=epochs(9)).ask(history, 3)) == ["1@3", "new@1", "new@1"]


def test_top_rung_first_and_best_first() -> None:
    rung_0 = [done(i, 10 + i) for i in range(9)]
    history = [
        replace(t, budget=3, scores={**t.scores, **trial(t.id, 3, COMPLETED, {3: t.id}).scores}) for t in rung_0[:3]
    ]
    history += [*rung_0[3:], done(9, 1), done(10, 2), done(11, 3)]
    assert story(ASHA(problem=epochs(9)).ask(history, 9))[:4] == ["0@9", "9@3", "10@3", "11@3"]


@pytest.mark.parametrize("state", [FAILED, STOPPED, TrialState.ABANDONED, TrialState.RUNNING])
def test_only_completed_trials_are_promoted(state: TrialState) -> None:
    history = [done(0, 5), trial(1, 1, state, {1: 3}), done(2, 4)]
    assert story(ASHA(problem=epochs(9), num_recommendations=3).ask(history, 3)) == []


def test_a_failure_without_a_score_is_on_no_rung() -> None:
    history = [done(0, 5), trial(1, 1, FAILED, {}), done(2, 4)]
    assert story(ASHA(problem=epochs(9), num_recommendations=3).ask(history, 3)) == []
    assert story(ASHA(problem=epochs(9), num_recommendations=3).ask([*history, done(3, 6)], 3)) == ["2@3"]


def test_the_default_configuration_is_compared_and_left_alone() -> None:
    default = trial(0, 9, COMPLETED, dict.fromkeys(range(1, 10), 0.0), origin=Origin.DEFAULT)
    history = [default, *(done(i, i) for i in range(1, 6))]
    assert story(ASHA(problem=epochs(9), num_recommendations=6).ask(history, 9)) == ["1@3"]  # the best two of six


def test_users_short_trial_may_go_on() -> None:
    history = [trial(0, 5, COMPLETED, {5: 0.1}, origin=Origin.USER), done(1, 2), done(2, 3)]
    assert story(ASHA(problem=epochs(9), num_recommendations=3).ask(history, 1)) == []
    history += [trial(3, 3, COMPLETED, {1: 4, 3: 1}), trial(4, 3, COMPLETED, {1: 5, 3: 2})]
    assert story(ASHA(problem=epochs(9), num_recommendations=5).ask(history, 1)) == ["0@9"]


def test_every_slot_is_busy_until_the_last_start() -> None:
    problem = epochs(27)
    searcher = ASHA(problem=problem, num_recommendations=40)
    idle: list[int] = []

    def watch(history: Sequence[Trial], slots: int, answer: Sequence[Decision]) -> None:
        if len(history) + sum(isinstance(d, Start) for d in answer) < 40:
            idle.append(slots - len(answer))

    simulate(searcher, problem, easy_curve, slots=6, seconds=lambda t: 1 + t.id % 5, watch=watch)
    assert set(idle) == {0}


def test_shape_of_a_long_run() -> None:
    """The number of trials on each rung is at most a third, and about that, of the number below."""
    problem = epochs(27)
    run = simulate(ASHA(problem=problem, num_recommendations=81), problem, easy_curve, evaluate_default=False)
    on = [sum(t.budget >= level for t in run.trials) for level in (1, 3, 9, 27)]
    assert on[0] == 81
    assert 27 <= on[1] <= 40
    assert 9 <= on[2] <= 20


def test_stopping_by_hand() -> None:
    """One at a time, rungs 1 and 3 of 9; the best third, rounded up, goes on: 1 of 1 to 3, 2 of 4 to 6, 3 of 7."""
    problem = epochs(9)
    searcher = ASHA(problem=problem, num_recommendations=7, variant="stopping")
    run = simulate(searcher, problem, costs_by_trial([5, 6, 4, 4.5, 7, 3, 4.2]), evaluate_default=False)
    assert [(t.state, max(t.scores)) for t in run.trials] == [
        (COMPLETED, 9),  # first of one, on both rungs
        (STOPPED, 1),  # 6: second of two
        (COMPLETED, 9),  # 4: first of three, then first of two
        (STOPPED, 3),  # 4.5: second of four, then second of three
        (STOPPED, 1),  # 7: fifth of five
        (COMPLETED, 9),  # 3: the best of all
        (STOPPED, 3),  # 4.2: third of seven, then third of five
    ]
    assert {d.budget for d in run.decisions if isinstance(d, Start)} == {9}
    assert run.spent == 3 * 9 + 2 * 3 + 2 * 1
    assert run.trials[1].reason == "at budget 1: rank 2 of 2, the best 1 go on"


def test_stopping_judges_by_what_was_known_then() -> None:
    """Better scores that came later do not stop a trial, however late it is asked."""
    history = [
        trial(0, 9, TrialState.RUNNING, {1: 5.0}),
        *(trial(i, 9, TrialState.RUNNING, {1: 1.0 + i}) for i in range(1, 4)),
    ]
    assert [s.trial for s in stops(history, (1, 3, 9), 3)] == [2, 3]


def test_stopping_leaves_others_trials_alone() -> None:
    own = trial(0, 9, COMPLETED, {1: 1.0})
    users = [trial(i, 9, TrialState.RUNNING, {1: 5.0}, origin=o) for i, o in ((1, Origin.USER), (2, Origin.DEFAULT))]
    assert list(stops([own, *users], (1, 3, 9), 3)) == []


@given(
    costs=st.lists(st.integers(0, 20).map(float), min_size=1, max_size=30),
    factor=st.sampled_from([2, 4]),
)
def test_stopping_rule_is_the_quantile_rule(costs: list[float], factor: int) -> None:
    """``cost <= quantile(costs so far, 1/factor)`` goes on, as in the published implementations."""
    history = [trial(i, 9, TrialState.RUNNING, {1: cost}) for i, cost in enumerate(costs)]
    expected = [i for i, c in enumerate(costs) if c > np.quantile(costs[: i + 1], 1 / factor)]
    assert [s.trial for s in stops(history, (1, 9), factor)] == expected


@pytest.mark.parametrize("settings", [{"variant": "halving"}, {"reduction_factor": 1}, {"num_recommendations": 0}])
def test_impossible_settings(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=next(iter(settings))):
        ASHA(problem=epochs(9), **settings)


def judged(number: int, state: TrialState, **fields: Any) -> Trial:
    """On the lowest rung, with a score of several objectives or with constraints."""
    made = trial(number, 1, state, {1: 0.0})
    return replace(made, scores={1: replace(made.scores[1], **fields)})


def test_several_objectives_are_compared_by_fronts() -> None:
    """Of six, the two at the ends of the first front go on. Stopped are the dominated, and the newer of two ends."""
    pairs = [(0.0, 3.0), (1.0, 2.0), (2.0, 1.9), (3.0, 0.0), (4.0, 4.0), (5.0, 5.0)]
    done = [judged(i, COMPLETED, costs=pair) for i, pair in enumerate(pairs)]
    assert story(ASHA(problem=epochs(9), num_recommendations=6).ask(done, 9)) == ["0@3", "3@3"]
    running = [judged(i, TrialState.RUNNING, costs=pair) for i, pair in enumerate(pairs)]
    assert [s.trial for s in stops(running, (1, 9), 2)] == [1, 4, 5]


def test_what_breaks_a_constraint_comes_last() -> None:
    rows = [(1.0, 0.0), (-5.0, 0.2), (2.0, -0.3), (-9.0, 0.1)]
    done = [judged(i, COMPLETED, cost=cost, excess=(excess,)) for i, (cost, excess) in enumerate(rows)]
    assert story(ASHA(problem=epochs(9), num_recommendations=4, reduction_factor=2).ask(done, 9)) == ["0@2", "2@2"]
    running = [judged(i, TrialState.RUNNING, cost=cost, excess=(excess,)) for i, (cost, excess) in enumerate(rows)]
    assert [s.trial for s in stops(running, (1, 9), 2)] == [1, 3]


@pytest.mark.parametrize(
    ("high", "settings", "levels"),
    [
        (50, {}, (2, 6, 18, 50)),
        (81, {}, (3, 9, 27, 81)),
        (81, {"min_epochs": 1}, (1, 3, 9, 27, 81)),
        (27, {}, (1, 3, 9, 27)),
        (9, {"min_epochs": 4}, (4, 9)),
    ],
)
def test_the_lowest_rung_is_three_promotions_below_the_top(
    high: int, settings: dict[str, int], levels: tuple[int, ...]
) -> None:
    assert ASHA(problem=epochs(high), **settings).levels == levels
