"""Bayesian optimisation: what it does with outcomes, failures, constraints, priors and what still runs."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tao_automl.domain.axes import Strength
from tao_automl.domain.conditions import Condition
from tao_automl.domain.dice import rng_for
from tao_automl.domain.goal import Direction, Objective, OutcomeConstraint
from tao_automl.domain.job import FailureClass
from tao_automl.domain.json_types import JsonObject
from tao_automl.domain.numeric import Prior
from tao_automl.domain.parameters import Choice, Float, Int, Scale
from tao_automl.domain.ports import Searcher
from tao_automl.domain.problem import Problem
from tao_automl.domain.space import SearchSpace
from tao_automl.domain.trial import Score, Start, Trial, TrialState
from tao_automl.errors import SettingsError
from tao_automl.search.acquisition import hypervolume
from tao_automl.search.bayesian import BFBO, Bayesian
from tao_automl.search.evidence import evidence_of
from tao_automl.search.model_best import model_best
from tao_automl.search.priors import expected_places, log_prior
from tao_automl.search.random_search import RandomSearch
from tao_automl.testing.searcher_contract import MakeSearcher, SearcherContract

SMALL = {"num_recommendations": 9, "n_init": 4}
SQUARE = SearchSpace(tuple(Float(name=name, low=0.0, high=1.0, default=0.5) for name in "xy"))
LOSS = Objective(metric="loss", direction=Direction.MINIMIZE)
Outcome = Callable[[JsonObject], Score | None]


class TestBayesianContract(SearcherContract):
    @pytest.fixture
    def make_searcher(self) -> MakeSearcher:
        return lambda problem, **settings: Bayesian(problem=problem, **{**SMALL, **settings})


class TestBFBOContract(SearcherContract):
    batch_is_sequence = False

    @pytest.fixture
    def make_searcher(self) -> MakeSearcher:
        return lambda problem, **settings: BFBO(problem=problem, **{**SMALL, **settings})


def problem_of(space: SearchSpace = SQUARE, **fields: Any) -> Problem:
    return Problem(space=space, objective=LOSS, **fields)


def score(cost: float, **fields: Any) -> Score:
    return Score(value=cost, cost=cost, seq=0, **fields)


def bowl(params: JsonObject) -> Score:
    x, y = float(params["x"]), float(params["y"])  # type: ignore[arg-type]
    return score((x - 0.3) ** 2 + (y - 0.8) ** 2)


def trial(problem: Problem, number: int, params: JsonObject, outcome: Score | None, **fields: Any) -> Trial:
    """A completed one, or one that failed if it has no outcome."""
    state = TrialState.COMPLETED if outcome else TrialState.FAILED
    scores = {1: outcome} if outcome else {}
    signature = problem.space.signature(params)
    return Trial(
        id=number, params=params, signature=signature, budget=1, **{"state": state, "scores": scores, **fields}
    )


def grown(problem: Problem, outcome: Outcome, count: int, seed: int = 0) -> list[Trial]:
    """A history of random trials."""
    configs = [problem.space.sample(rng_for(seed, "grown", k)) for k in range(count)]
    return [trial(problem, k, config, outcome(config)) for k, config in enumerate(configs)]


def run(searcher: Searcher, problem: Problem, outcome: Outcome, count: int, slots: int = 1) -> list[Trial]:
    history: list[Trial] = []
    while len(history) < count:
        for decision in searcher.ask(history, slots):
            assert isinstance(decision, Start)
            history.append(trial(problem, len(history), decision.params, outcome(decision.params)))
    return history


def params_of(answer: Sequence[Any]) -> list[JsonObject]:
    return [decision.params for decision in answer]


def test_it_finds_the_bottom_of_a_bowl() -> None:
    problem = problem_of()
    done = run(Bayesian(problem=problem), problem, bowl, 16)
    assert min(t.score.cost for t in done if t.score) < 1e-4


def test_batches_find_it_too() -> None:
    problem = problem_of()
    done = run(BFBO(problem=problem), problem, bowl, 20, slots=5)
    assert min(t.score.cost for t in done if t.score) < 1e-3


def test_a_batch_waits_for_the_one_before() -> None:
    problem = problem_of()
    history = grown(problem, bowl, 6)
    running = trial(problem, 6, {"x": 0.1, "y": 0.1}, None, state=TrialState.RUNNING)
    assert BFBO(problem=problem).ask([*history, running], 3) == []
    assert len(BFBO(problem=problem).ask(history, 3)) == 3


@pytest.mark.parametrize("searcher", [Bayesian, BFBO])
def test_slots_do_not_look_at_the_same_place(searcher: type[Bayesian]) -> None:
    problem = problem_of()
    answer = params_of(searcher(problem=problem, num_recommendations=40).ask(grown(problem, bowl, 10), 4))
    points = np.array([[config["x"], config["y"]] for config in answer])
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2)[np.triu_indices(4, 1)]
    assert gaps.min() > 0.005
    assert gaps.max() > 0.05


def test_the_design_is_the_centre_and_then_spread() -> None:
    problem = problem_of()
    answer = params_of(Bayesian(problem=problem, n_init=9).ask((), 9))
    assert answer[0] == {"x": 0.5, "y": 0.5}
    cells = {(int(2 * config["x"]), int(2 * config["y"])) for config in answer[1:]}  # type: ignore[operator]
    assert len(cells) == 4


def test_what_fails_is_avoided() -> None:
    """Failures lie where costs would be lowest."""
    problem = problem_of()

    def half(params: JsonObject) -> Score | None:
        return score(1.0 - float(params["x"])) if float(params["x"]) < 0.6 else None  # type: ignore[arg-type]

    history = grown(problem, half, 24)
    assert {t.state for t in history} == {TrialState.COMPLETED, TrialState.FAILED}
    answer = params_of(Bayesian(problem=problem, num_recommendations=50).ask(history, 4))
    assert sum(float(config["x"]) > 0.65 for config in answer) <= 1  # type: ignore[arg-type]


def test_infrastructure_says_nothing_of_a_configuration() -> None:
    problem = problem_of()
    lost = trial(problem, 0, {"x": 0.1, "y": 0.1}, None, failure=FailureClass.INFRASTRUCTURE)
    broken = trial(problem, 1, {"x": 0.2, "y": 0.1}, None, failure=FailureClass.MODEL_CODE)
    assert evidence_of(problem, [lost, broken]).failed.tolist() == [[0.2, 0.1]]


def test_constraints_are_kept() -> None:
    """The bowl's bottom breaks the constraint ``y <= 0.5``; the best that keeps it is on the border."""
    problem = problem_of(constraints=(OutcomeConstraint(left="y", right="0.5", at_most=True),))
    done = run(
        Bayesian(problem=problem, num_recommendations=22),
        problem,
        lambda params: replace(bowl(params), excess=(2 * float(params["y"]) - 1,)),  # type: ignore[arg-type]
        22,
    )
    kept = [t.score.cost for t in done if t.score and not t.score.violation]
    assert min(kept) < 0.3**2 + 0.01
    assert len(kept) > 8


