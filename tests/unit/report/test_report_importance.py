import math
import random
from collections.abc import Callable
from typing import Any

import pytest
from synthetic_results import asha_result, number_row, row

from tao_automl.report import parameter_importance
from tao_automl.report.importance import best_size, share_of_losses
from tao_automl.report.reading import read_report
from tao_automl.report.wording import trial_budget

SPACE = [
    number_row("optim.lr", "float", 1e-5, 1e-1, 1e-3, "log"),
    number_row("depth", "int", 1, 8, 4, "linear"),
    number_row("width", "int", 8, 512, 64, "power2"),
    number_row("keep", "float", 0.01, 0.99, 0.5, "logit"),
    row("optimizer", "choice", options=["sgd", "adam", ["a", 1], None], default="sgd"),
    row("size", "ordinal", options=["s", "m", "l"], default="m"),
    row("mixup", "bool", options=[False, True], default=False),
    number_row("momentum", "float", 0.0, 1.0, 0.9, "linear", when={"optimizer": ["sgd"]}),
    row("seed", "fixed", options=[7], default=7),
]


def sample(rng: random.Random) -> dict[str, Any]:
    specs = {
        "optim.lr": 10 ** rng.uniform(-5, -1), "depth": rng.randint(1, 8), "width": 2 ** rng.randint(3, 9),
        "keep": rng.uniform(0.01, 0.99), "optimizer": rng.choice(["sgd", "adam", ["a", 1], None]),
        "size": rng.choice("sml"), "mixup": rng.random() < 0.5, "seed": 7,
    }  # fmt: skip
    return specs | ({"momentum": rng.random()} if specs["optimizer"] == "sgd" else {})


def result_of(cost: Callable[[dict[str, Any]], float], count: int, seed: int, maximize: bool = False) -> dict[str, Any]:
    rng = random.Random(seed)
    configs = [sample(rng) for _ in range(count)]
    sign = -1 if maximize else 1
    history = [
        {"rec_id": k, "status": "success", "metric": sign * cost(specs), "budget": 1, "specs": specs}
        for k, specs in enumerate(configs)
    ]
    return {"history": history, "search_space": SPACE, "direction": "maximize" if maximize else "minimize"}


COSTS: dict[str, Callable[[dict[str, Any]], float]] = {
    "optim.lr": lambda s: (math.log10(s["optim.lr"]) + 2.5) ** 2,
    "depth": lambda s: abs(s["depth"] - 6),
    "width": lambda s: abs(math.log2(s["width"]) - 5),
    "keep": lambda s: abs(s["keep"] - 0.9),
    "optimizer": lambda s: s["optimizer"] != ["a", 1],
    "size": lambda s: "lms".index(s["size"]),
    "mixup": lambda s: not s["mixup"],
}


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("name", COSTS)
@pytest.mark.parametrize("count", [40, 200])
def test_the_parameter_that_matters_is_found(name: str, count: int, maximize: bool) -> None:
    cost = COSTS[name]
    noise = random.Random(1)
    found = parameter_importance(result_of(lambda s: cost(s) + 0.05 * noise.random(), count, 3, maximize))
    assert found.shares[0][0] == name
    assert found.shares[0][1] > 0.7
    assert sum(share for _, share in found.shares) == pytest.approx(1.0)
    assert found.trials == count


def test_the_more_important_of_two_comes_first() -> None:
    found = parameter_importance(result_of(lambda s: 3 * COSTS["optim.lr"](s) + 0.3 * COSTS["depth"](s), 300, 5))
    assert [name for name, _ in found.shares[:2]] == ["optim.lr", "depth"]


def test_noise_alone_makes_nothing_important() -> None:
    largest = []
    for seed in range(30):
        rng = random.Random(1000 + seed)
        found = parameter_importance(result_of(lambda s, rng=rng: rng.random(), 60, seed))
        largest.append(len(found.shares))
    assert sum(largest) / len(largest) < 0.8, "of eight parameters, chance passes for importance in few"


def test_a_condition_is_judged_among_the_trials_that_have_it() -> None:
    def cost(specs: dict[str, Any]) -> float:
        return abs(specs["momentum"] - 0.8) if specs["optimizer"] == "sgd" else 0.3

    assert "momentum" in dict(parameter_importance(result_of(cost, 300, 7)).shares)


def test_few_trials_give_a_reason() -> None:
    result = result_of(COSTS["depth"], 7, 1)
    result["history"].append({"rec_id": 7, "status": "failure", "metric": None, "specs": result["history"][0]["specs"]})
    found = parameter_importance(result)
    assert found.shares == ()
    assert found.reason == "at least 8 trials with a metric are needed, there are 7"


def test_equal_metrics_give_a_reason() -> None:
    found = parameter_importance(result_of(lambda s: 1.0, 7, 1) | {"search_space": SPACE[:1]})
    assert found.shares == ()
    assert found.reason


def test_values_outside_the_space_are_left_out() -> None:
    result = result_of(COSTS["depth"], 40, 1)
    for entry in result["history"][::4]:
        entry["specs"] |= {"optim.lr": -1.0, "keep": "x", "optimizer": "unheard of", "size": None}
    assert parameter_importance(result).shares[0][0] == "depth"


def test_trials_are_compared_at_the_budget_that_both_reached() -> None:
    history = [
        {"rec_id": 0, "status": "success", "metric": 0.5, "budget": 1, "curve": [[1, 0.5]]},
        {"rec_id": 1, "status": "success", "metric": 0.9, "budget": 9, "curve": [[1, 0.4], [3, 0.6], [9, 0.9]]},
        {"rec_id": 2, "status": "success", "metric": 0.7, "budget": 3, "curve": [[1, 0.45], [3, 0.7]]},
    ]
    trials = list(read_report({"history": history, "direction": "maximize"}).trials)
    losses = share_of_losses(trials, maximize=True)
    assert list(losses) == [0.0, 1.0, 0.5], "trial 1 has the best metric only because it was trained longest"


def test_asha_history() -> None:
    found = parameter_importance(asha_result(200, seed=2))
    assert [name for name, _ in found.shares[:2]] == ["train.optim.lr", "train.optim.name"]
    assert found == parameter_importance(asha_result(200, seed=2))


@pytest.mark.parametrize(("count", "best"), [(8, 3), (30, 10), (60, 20), (150, 20), (1000, 100)])
def test_best_size(count: int, best: int) -> None:
    assert best_size(count) == best


def test_a_metric_of_an_earlier_budget_counts_there() -> None:
    history = [
        {
            "rec_id": 0,
            "status": "success",
            "metric": 0.8,
            "metric_budget": 3,
            "budget": 9,
            "curve": [[3, 0.8], [9, 0.1]],
        },
        {"rec_id": 1, "status": "success", "metric": 0.7, "metric_budget": 3, "budget": 3, "curve": [[3, 0.7]]},
    ]
    trials = list(read_report({"history": history, "direction": "maximize"}).trials)
    assert list(share_of_losses(trials, maximize=True)) == [0.0, 1.0]
    assert [trial_budget(trial) for trial in trials] == ["3 of 9", "3"]
