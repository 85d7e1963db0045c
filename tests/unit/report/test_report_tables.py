import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from synthetic_results import (
    asha_result,
    failed_result,
    hostile_result,
    infeasible_result,
    loss_result,
    pareto_result,
    plan,
    row,
)

from tao_automl.report import plan_table, render_html, render_text, result_table
from tao_automl.report.labels import fitted, middle, short_names
from tao_automl.report.reading import read_report
from tao_automl.report.wording import duration, gain, gain_sentence, verdict

GOLDEN = Path(__file__).parents[2] / "golden"
RESULTS: dict[str, Callable[[], dict[str, Any]]] = {
    "asha": lambda: asha_result(60, seed=1),
    "wide": lambda: asha_result(1000, params=40, slots=16),
    "failed": failed_result,
    "running": loss_result,
    "pareto": pareto_result,
    "infeasible": infeasible_result,
}
PLANS: dict[str, Callable[[], dict[str, Any]]] = {"plan": plan, "plan_wide": lambda: plan(40, 14)}


def check_golden(name: str, shown: str) -> None:
    path = GOLDEN / f"report_{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(shown + "\n", encoding="utf-8")
    assert shown + "\n" == path.read_text(encoding="utf-8"), f"UPDATE_GOLDEN=1 rewrites {path.name}"


@pytest.mark.parametrize("name", RESULTS)
def test_result_is_shown_as_before(name: str) -> None:
    check_golden(name, render_text(result_table(RESULTS[name]())))


@pytest.mark.parametrize("name", PLANS)
def test_plan_is_shown_as_before(name: str) -> None:
    check_golden(name, render_text(plan_table(PLANS[name]())))


@pytest.fixture(scope="module")
def all_tables() -> list[Any]:
    tables = [result_table(make()) for make in (*RESULTS.values(), hostile_result)]
    return tables + [plan_table(make()) for make in PLANS.values()]


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_no_line_is_wider_than_asked(width: int, all_tables: list[Any]) -> None:
    for table in all_tables:
        assert max(cell_len(line) for line in render_text(table, width).splitlines()) <= width


def test_a_thousand_trials_show_ten() -> None:
    shown = render_text(result_table(RESULTS["wide"]()))
    assert "Top 10 of" in shown
    assert len(shown.splitlines()) < 90


@pytest.mark.parametrize("make", [result_table, plan_table])
def test_hostile_text_cannot_steer_the_terminal(make: Callable[[dict[str, Any]], Any]) -> None:
    shown = render_text(make(hostile_result()))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028]", shown)


def test_colour_only_on_demand() -> None:
    assert "\x1b[" in render_text(result_table(RESULTS["asha"]()), color=True)
    assert "\x1b[" not in render_text(result_table(RESULTS["asha"]()))


def test_square_brackets_are_text() -> None:
    result = RESULTS["asha"]() | {"skill": "[bold]not markup[/]", "failure_reason": ":smile: [link=x]"}
    shown = render_text(result_table(result))
    assert "[bold]not markup[/]" in shown
    assert ":smile: [link=x]" in shown


@pytest.mark.parametrize(
    ("before", "delta", "maximize", "words"),
    [
        (0.5, 0.05, True, "better by 0.05 (10.00%)"),
        (0.5, 0.05, False, "worse by 0.05 (10.00%)"),
        (0.5, -0.05, False, "better by 0.05 (10.00%)"),
        (-2.0, 0.5, True, "better by 0.5 (25.00%)"),
        (0.0, 1.0, True, "better by 1"),
        (None, 1.0, True, "better by 1"),
        (1e-300, 1e300, True, "better by 1e+300"),
        (1.0, 1e-9, True, "better by 1e-09 (1e-07%)"),
        (1.0, 0.0, True, "the same "),
    ],
)
def test_gain_has_the_sign_of_the_direction(before: float | None, delta: float, maximize: bool, words: str) -> None:
    assert " ".join(gain(before, delta, maximize)) == words


