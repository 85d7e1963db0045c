"""Early stopping against small histories worked out by hand."""

from dataclasses import replace
from typing import Any

import pytest

from tao_automl.domain.goal import Direction, Objective
from tao_automl.domain.problem import Problem
from tao_automl.domain.trial import Origin, Score, Trial, TrialState
from tao_automl.errors import SettingsError
from tao_automl.search.extrapolation import chance, forecasts
from tao_automl.search.stopping import make_stopper
from tao_automl.testing.simulation import mixed_space, problem_of

RUNNING, COMPLETED = TrialState.RUNNING, TrialState.COMPLETED
TWO = (Objective(metric="latency", direction=Direction.MINIMIZE),)


def problem(**changes: Any) -> Problem:
    return replace(problem_of(mixed_space(), epochs=9), **changes)


def trial(number: int, costs: list[float], state: TrialState = COMPLETED, **fields: Any) -> Trial:
    """With a score after every epoch so far."""
    scores = {b: Score(value=c, cost=c, seq=100 * number + b) for b, c in enumerate(costs, 1)}
    return Trial(id=number, params={}, signature=str(number), budget=9, state=state, scores=scores, **fields)


def stopped(config: Any, history: list[Trial], of: Problem | None = None) -> list[int]:
    return [stop.trial for stop in make_stopper(of or problem(), config).stops(history)]


MEDIAN = {"type": "percentile", "min_trials": 4}


@pytest.mark.parametrize(("cost", "stop"), [(0.5, False), (2.5, False), (3.0, False), (3.5, True), (9.0, True)])
def test_median_rule(cost: float, stop: bool) -> None:
    """Of four others, 1 2 3 4 after two epochs, at most two may be better."""
    history = [*(trial(i, [9, c]) for i, c in enumerate([1.0, 2, 3, 4])), trial(4, [9, cost], RUNNING)]
    assert stopped(MEDIAN, history) == ([4] if stop else [])


def test_the_best_score_so_far_counts() -> None:
    history = [*(trial(i, [9, 9, c]) for i, c in enumerate([1.0, 2, 3, 4])), trial(4, [9, 0.5, 8], RUNNING)]
    assert stopped(MEDIAN, history) == []


def test_a_stop_says_why() -> None:
    history = [*(trial(i, [float(i)]) for i in range(4)), trial(4, [9.0], RUNNING)]
    (stop,) = make_stopper(problem(), MEDIAN).stops(history)
    assert stop.reason == "at budget 1: rank 5 of 5, the best 50 percent go on"


@pytest.mark.parametrize("config", [{"min_trials": 5}, {"grace": 2}, {"percentile": 100}])
def test_when_nothing_is_stopped(config: dict[str, Any]) -> None:
    history = [*(trial(i, [float(i)]) for i in range(4)), trial(4, [3.5], RUNNING)]
    assert stopped(MEDIAN, history) == [4]
    assert stopped({**MEDIAN, **config}, history) == []
    assert stopped({"type": "none"}, history) == []


@pytest.mark.parametrize("config", [MEDIAN, {"type": "asha"}, {"type": "threshold", "value": 0.1}, {"type": "curve"}])
@pytest.mark.parametrize("origin", [Origin.DEFAULT, Origin.USER])
def test_others_trials_are_never_stopped(config: dict[str, Any], origin: Origin) -> None:
    flat = [9.0] * 8
    history = [*(trial(i, [float(i) / 10] * 9) for i in range(4)), trial(4, flat, RUNNING, origin=origin)]
    assert stopped(config, history) == []
    assert stopped(config, [*history, trial(5, flat, RUNNING)]) == [5]


def test_threshold_in_the_objectives_own_direction() -> None:
    rising = problem(objective=Objective(metric="accuracy", direction=Direction.MAXIMIZE, threshold=0.6))
    history = [trial(0, [-0.5, -0.7, -0.4], RUNNING), trial(1, [-0.5, -0.55], RUNNING), trial(2, [-0.1], RUNNING)]
    assert stopped({"type": "threshold", "grace": 2}, history, rising) == [1]
    assert stopped({"type": "threshold", "value": 0.2}, history, rising) == [2]


def test_threshold_of_another_objective() -> None:
    two = problem(others=TWO)
    slow = replace(trial(0, [], RUNNING), scores={1: Score(value=0, cost=0, seq=1, costs=(0, 30))})
    assert stopped({"type": "threshold", "value": 20, "metric": "latency"}, [slow], two) == [0]
    assert stopped({"type": "threshold", "value": 20}, [slow], two) == []


def test_asha_is_the_stopping_variant_from_the_grace_on() -> None:
    history = [trial(0, [1, 1]), trial(1, [2, 2], RUNNING)]
    assert stopped({"type": "asha"}, history) == [1]
    assert stopped({"type": "asha", "grace": 3}, history) == []


def test_pareto_rank_decides_with_several_objectives() -> None:
    def at(number: int, costs: tuple[float, float], state: TrialState = COMPLETED) -> Trial:
        score = Score(value=costs[0], cost=costs[0], seq=number, costs=costs)
        return replace(trial(number, [], state), scores={1: score})

    history = [at(i, (float(i), float(3 - i))) for i in range(4)]
    end, dominated = at(4, (-1.0, 9.0), RUNNING), at(5, (4.0, 4.0), RUNNING)
    assert stopped(MEDIAN, [*history, end, dominated], problem(others=TWO)) == [5]