def test_nothing_keeps_the_constraint_yet() -> None:
    problem = problem_of(constraints=(OutcomeConstraint(left="y", right="0", at_most=True),))
    history = grown(problem, lambda params: score(0.0, excess=(1.0 - float(params["x"]),)), 8)  # type: ignore[arg-type]
    (config,) = params_of(Bayesian(problem=problem).ask(history, 1))
    assert float(config["x"]) > max(float(t.params["x"]) for t in history) - 0.05  # type: ignore[arg-type]


TWO = (Objective(metric="size", direction=Direction.MINIMIZE),)


def schaffer(params: JsonObject) -> Score:
    x, y = float(params["x"]), float(params["y"])  # type: ignore[arg-type]
    costs = (x**2 + 0.2 * y, (x - 0.6) ** 2 + 0.2 * y)
    return score(costs[0], costs=costs)


def volume(history: Sequence[Trial]) -> float:
    return hypervolume(np.array([t.score.costs for t in history if t.score]), np.array([0.4, 0.4]))


def test_two_objectives_beat_random() -> None:
    problem = problem_of(others=TWO)
    model = volume(run(Bayesian(problem=problem), problem, schaffer, 20))
    random = [volume(run(RandomSearch(problem=replace(problem, seed=s)), problem, schaffer, 20)) for s in range(5)]
    assert model > max(random)


def test_three_objectives_and_several_slots() -> None:
    """Also that a batch is what one by one would be, though weights are drawn anew."""
    problem = problem_of(others=(*TWO, Objective(metric="time", direction=Direction.MINIMIZE, weight=3.0)))

    def outcome(params: JsonObject) -> Score:
        costs = (*schaffer(params).costs, float(params["y"]))  # type: ignore[arg-type]
        return score(costs[0], costs=costs)

    history = grown(problem, outcome, 10)
    searcher = Bayesian(problem=problem)
    batch = params_of(searcher.ask(history, 2))
    first = params_of(searcher.ask(history, 1))
    pending = trial(problem, 10, first[0], None, state=TrialState.RUNNING)
    assert batch == first + params_of(searcher.ask([*history, pending], 1))


def test_a_threshold_bounds_the_front() -> None:
    """What is worse than the threshold of one objective is of no use, however good the other."""
    limited = replace(TWO[0], threshold=0.05)
    problem = problem_of(others=(limited,))
    done = run(Bayesian(problem=problem), problem, schaffer, 20)
    free = run(Bayesian(problem=problem_of(others=TWO)), problem, schaffer, 20)
    useful = [sum(t.score.costs[1] <= 0.05 for t in trials if t.score) for trials in (done, free)]
    assert useful[0] > useful[1]


def test_a_lucky_score_is_not_believed() -> None:
    """Each score is an average over noise; one of them, of a bad place, is far too good."""
    problem = problem_of()
    dice = rng_for(1, "noise")
    history = grown(problem, lambda params: score(bowl(params).cost + dice.gauss(0, 0.02)), 40)
    worst = max(history, key=lambda t: bowl(t.params).cost)
    lucky = replace(worst, scores={1: score(-0.02, sem=1.0)})
    believed = model_best(problem, [lucky if t is worst else t for t in history])
    assert believed is not None
    assert believed.trial != worst.id
    assert bowl(history[believed.trial].params).cost < 0.05


