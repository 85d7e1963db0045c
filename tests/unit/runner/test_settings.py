"""The table of settings: every row, every alias, and what is refused."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from tao_automl.engine.world import Retention
from tao_automl.errors import SettingsError
from tao_automl.runner.settings import SETTINGS, parse_settings, searcher_settings


@dataclass(frozen=True, kw_only=True)
class Searcher:
    problem: object
    num_recommendations: int = 20
    reduction_factor: int = 3
    variant: str = field(default="a", metadata={"aliases": ("kind",), "help": ""})


@dataclass(frozen=True, kw_only=True)
class Plain:
    problem: object


VALUES: dict[str, tuple[Any, Any]] = {
    "algorithm": ("asha", "asha"),
    "metric": ("accuracy", "accuracy"),
    "direction": ("maximize", "maximize"),
    "objectives": (["loss", {"metric": "fps", "weight": 2}], [{"metric": "loss"}, {"metric": "fps", "weight": 2}]),
    "outcome_constraints": ("latency <= 20", ["latency <= 20"]),
    "tracking_metrics": (["loss", " wer "], ["loss", "wer"]),
    "evaluate_trials": (True, True),
    "reuse_best_evaluation": (True, True),
    "max_gpu_hours": ("1.5", 1.5),
    "max_cost": (10, 10.0),
    "price_per_gpu_hour": (2, 2.0),
    "patience": ("4", 4),
    "early_stopping": ("percentile", [{"type": "percentile"}]),
    "warm_start": ("runs/1", ["runs/1"]),
    "train_sample_count": ("100", 100),
    "automl_delete_intermediate_ckpt": (True, True),
    "automl_checkpoint_retention_strategy": ("best", "best"),
    "automl_max_recommendations": ("12", 12),
    "automl_max_epochs": (27.0, 27),
    "automl_reduction_factor": (4, 4),
    "automl_max_concurrent": (2, 2),
    "max_wall_time": ("2h", 7200.0),
    "max_trial_time": (30, 30.0),
    "target_metric": ("0.9", 0.9),
    "max_attempts": (2, 2),
    "tolerated_failure_rate": (0.25, 0.25),
    "platform_patience": ("10m", 600.0),
    "evaluate_default": (False, False),
    "allow_proxy_metric": (True, True),
    "fixed_parameters": ({"a.b": 1}, {"a.b": 1}),
    "seed": (7, 7),
    "trackers": ({"mlflow": {}}, {"mlflow": {}}),
}


def test_every_row_of_the_table_is_tested() -> None:
    assert set(VALUES) == set(SETTINGS)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_is_parsed_under_its_name_and_its_aliases(name: str) -> None:
    given, parsed = VALUES[name]
    needed = {"price_per_gpu_hour": 1.0} if name == "max_cost" else {}
    for spelled in (name, *SETTINGS[name].aliases):
        assert parse_settings({spelled: given, **needed}, Searcher).given == {name: parsed, **needed}


def test_settings_reach_the_rules_and_the_searcher() -> None:
    settings = parse_settings(
        {"max_concurrent": 3, "max_trial_time": "1m", "num_recommendations": 9, "kind": "b", "seed": 4}, Searcher
    )
    assert (settings.rules.max_concurrent, settings.rules.max_trial_time) == (3, 60.0)
    assert settings.searcher == {"num_recommendations": 9, "variant": "b"}
    assert settings.seed == 4


def test_limits_reach_the_rules() -> None:
    given = {"max_gpu_hours": 2, "max_cost": 3, "price_per_gpu_hour": 4, "patience": 5, "reuse_best_evaluation": True}
    rules = parse_settings(given, Searcher).rules
    assert (rules.max_gpu_hours, rules.max_cost, rules.price_per_gpu_hour, rules.patience) == (2.0, 3.0, 4.0, 5)
    assert rules.reuse_best_evaluation


def test_a_cost_needs_a_price() -> None:
    with pytest.raises(SettingsError, match="max_cost: the price of a GPU is not known") as caught:
        parse_settings({"max_cost": 3}, Searcher)
    assert "price_per_gpu_hour" in caught.value.hint


@pytest.mark.parametrize(
    ("delete", "strategy", "retention"),
    [
        (None, None, Retention.ALL),
        (False, None, Retention.ALL),
        (True, None, Retention.TERMINAL),
        (True, "auto", Retention.TERMINAL),
        (None, "auto", Retention.ALL),
        (False, "all", Retention.ALL),
        (True, "terminal", Retention.TERMINAL),
        (None, "best", Retention.BEST),
        (True, "best", Retention.BEST),
        (True, "all", None),
        (False, "best", None),
        (False, "terminal", None),
    ],
)
def test_checkpoints_are_kept_as_asked(delete: bool | None, strategy: str | None, retention: Retention | None) -> None:
    asked = {"automl_delete_intermediate_ckpt": delete, "automl_checkpoint_retention_strategy": strategy}
    given = {name: value for name, value in asked.items() if value is not None}
    if retention is None:
        with pytest.raises(SettingsError, match="contradicts"):
            parse_settings(given, Searcher)
    else:
        assert parse_settings(given, Searcher).rules.retention is retention


def test_an_unknown_setting_names_the_nearest() -> None:
    with pytest.raises(SettingsError) as caught:
        parse_settings({"max_concurent": 2}, Searcher)
    assert "unknown setting `max_concurent`" in caught.value.message
    assert "`max_concurrent`" in caught.value.hint


def test_a_setting_of_another_searcher_is_refused() -> None:
    with pytest.raises(SettingsError, match="`reduction_factor` is not a setting of Plain"):
        parse_settings({"automl_reduction_factor": 3}, Plain)


def test_a_name_and_its_alias_together_are_refused() -> None:
    with pytest.raises(SettingsError, match="given twice"):
        parse_settings({"max_epochs": 3, "automl_max_epochs": 3}, Searcher)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("automl_max_recommendations", 0),
        ("automl_max_recommendations", 2.5),
        ("automl_max_recommendations", True),
        ("automl_reduction_factor", 1),
        ("tolerated_failure_rate", 1.5),
        ("target_metric", float("nan")),
        ("direction", "up"),
        ("evaluate_default", "yes"),
        ("fixed_parameters", [1]),
        ("metric", ""),
        ("objectives", []),
        ("objectives", [1]),
        ("objectives", 1),
        ("outcome_constraints", []),
        ("outcome_constraints", [""]),
        ("outcome_constraints", {"latency": 20}),
        ("tracking_metrics", 1),
        ("evaluate_trials", 1),
        ("max_gpu_hours", -1),
        ("max_gpu_hours", "inf"),
        ("max_cost", "cheap"),
        ("price_per_gpu_hour", True),
        ("patience", 0),
        ("early_stopping", 3),
        ("early_stopping", []),
        ("warm_start", ""),
        ("train_sample_count", 0),
        ("automl_delete_intermediate_ckpt", "yes"),
        ("automl_checkpoint_retention_strategy", "some"),
        ("seed", -1),
    ],
)
def test_impossible_values_are_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=name):
        parse_settings({name: value}, Searcher)


def test_settings_must_be_a_mapping() -> None:
    with pytest.raises(SettingsError, match="automl_settings: a mapping is needed"):
        parse_settings([("seed", 1)], Searcher)  # type: ignore[arg-type]


def test_searchers_of_the_package_share_the_canonical_names() -> None:
    from tao_automl import plugins

    for name in plugins.names(plugins.SEARCHERS):
        assert "problem" not in searcher_settings(plugins.load(plugins.SEARCHERS, name))
