"""PBT: who is replaced by whose child, what a child is, and how a population moves on."""

from collections import Counter
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from tao_automl.domain.parameters import Bool, Choice, Float, Int, Scale, Subset
from tao_automl.domain.problem import Problem
from tao_automl.domain.space import SearchSpace
from tao_automl.domain.trial import Promote, Score, Start, Trial, TrialState
from tao_automl.errors import SettingsError
from tao_automl.search.pbt import PBT, explored
from tao_automl.testing.searcher_contract import MakeSearcher, SearcherContract
from tao_automl.testing.simulation import Faults, easy_curve, mixed_space, problem_of, simulate

COMPLETED, FAILED, RUNNING = TrialState.COMPLETED, TrialState.FAILED, TrialState.RUNNING
EVERY_KIND = SearchSpace(
    (
        Float(name="lr", low=1e-5, high=1e-1, default=1e-3, scale=Scale.LOG),
        Int(name="layers", low=1, high=3, default=2),
        Choice(name="width", options=(8, 16, 32), default=16, ordered=True),
        Choice(name="optimizer", options=("adam", "sgd"), default="adam"),
        Bool(name="nesterov", default=False),
        Subset(name="augment", options=("flip", "crop"), default=["flip"], max_size=2),
    )
)


class TestContract(SearcherContract):
    needs_fidelity = True

    @pytest.fixture
    def make_searcher(self) -> MakeSearcher:
        return lambda problem, **settings: PBT(problem=problem, population_size=6, max_generations=4, **settings)


def problem(epochs: int = 12, **changes: Any) -> Problem:
    return replace(problem_of(mixed_space(), epochs=epochs), **changes)


def pbt(**settings: Any) -> PBT:
    """Generations of four epochs."""
    return PBT(problem=problem(), **{"population_size": 8, "max_generations": 3, **settings})


def trial(number: int, cost: float | None, state: TrialState = COMPLETED, at: int = 4, **fields: Any) -> Trial:
    params = {**mixed_space().default(), "dropout": (number + 1) / 100}
    scores = {} if cost is None else {at: Score(value=cost, cost=cost, seq=number)}
    signature = mixed_space().signature(params)
    fields = {"budget": at, **fields}
    return Trial(id=number, params=params, signature=signature, state=state, scores=scores, **fields)


def population(size: int = 8) -> list[Trial]:
    return [trial(i, float(i)) for i in range(size)]


def story(answer: Any) -> list[tuple[str, int | None, int]]:
    """("child", parent, budget) or ("on", trial, budget)."""
    rows: list[tuple[str, int | None, int]] = []
    for decision in answer:
        match decision:
            case Start(budget=budget, parent=parent):
                rows.append(("child", parent, budget))
            case Promote(trial=trial, budget=budget):
                rows.append(("on", trial, budget))
    return rows


@pytest.mark.parametrize(
    ("settings", "levels"),
    [
        ({}, (4, 8, 12)),
        ({"eval_interval": 5}, (5, 10, 12)),
        ({"eval_interval": 2}, (2, 4, 6)),
        ({"max_generations": 50}, tuple(range(1, 13))),
    ],
)
def test_generations(settings: dict[str, int], levels: tuple[int, ...]) -> None:
    assert pbt(**settings).levels == levels


def test_the_population_comes_first() -> None:
    assert story(pbt().ask(population(6), 4))[:2] == [("child", None, 4)] * 2


def test_the_worst_quarter_is_replaced_by_children_of_the_best_quarter() -> None:
    answer = story(pbt().ask(population(), 8))
    assert [kind for kind, _, _ in answer] == ["child", "child", *["on"] * 6]
    assert {parent for kind, parent, _ in answer if kind == "child"} <= {0, 1}
    assert {who for kind, who, _ in answer if kind == "on"} == set(range(6))
    assert {budget for _, _, budget in answer} == {8}


def test_what_was_replaced_stays_so() -> None:
    history = [*population(), replace(trial(8, None, RUNNING, at=8), parent=0)]
    answer = story(pbt().ask(history, 8))
    assert [kind for kind, _, _ in answer] == ["child", *["on"] * 6]
    assert 7 not in [who for _, who, _ in answer]


def test_without_exploitation_all_go_on() -> None:
    assert {kind for kind, _, _ in story(pbt(quantile=0).ask(population(), 8))} == {"on"}


def test_those_that_were_trained_least_come_first() -> None:
    history = [*(replace(t, budget=8, scores={**t.scores, 8: t.scores[4]}) for t in population(4)), *population()[4:]]
    assert {budget for _, _, budget in story(pbt().ask(history, 4))} == {8}