def test_nothing_is_believed_of_little() -> None:
    assert model_best(problem_of(), grown(problem_of(), bowl, 3)) is None
    assert model_best(problem_of(others=TWO), grown(problem_of(), schaffer, 9)) is None


def test_earlier_runs_teach_and_are_not_proposed() -> None:
    """Their space was wider: the bowl's bottom is known to be near a corner before the first trial ends."""
    problem = problem_of(SearchSpace(tuple(Float(name=name, low=0.5, high=1.0, default=0.7) for name in "xy")))
    wide = problem_of()
    known = tuple(grown(wide, bowl, 20))
    taught = replace(problem, known=known)
    history = grown(problem, bowl, 5)
    (config,) = params_of(Bayesian(problem=taught).ask(history, 1))
    assert bowl(config).cost < 0.06
    places = evidence_of(taught, history).points
    assert len(places) == 25
    assert places.min() < 0.0


def test_known_values_without_a_place_do_no_harm() -> None:
    space = SearchSpace((Choice(name="x", options=("a", "b"), default="a"), Int(name="n", low=1, high=8, default=2)))
    known = [({"x": "gone", "n": 4}, 0.1), ({"n": 400}, 0.2), ({"x": "b", "n": 2, "old": 3}, 0.3)]
    earlier = tuple(Trial(id=0, params=p, signature=str(c), budget=1, scores={1: score(c)}) for p, c in known)
    problem = replace(problem_of(space), known=earlier)
    history = grown(problem_of(space), lambda params: score(float(params["n"])), 5)  # type: ignore[arg-type]
    assert len(Bayesian(problem=problem, n_init=2).ask(history, 2)) == 2


def test_strong_priors_pull_early_and_weak_ones_never() -> None:
    def informed(strength: Strength) -> Problem:
        prior = Prior(mean=0.9, strength=strength)
        space = SearchSpace(tuple(Float(name=n, low=0.0, high=1.0, default=0.5, prior=prior) for n in "xy"))
        return problem_of(space)

    history = grown(problem_of(), lambda params: score(rng_for(0, repr(params)).random()), 5)
    strong, weak = (
        params_of(Bayesian(problem=informed(s), num_recommendations=50).ask(history, 1))[0]
        for s in (Strength.STRONG, Strength.WEAK)
    )
    assert weak == params_of(Bayesian(problem=problem_of(), num_recommendations=50).ask(history, 1))[0]
    assert min(float(strong[n]) for n in "xy") > 0.6  # type: ignore[arg-type]


def test_designs_follow_priors_and_weights() -> None:
    space = SearchSpace(
        (
            Choice(name="c", options=("a", "b"), default="a", weights=(3.0, 1.0)),
            Float(name="x", low=0.0, high=1.0, default=0.5, prior=Prior(mean=0.8, strength=Strength.STRONG)),
            Float(name="y", low=0.0, high=1.0, default=0.5),
        )
    )
    places = [expected_places(space.axes, [k / 64, k / 64, k / 64]) for k in range(64)]
    assert sum(place[0] == 0.25 for place in places) == 48
    assert np.mean([place[1] for place in places]) == pytest.approx(0.78, abs=0.03)
    assert [place[2] for place in places] == [k / 64 for k in range(64)]
    density = log_prior(space.axes, np.array([[0.25, 0.8, 0.1], [0.75, 0.8, 0.9], [0.25, 0.9, 0.1]]))
    assert density == pytest.approx([0.0, np.log(1 / 3), -0.5])


CONDITIONAL = SearchSpace(
    (
        Choice(name="optimizer", options=("adam", "sgd"), default="adam"),
        Float(name="lr", low=1e-5, high=1e-1, default=1e-3, scale=Scale.LOG),
        Float(name="momentum", low=0.0, high=0.99, default=0.9, when=Condition.of({"optimizer": ["sgd"]})),
    )
)


def test_conditions_hold_and_what_they_hide_is_searched() -> None:
    problem = problem_of(CONDITIONAL)

    def outcome(params: JsonObject) -> Score:
        gap = abs(np.log10(float(params["lr"])) + 2)  # type: ignore[arg-type]
        return score(gap + (abs(float(params["momentum"]) - 0.5) if "momentum" in params else 0.4))  # type: ignore[arg-type]

    done = run(Bayesian(problem=problem), problem, outcome, 20)
    assert all(problem.space.is_member(t.params) for t in done)
    assert min(t.score.cost for t in done if t.score) < 0.1


def test_import_loads_nothing() -> None:
    code = "import sys, tao_automl.search.mfbo; sys.exit(any(m in sys.modules for m in ('numpy', 'scipy')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("settings", [{"n_init": 0}, {"num_recommendations": 0}])
@pytest.mark.parametrize("searcher", [Bayesian, BFBO])
def test_impossible_settings(searcher: type[Bayesian], settings: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=next(iter(settings))):
        searcher(problem=problem_of(), **settings)
