import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from synthetic_results import asha_result, failed_result, hostile_result, loss_result, plan

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
    assert re.search(r"trial +accuracy +latency\n +0 +0.9 +20.5\n", shown)


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
)  # fmt: skip
PARTS = st.dictionaries(st.sampled_from(KEYS), JSON, max_size=6)
ANYTHING = st.dictionaries(st.sampled_from(KEYS), JSON | PARTS | st.lists(PARTS, max_size=12), max_size=8)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ANYTHING)
def test_no_mapping_is_too_strange(result: dict[str, Any]) -> None:
    render_text(result_table(result))
    render_text(plan_table(result))
    render_html(result).encode("utf-8")