def test_only_a_checkpoint_of_the_same_generation_is_forked() -> None:
    """The best two have one of 8 epochs already: their children would have nothing to train for 8."""
    ahead = [replace(t, budget=8, scores={**t.scores, 8: t.scores[4]}) for t in population(2)]
    answer = story(pbt().ask([*ahead, *population()[2:]], 6))
    assert answer == [("on", who, 8) for who in (7, 6, 5, 4, 3, 2)]


def test_a_parent_that_has_gone_on_has_left_its_checkpoint() -> None:
    running = [replace(t, state=RUNNING, budget=8) for t in population(2)]
    answer = story(pbt().ask([*running, *population()[2:]], 6))
    assert [kind for kind, _, _ in answer] == ["child", "child", *["on"] * 4]


def test_a_failed_trial_is_replaced() -> None:
    history = population()
    history[7] = replace(history[7], state=FAILED, budget=8)
    answer = story(pbt().ask(history, 8))
    assert [kind for kind, _, _ in answer][:2] == ["child", "child"]
    assert len(answer) == 8


def test_failed_founders_are_replaced_but_not_for_ever() -> None:
    failed = [trial(i, None, FAILED) for i in range(8)]
    assert len(pbt().ask(failed, 20)) == 8
    of = problem()
    run = simulate(PBT(problem=of, population_size=4), of, easy_curve, faults=Faults(fail=1.0), evaluate_default=False)
    assert len(run.trials) == 8


def test_children_never_exceed_the_limit() -> None:
    assert {kind for kind, _, _ in story(pbt(num_recommendations=8).ask(population(), 8))} == {"on"}


def test_a_run_trains_every_line_to_the_end() -> None:
    of = problem()
    run = simulate(PBT(problem=of, population_size=8, max_generations=3), of, easy_curve, evaluate_default=False)
    children = [t for t in run.trials if t.parent is not None]
    assert sum(t.budget == 12 for t in run.trials) == 8
    assert Counter(min(t.scores) for t in children) == {5: 2, 9: 2}
    assert run.spent == 8 * 12
    for child in children:
        assert child.parent is not None
        assert min(child.scores) - 1 in run.trials[child.parent].scores


def test_the_best_line_survives() -> None:
    def curve(params: dict[str, Any], budget: int) -> float:
        return abs(float(params["dropout"]) - 0.25) + 1 / budget

    of = problem(40)
    run = simulate(PBT(problem=of, population_size=8, max_generations=10), of, curve, evaluate_default=False)
    distance = {t.id: curve(t.params, 40) for t in run.trials}
    first = sorted(distance[t.id] for t in run.trials if t.parent is None)
    last = sorted(distance[t.id] for t in run.trials if t.budget == 40)
    assert last[0] <= first[0]
    assert sum(last) < 0.8 * sum(first)


def test_every_kind_of_parameter_changes() -> None:
    start = EVERY_KIND.default()
    children = [explored(EVERY_KIND, start, 0.2, 0.25, Random(seed)) for seed in range(200)]
    assert all(EVERY_KIND.is_member(child) for child in children)
    changed = {name: sum(child[name] != start[name] for child in children) / 200 for name in start}
    assert changed["lr"] == 1
    assert min(changed["layers"], changed["width"]) > 0.75  # a step at least, unless drawn anew
    assert all(0.05 < changed[name] < 0.4 for name in ("optimizer", "nesterov", "augment"))


def test_numbers_move_by_at_most_the_factor_on_their_scale() -> None:
    start = {**EVERY_KIND.default(), "lr": 1e-3}
    moved = [float(str(explored(EVERY_KIND, start, 0.25, 0.0, Random(seed))["lr"])) for seed in range(100)]
    assert min(moved) >= 1e-4 * 0.999
    assert max(moved) <= 1e-2 * 1.001
    assert all(explored(EVERY_KIND, start, 0.25, 0.0, Random(s))["optimizer"] == "adam" for s in range(20))


@pytest.mark.parametrize(
    "settings",
    [
        {"population_size": 0},
        {"max_generations": 0},
        {"eval_interval": 0},
        {"perturbation_factor": 2},
        {"resample_prob": -1},
        {"quantile": 0.6},
        {"num_recommendations": 0},
    ],
)
def test_impossible_settings(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=next(iter(settings))):
        PBT(problem=problem(), **settings)


def test_training_that_does_not_resume() -> None:
    of = problem()
    assert of.fidelity
    with pytest.raises(SettingsError, match="resumes from checkpoints"):
        PBT(problem=replace(of, fidelity=replace(of.fidelity, resumable=False)))