def test_broken_constraints_are_worse_than_any_cost() -> None:
    def at(number: int, cost: float, excess: float, state: TrialState = COMPLETED) -> Trial:
        return replace(trial(number, [], state), scores={1: Score(value=cost, cost=cost, seq=number, excess=(excess,))})

    history = [*(at(i, float(i), 0.0) for i in range(4)), at(4, -9.0, 0.1, RUNNING)]
    assert stopped(MEDIAN, history) == [4]


def test_several_rules_and_the_first_reason() -> None:
    history = [*(trial(i, [float(i)]) for i in range(4)), trial(4, [8.0], RUNNING), trial(5, [0.5], RUNNING)]
    rules = [MEDIAN, {"type": "threshold", "value": 0.2}]
    stops = make_stopper(problem(), rules).stops(history)
    assert [(s.trial, s.reason.split()[3]) for s in stops] == [(4, "rank"), (5, "m")]


def power_law(level: float, drop: float, power: float, until: int) -> list[float]:
    return [level + drop * b**-power for b in range(1, until + 1)]


def test_an_exact_power_law_is_continued() -> None:
    costs = power_law(0.2, 1.0, 0.5, 6)
    best = max(forecasts(range(1, 7), costs, 81), key=lambda forecast: forecast.log_weight)
    assert best.mean == pytest.approx(0.2 + 1 / 9)


@pytest.mark.parametrize(("level", "stop"), [(0.1, False), (0.2, False), (0.5, True)])
def test_curves_that_cannot_win_are_stopped(level: float, stop: bool) -> None:
    history = [trial(0, power_law(0.2, 1.0, 1.0, 9)), trial(1, power_law(level, 1.0, 1.0, 5), RUNNING)]
    assert stopped({"type": "curve"}, history) == ([1] if stop else [])


def test_the_chance_of_winning() -> None:
    rival = Score(value=0.3, cost=0.3, seq=0)
    far, near = trial(0, power_law(0.9, 0.1, 1.0, 6)), trial(1, power_law(0.1, 0.5, 1.0, 6))
    assert chance(far, [rival], 9) < 0.01 < 0.99 < chance(near, [rival], 9)
    assert chance(trial(2, [9.0, 9.0, 9.0]), [rival], 9) == 1.0  # too short to tell
    assert chance(far, [], 9) == 1.0


def test_a_curve_wins_if_one_objective_does() -> None:
    rival = Score(value=0.2, cost=0.2, seq=0, costs=(0.2, 0.2))
    curve = {b: Score(value=0.9, cost=0.9, seq=b, costs=(0.9, 0.1)) for b in range(1, 7)}
    worse = {b: replace(score, costs=(0.9, 0.9)) for b, score in curve.items()}
    assert chance(replace(trial(0, []), scores=curve), [rival], 9) > 0.99
    assert chance(replace(trial(0, []), scores=worse), [rival], 9) < 0.01


@pytest.mark.parametrize(
    ("config", "message", "hint"),
    [
        ({"type": "percentil"}, "unknown type 'percentil'", "did you mean percentile"),
        ({"type": 3}, "unknown type 3", "asha, curve, none"),
        ({"type": []}, "unknown type", "asha, curve, none"),
        ({}, "a `type` is needed", "percentile"),
        ("percentile", "a mapping is needed", "percentile"),
        (["percentile"], "a `type` is needed", "percentile"),
        ({"type": "percentile", "min_trial": 3}, "`min_trial` is not a setting", "did you mean min_trials"),
        ({"type": "none", "grace": 3}, "`grace` is not a setting", "allowed: none"),
        ({"type": "percentile", "problem": 3}, "`problem` is not a setting", "percentile, min_trials, grace"),
        ({"type": "percentile", "percentile": 101}, "percentile: a number in", "between 0 and 100"),
        ({"type": "percentile", "grace": True}, "grace: an integer", "1 or more"),
        ({"type": "asha", "reduction_factor": 1}, "reduction_factor", "2 or more"),
        ({"type": "curve", "probability": "high"}, "probability: a number", "between 0 and 1"),
        ({"type": "threshold"}, "`value` must be given", "value: 0.2"),
        ({"type": "threshold", "value": "0.2"}, "value: a number", ""),
        ({"type": "threshold", "value": float("nan")}, "value: a number", ""),
        ({"type": "threshold", "value": 1, "metric": "n"}, "metric: one of `m`", ""),
    ],
)
def test_impossible_settings(config: Any, message: str, hint: str) -> None:
    with pytest.raises(SettingsError) as error:
        make_stopper(problem(), config)
    assert message in error.value.message
    assert hint in error.value.hint


def test_without_a_fidelity() -> None:
    with pytest.raises(SettingsError, match="fidelity"):
        make_stopper(problem(fidelity=None), MEDIAN)
    assert stopped({"type": "none"}, [], problem(fidelity=None)) == []
