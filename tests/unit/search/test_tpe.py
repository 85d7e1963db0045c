"""TPE: who is good, what weighs how much, and where it searches."""

from dataclasses import replace
from typing import Any

import pytest

from tao_automl.domain.job import FailureClass
from tao_automl.domain.parameters import Choice, Float, Prior, Strength
from tao_automl.domain.problem import Problem
from tao_automl.domain.space import SearchSpace
from tao_automl.domain.trial import Score, Start, Trial, TrialState
from tao_automl.errors import SettingsError
from tao_automl.search.tpe import TPE, good_count, improvement_weights, model, ordered
from tao_automl.testing.searcher_contract import MakeSearcher, SearcherContract
from tao_automl.testing.simulation import mixed_space, problem_of, simulate

RUNNING, COMPLETED, FAILED, STOPPED = (
    TrialState.RUNNING,
    TrialState.COMPLETED,
    TrialState.FAILED,
    TrialState.STOPPED,
)
LINE = SearchSpace((Float(name="x", low=0, high=1, default=0.5),))


class TestContract(SearcherContract):
    @pytest.fixture
    def make_searcher(self) -> MakeSearcher:
        return lambda problem, **settings: TPE(problem=problem, **{"num_recommendations": 14, "n_init": 6, **settings})


def line() -> Problem:
    return replace(problem_of(LINE), fidelity=None)


def trial(number: int, cost: float | None, state: TrialState = COMPLETED, x: float = 0.5, **fields: Any) -> Trial:
    scores = {} if cost is None else {fields.pop("at", 1): Score(value=cost, cost=cost, seq=number, **fields)}
    params = {"x": x}
    return Trial(id=number, params=params, signature=LINE.signature(params), budget=1, state=state, scores=scores)


def judged(*costs: float, **fields: Any) -> list[tuple[Trial, Score]]:
    return ordered([trial(i, cost, **fields) for i, cost in enumerate(costs)])[0]


@pytest.mark.parametrize(("trials", "good"), [(1, 1), (6, 1), (7, 2), (20, 3), (100, 15), (166, 25), (500, 25)])
def test_fifteen_percent_are_good(trials: int, good: int) -> None:
    assert good_count(judged(*range(trials))) == good


def test_what_breaks_a_constraint_is_bad_while_anything_keeps_it() -> None:
    broken = [trial(i, -9.0, excess=(0.5,)) for i in range(15)]
    kept = trial(15, 9.0, excess=(0.0,))
    assert good_count(ordered([*broken, kept])[0]) == 1
    assert ordered([*broken, kept])[0][0][0] is kept
    assert good_count(ordered(broken)[0]) == 3


def test_weights_are_the_improvements_over_the_rest() -> None:
    """The weighting algorithm EI: costs 1, 2, 4 against the best of the rest, 5."""
    scores = [score for _, score in judged(5, 1, 4, 2, 8)]
    assert improvement_weights(scores, 3).tolist() == [4, 3, 1]
    assert improvement_weights(scores, 5).tolist() == [1] * 5
    several = [replace(score, costs=(score.cost, 0.0)) for score in scores]
    assert improvement_weights(several, 3).tolist() == [1] * 3


def test_the_prior_weighs_as_much_as_a_good_trial() -> None:
    good, bad = model(line(), [trial(i, float(i), x=i / 20) for i in range(20)])
    assert good.weights.tolist() == pytest.approx([3 / 8, 2 / 8, 1 / 8, 2 / 8])
    assert bad.weights.tolist() == pytest.approx([1 / 18] * 18)


def test_failed_and_running_trials_are_bad_and_others_are_not_counted() -> None:
    infrastructure = replace(trial(3, None, FAILED), failure=FailureClass.INFRASTRUCTURE)
    history = [
        trial(0, 1.0),
        replace(trial(1, None, FAILED), failure=FailureClass.MODEL_CODE),
        trial(2, None, RUNNING),
        infrastructure,
        trial(4, None, TrialState.ABANDONED),
    ]
    scored, rest = ordered(history)
    assert [t.id for t, _ in scored] == [0]
    assert [t.id for t in rest] == [1, 2]


