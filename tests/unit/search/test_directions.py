"""Which way is better is a matter of the objective alone, for every searcher, whatever the metric is called."""

import dataclasses
from importlib.metadata import entry_points
from statistics import median
from typing import Any

import pytest

from tao_automl.domain.dice import rng_for
from tao_automl.domain.goal import Direction, Objective
from tao_automl.domain.json_types import JsonObject
from tao_automl.domain.parameters import Float, Int, Scale
from tao_automl.domain.problem import Fidelity, Problem
from tao_automl.domain.space import SearchSpace
from tao_automl.testing.simulation import Simulated, simulate

SEARCHERS = {point.name: point.load() for point in entry_points(group="tao_automl.searchers")}
MAXIMIZE = Direction.MAXIMIZE
METRICS = ("loss", "val_error", "wer", "perplexity", "latency", "accuracy", "mAP", "rmse")
SIZES = {"num_recommendations": 10, "population_size": 4, "max_generations": 3}
SLOW = ("bayesian", "bfbo", "mfbo")  # have models that take their time
SMALL = {"num_recommendations": 5, "n_init": 3}
SPACE = SearchSpace(
    (
        Float(name="lr", low=1e-4, high=1.0, default=0.5, scale=Scale.LOG),
        Int(name="depth", low=1, high=8, default=8),
    )
)


def height(params: JsonObject, budget: int) -> float:
    """Best, and lowest, near lr = 0.01 and depth = 3; training helps."""
    lr, depth = float(params["lr"]), float(params["depth"])  # type: ignore[arg-type]  # numbers
    return abs(lr - 0.01) ** 0.5 + abs(depth - 3) / 10 + 1 / (1 + budget)


def run(name: str, metric: str, direction: Direction) -> Simulated:
    """A search that should find low places if it minimises, and high ones of the mirrored curve if it maximises."""
    objective = Objective(metric=metric, direction=direction)
    searcher: Any = SEARCHERS[name]
    own = {field.name for field in dataclasses.fields(searcher)}
    slow = name in SLOW
    fidelity = Fidelity(key="epochs", low=1, high=2 if slow else 4)
    problem = Problem(space=SPACE, objective=objective, fidelity=fidelity, seed=3)
    settings = {setting: size for setting, size in (SMALL if slow else SIZES).items() if setting in own}
    sign = 1 if direction is Direction.MINIMIZE else -1
    return simulate(
        searcher(problem=problem, **settings), problem, lambda params, budget: sign * height(params, budget)
    )


@pytest.fixture(scope="module", params=SEARCHERS)
def runs(request: pytest.FixtureRequest) -> dict[tuple[str, Direction], Simulated]:
    """Every metric, both ways, with one searcher; with a slow one, some of them one way only."""
    both = METRICS[4:6] if request.param in SLOW else METRICS
    asked = [(m, way) for n, m in enumerate(METRICS) for way in Direction if m in both or n % 2 == (way is MAXIMIZE)]
    return {(metric, way): run(request.param, metric, way) for metric, way in asked}


def test_the_best_is_better_than_most_in_the_right_direction(runs: dict[tuple[str, Direction], Simulated]) -> None:
    rng = rng_for(0, "directions")
    usual = median(height(SPACE.sample(rng), 4) for _ in range(200))
    for (metric, way), found in runs.items():
        assert found.best, metric
        value = min((score.value for score in found.best.scores.values()), key=abs)
        assert value < usual if way is Direction.MINIMIZE else value > -usual, (metric, way)


def test_the_name_of_a_metric_and_the_mirror_image_change_no_decision(
    runs: dict[tuple[str, Direction], Simulated],
) -> None:
    first, *others = runs.values()
    assert len(first.decisions) > 2
    assert all(found.decisions == first.decisions for found in others)
    for (_, way), found in runs.items():
        sign = 1 if way is Direction.MINIMIZE else -1
        values = [[sign * score.value for score in trial.scores.values()] for trial in found.trials]
        assert values == [[score.value for score in trial.scores.values()] for trial in first.trials]