def test_only_recorded_comparisons_are_told() -> None:
    result = RESULTS["asha"]()
    result["final_evaluation"]["comparison_to_baseline"] = None
    result["baseline"]["comparison_to_best"] = None
    assert gain_sentence(read_report(result)) == ""
    result["baseline"]["comparison_to_best"] = {"delta": -0.01}
    assert gain_sentence(read_report(result)).startswith("The best trial is worse than the baseline by 0.01")


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ({}, "No trial was started"),
        ({"history": [{"rec_id": 0, "status": "running"}]}, "No trial has finished yet"),
        ({"history": [{"rec_id": 0, "status": "failure"}]}, "No trial succeeded"),
        ({"pareto_front": [{"rec_id": 1}, {"rec_id": 2}]}, "No single best trial: 2 trials form the Pareto front"),
    ],
)
def test_verdict_without_a_best_trial(result: dict[str, Any], words: str) -> None:
    assert verdict(read_report(result)).startswith(words)


def test_pareto_front_is_a_table() -> None:
    front = [{"rec_id": k, "objective_values": {"accuracy": 0.9 - k / 10, "latency": 20.5 - k}} for k in range(3)]
    shown = render_text(result_table(RESULTS["asha"]() | {"best": None, "pareto_front": front}))
    assert re.search(r"trial +accuracy +latency +budget +spec\n +0 +0.9 +20.5 +—\n", shown)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "—"), (0.25, "0.2 s"), (59.7, "1 min"), (3599.8, "1 h"), (8040, "2 h 14 min"), (90061, "1 d 1 h")],
)
def test_duration(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


def test_short_names_stay_unique() -> None:
    names = ["train.optim.lr", "model.lr", "model.depth", "depth", "model.depth"]
    assert short_names(names) == {
        "train.optim.lr": "optim.lr", "model.lr": "model.lr", "model.depth": "model.depth", "depth": "depth",
    }  # fmt: skip
    assert middle("abcdefgh", 5) == "ab…gh"
    assert fitted("train.optim.lr", "lr", 8) == "…lr"


ODD_ROWS = [
    row("train.warmup", "int", low=1, high=9, default=3, scale="linear",
        when={"expression": "train.epochs > 10 and model.depth >= 4"}),
    row("train.total_batch", "derived", expression="64 * train.num_gpus"),
    row("train.betas", "list", default=[0.9, 0.999],
        elements=[row("0", "float", low=0.8, high=0.95), row("1", "float", low=0.9, high=0.9999)]),
    row("train.layers", "list", low=16, high=256, default=[64, 64], elements=[row("0", "int", low=16, high=256)]),
    row("train.seed", "fixed", options=[7], default=7),
]  # fmt: skip


def odd_result() -> dict[str, Any]:
    result = asha_result(30, seed=3)
    result["search_space"] = [*result["search_space"], *ODD_ROWS]
    for trial in result["history"]:
        trial["specs"] = {**trial["specs"], "train.warmup": 2, "train.total_batch": 128, "train.seed": 7}
    result["best"]["specs"] = {**result["best"]["specs"], "train.warmup": 2, "train.total_batch": 128, "train.seed": 7}
    return result


def test_what_is_derived_or_fixed_was_not_searched() -> None:
    report = read_report(odd_result())
    searched = {parameter.key for parameter in report.searched}
    assert {"train.warmup", "train.betas", "train.layers"} < searched
    assert not {"train.total_batch", "train.seed"} & searched
    shown = render_text(result_table(odd_result()), 140)
    assert "warmup" in shown
    assert "total_batch" not in shown
    page = render_html(odd_result())
    assert f"Search space, {len(searched)} parameters" in page
    drawn = json.loads(page.partition('type="application/json"')[2].partition(">")[2].partition("</script>")[0])
    assert {parameter["n"] for parameter in drawn["params"]} == searched
    assert "= 64 * train.num_gpus" in page  # in the table of the whole space
    review = render_text(plan_table(plan() | {"parameters": [*plan()["parameters"], *ODD_ROWS]}))
    assert "Searched parameters (11)" in review
    assert "total_batch" not in review


def test_a_condition_reads_as_a_sentence() -> None:
    review = render_text(plan_table(plan() | {"parameters": [*plan()["parameters"], *ODD_ROWS]}))
    assert re.search(r"\n  train.optim.momentum +only if train.optim.name is sgd\n", review)
    assert re.search(r"\n  train.warmup +only if train.epochs > 10 and model.depth >= 4\n", review)
    page = render_html(odd_result())
    assert "Only if" in page
    assert "<td>train.epochs &gt; 10 and model.depth &gt;= 4</td>" in page
    assert "expression is" not in page + review


def test_a_list_shows_what_its_elements_may_be() -> None:
    review = render_text(plan_table(plan() | {"parameters": ODD_ROWS}))
    assert re.search(r"train.betas +list +\[0.8 … 0.95; 0.9 … 0.9999\]", review)
    assert re.search(r"train.layers +list +16 … 256", review)


def test_long_options_are_shown_whole() -> None:
    names = [f"option_number_{k}" for k in range(12)]
    space = [row("model.backbone", "choice", options=names, default=names[3])]
    review = render_text(plan_table(plan() | {"parameters": space}), 80)
    assert all(name in review for name in names)


def test_several_objectives_and_constraints_are_told_in_words() -> None:
    objectives = [
        {"metric": "accuracy", "direction": "maximize", "weight": 1.0, "threshold": None},
        {"metric": "latency", "direction": "minimize", "weight": 2.0, "threshold": 20},
    ]
    more = {"objectives": objectives, "constraints": ["size <= 1e6", "latency <= baseline"], "token": "7ed642fa"}
    review = render_text(plan_table(plan() | more))
    assert re.search(r"objectives +accuracy \(maximize\), latency \(minimize, weight 2, threshold 20\)\n", review)
    assert re.search(r"constraints +size <= 1e6, latency <= baseline\n", review)
    assert re.search(r"plan token +7ed642fa\n", review)
    assert "objectives" not in render_text(plan_table(plan() | {"objectives": objectives[:1], "constraints": []}))


def test_blockers_say_what_to_do() -> None:
    blockers = [{"kind": "data", "reason": "training data must be given", "remedy": "give --train-data PATH"}, {}]
    review = render_text(plan_table(plan() | {"blockers": blockers, "workspace": None}))
    assert re.search(r"workspace +not chosen\n", review)
    assert review.partition("Before this can be launched\n")[2].splitlines()[:2] == [
        "  blocked: training data must be given",
        "    →  give --train-data PATH",
    ]
    assert "Before this can be launched" not in render_text(plan_table(plan() | {"blockers": []}))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = (
    "status", "failure_reason", "best", "pareto_front", "baseline", "final_evaluation", "progress", "history",
    "failures_by_cause", "search_space", "settings", "metric", "direction", "workspace", "rec_id", "metric_value",
    "specs", "budget", "curve", "started_at", "ended_at", "jobs", "name", "type", "low", "high", "scale", "options",
    "default", "when", "objective_values", "parameters", "first_batch", "estimate", "dataset", "notes", "fixed",
    "blockers", "elements", "expression", "objectives", "constraints", "token",
)  # fmt: skip
PARTS = st.dictionaries(st.sampled_from(KEYS), JSON, max_size=6)
ANYTHING = st.dictionaries(st.sampled_from(KEYS), JSON | PARTS | st.lists(PARTS, max_size=12), max_size=8)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ANYTHING)
def test_no_mapping_is_too_strange(result: dict[str, Any]) -> None:
    render_text(result_table(result))
    render_text(plan_table(result))
    render_html(result).encode("utf-8")