def test_what_was_stopped_early_comes_after_what_was_not() -> None:
    assert [t.id for t, _ in ordered([trial(0, 0.1, STOPPED, at=2), trial(1, 9.0, at=9)])[0]] == [1, 0]


def test_several_objectives_are_sorted_by_fronts() -> None:
    costs = [(2.0, 2.0), (1.0, 3.0), (3.0, 1.0), (4.0, 4.0), (0.0, 9.0)]
    found = ordered([trial(i, pair[0], costs=pair) for i, pair in enumerate(costs)])[0]
    assert found[-1][0].id == 3
    assert {t.id for t, _ in found[:4]} == {0, 1, 2, 4}


def proposals(problem: Problem, history: list[Trial], count: int = 20) -> list[float]:
    answer = TPE(problem=problem, num_recommendations=1000).ask(history, count)
    return [float(str(d.params["x"])) for d in answer if isinstance(d, Start)]


def test_it_searches_where_good_trials_are() -> None:
    history = [trial(i, abs(i / 30 - 0.3), x=i / 30) for i in range(30)]
    near = [abs(x - 0.3) < 0.15 for x in proposals(line(), history, 10)]
    assert sum(near) >= 8


def test_it_keeps_away_from_failures() -> None:
    """Left and right are equally good, but the right half fails more often than not."""
    good = [trial(i, abs(abs(x - 0.5) - 0.3), x=x) for i, x in enumerate([k / 24 for k in range(25)])]
    failed = [trial(25 + i, None, FAILED, x=0.7 + i / 200) for i in range(40)]
    assert sum(x < 0.5 for x in proposals(line(), [*good, *failed])) >= 16


def test_pending_trials_push_proposals_apart() -> None:
    history = [trial(i, abs(i / 30 - 0.3), x=i / 30) for i in range(30)]
    spread = proposals(line(), history, 30)
    alone = [x for seed in range(30) for x in proposals(replace(line(), seed=seed), history, 1)]
    assert max(spread) - min(spread) > max(alone) - min(alone)


def test_a_strong_prior_is_used_at_once() -> None:
    axis = Float(name="x", low=0, high=1, default=0.5, prior=Prior(mean=0.9, strength=Strength.STRONG))
    problem = replace(line(), space=SearchSpace((axis,)))
    flat = [trial(i, 1.0, x=i / 10) for i in range(10)]
    informed, plain = proposals(problem, flat), proposals(line(), flat)
    assert sum(informed) / 20 > sum(plain) / 20


def test_known_trials_teach_and_are_not_proposed() -> None:
    space = SearchSpace((Choice(name="c", options=tuple("abcdefgh"), default="a"),))
    known = [
        Trial(id=i, params={"c": c}, signature=space.signature({"c": c}), budget=1, state=COMPLETED, scores={})
        for i, c in enumerate("abc")
    ]
    stranger = Trial(id=9, params={"d": 3}, signature="?", budget=1, state=COMPLETED)
    problem = replace(line(), space=space, known=(*known, replace(stranger, scores={1: Score(value=1, cost=1, seq=1)})))
    answer = TPE(problem=problem, n_init=1, num_recommendations=99).ask([], 99)
    assert sorted(str(d.params["c"]) for d in answer if isinstance(d, Start)) == list("defgh")


def test_better_than_random_on_a_bowl() -> None:
    problem = replace(problem_of(mixed_space(), seed=1), fidelity=None)

    def bowl(params: dict[str, Any], budget: int) -> float:
        return (params["dropout"] - 0.3) ** 2 + abs(params["layers"] - 6) / 10 + (params["optimizer"] == "adam")

    run = simulate(TPE(problem=problem, num_recommendations=60), problem, bowl)
    late = [t.scores[1].cost for t in run.trials[40:]]
    early = [t.scores[1].cost for t in run.trials[:10]]
    assert sum(late) / len(late) < 0.5 * sum(early) / len(early)


@pytest.mark.parametrize("settings", [{"n_init": 0}, {"n_candidates": 0}, {"num_recommendations": 0}])
def test_impossible_settings(settings: dict[str, int]) -> None:
    with pytest.raises(SettingsError, match=next(iter(settings))):
        TPE(problem=line(), **settings)
