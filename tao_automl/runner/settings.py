"""The door for `automl_settings`: one table of names, aliases and types. Past it, every setting is valid."""

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from tao_automl import plugins
from tao_automl.engine.world import Retention, Rules
from tao_automl.errors import SettingsError
from tao_automl.runner.durations import parse_duration
from tao_automl.runner.trackers import trackers_setting

Parser = Callable[[str, Any], Any]


def text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise SettingsError(f"{name}: a text is needed, got {value!r}")
    return value.strip()


def integer(low: int) -> Parser:
    def parse(name: str, value: Any) -> int:
        number = int(value) if isinstance(value, str) and value.strip().lstrip("-").isdecimal() else value
        if isinstance(number, float) and number.is_integer():
            number = int(number)
        if isinstance(number, bool) or not isinstance(number, int) or number < low:
            raise SettingsError(f"{name}: an integer of at least {low} is needed, got {value!r}")
        return number

    return parse


def number(low: float = -math.inf, high: float = math.inf) -> Parser:
    def parse(name: str, value: Any) -> float:
        try:
            parsed = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            parsed = math.nan
        if not (math.isfinite(parsed) and low <= parsed <= high):
            bounds = "" if low == -math.inf else f" in [{low:g}, {high:g}]"
            raise SettingsError(f"{name}: a finite number{bounds} is needed, got {value!r}")
        return parsed

    return parse


def boolean(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise SettingsError(f"{name}: true or false is needed, got {value!r}")
    return value


def one_of(*allowed: str) -> Parser:
    def parse(name: str, value: Any) -> str:
        if value not in allowed:
            raise SettingsError(f"{name}: one of {', '.join(allowed)} is needed, got {value!r}")
        return str(value)

    return parse


def mapping(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise SettingsError(f"{name}: a mapping is needed, got {value!r}")
    return dict(value)


def texts(name: str, value: Any) -> list[str]:
    """One text, or several."""
    if isinstance(value, str):
        return [text(name, value)]
    if not isinstance(value, Sequence) or not value:
        raise SettingsError(f"{name}: a text or a list of texts is needed, got {value!r}")
    return [text(name, item) for item in value]


def mappings(name: str, value: Any) -> list[dict[str, Any]]:
    """A mapping, or several; a text stands for the mapping that has it as its metric."""
    items = [value] if isinstance(value, Mapping | str) else value
    if not isinstance(items, Sequence) or not items:
        raise SettingsError(f"{name}: a list of mappings is needed, got {value!r}")
    return [{"metric": item} if isinstance(item, str) else mapping(name, item) for item in items]


def rules(name: str, value: Any) -> list[dict[str, Any]]:
    """A mapping with a `type`, or several; a text stands for the mapping that has it as its type."""
    items = [value] if isinstance(value, Mapping | str) else value
    if not isinstance(items, Sequence) or not items:
        raise SettingsError(f"{name}: a mapping with a `type` is needed, got {value!r}")
    return [{"type": item} if isinstance(item, str) else mapping(name, item) for item in items]


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table."""

    parse: Parser
    aliases: tuple[str, ...] = ()
    help: str = ""


DURATION = parse_duration
SETTINGS: Mapping[str, Setting] = {
    "algorithm": Setting(text, (), "the searcher's name; the same as the argument `automl_algorithm`"),
    "metric": Setting(
        text, (), "what is optimised: a metric, a formula, several with commas; the skill's primary metric unless given"
    ),
    "direction": Setting(
        one_of("maximize", "minimize"), (), "needed only for a metric that the skill does not declare"
    ),
    "objectives": Setting(mappings, (), "several objectives: metric, direction, weight, threshold of each"),
    "outcome_constraints": Setting(texts, (), 'what outcomes keep: "latency <= 20", "accuracy >= 0.95 * baseline"'),
    "tracking_metrics": Setting(texts, (), "metrics that are shown beside the objectives"),
    "evaluate_trials": Setting(boolean, (), "each trial is scored by the skill's evaluate action, on the eval data"),
    "reuse_best_evaluation": Setting(
        boolean, (), "with evaluate_trials: the winner's score stands for its final evaluation"
    ),
    "automl_max_recommendations": Setting(integer(1), ("num_recommendations",), "trials in all, the default included"),
    "automl_max_epochs": Setting(integer(1), ("max_epochs",), "the budget of a complete training"),
    "automl_reduction_factor": Setting(integer(2), ("reduction_factor",), "one in so many goes on to the next rung"),
    "automl_max_concurrent": Setting(integer(1), ("max_concurrent",), "trials at the same time"),
    "max_wall_time": Setting(DURATION, (), "the run ends, and its jobs are cancelled, after so long"),
    "max_trial_time": Setting(DURATION, (), "a training job is cancelled, and its trial fails, after so long"),
    "max_gpu_hours": Setting(number(0), (), "the run ends, and its jobs are cancelled, after so many GPU-hours"),
    "max_cost": Setting(number(0), (), "the same, in the currency of `price_per_gpu_hour`"),
    "price_per_gpu_hour": Setting(number(0), (), "what a GPU costs an hour; makes `cost` known"),
    "patience": Setting(integer(1), (), "the run ends after so many trials without an improvement"),
    "target_metric": Setting(number(), (), "the run ends once the metric is this good"),
    "max_attempts": Setting(integer(1), (), "attempts at a job that fails for reasons of infrastructure"),
    "tolerated_failure_rate": Setting(number(0, 1), (), "the run fails if a larger share of its trials does"),
    "platform_patience": Setting(DURATION, (), "how long to wait for a platform that cannot be reached"),
    "evaluate_default": Setting(boolean, (), "trial 0 is the default configuration, and the baseline"),
    "allow_proxy_metric": Setting(boolean, (), "go on without a baseline"),
    "early_stopping": Setting(rules, (), "stops hopeless trials: percentile, threshold, asha, curve or none"),
    "warm_start": Setting(texts, (), "workspaces and CSV files of earlier runs, to learn from"),
    "train_sample_count": Setting(integer(1), (), "samples of the training data; counted where that is cheap"),
    "automl_delete_intermediate_ckpt": Setting(boolean, (), "checkpoints that nothing can need any more are deleted"),
    "automl_checkpoint_retention_strategy": Setting(
        one_of("auto", *(kind.value for kind in Retention)), (), "which checkpoints are kept in the end"
    ),
    "fixed_parameters": Setting(mapping, (), "parameters that are not searched, and their values"),
    "seed": Setting(integer(0), (), "the address of all random draws"),
    "trackers": Setting(trackers_setting, (), "where the run is shown (wandb, mlflow, tensorboard), and their options"),
}
SEARCHER_SETTINGS = {"automl_max_recommendations": "num_recommendations", "automl_reduction_factor": "reduction_factor"}
ALIASES = {alias: name for name, setting in SETTINGS.items() for alias in setting.aliases}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """Settings past the door. `searcher` holds what goes to the searcher; `given` is the canonical form, as JSON."""

    given: Mapping[str, Any]
    searcher: Mapping[str, Any]
    rules: Rules
    max_epochs: int | None = None
    seed: int = 0
    fixed_parameters: Mapping[str, Any] = field(default_factory=dict)


def parse_settings(raw: Mapping[str, Any] | None, searcher: type) -> RunSettings:
    """Checks every setting against the table and the searcher's own fields. Raises SettingsError."""
    own = searcher_settings(searcher)
    given: dict[str, Any] = {}
    for key, value in mapping("automl_settings", raw or {}).items():
        name = _canonical(key, own)
        if name in given:
            raise SettingsError(f"automl_settings: `{key}` is given twice, the other time as `{name}` or its alias")
        given[name] = SETTINGS[name].parse(key, value) if name in SETTINGS else value
    to_searcher = {SEARCHER_SETTINGS.get(k, k): v for k, v in given.items() if k in SEARCHER_SETTINGS or k in own}
    _refuse_foreign(to_searcher, own, searcher)
    return RunSettings(
        given=given,
        searcher=to_searcher,
        rules=_rules(given),
        max_epochs=given.get("automl_max_epochs"),
        seed=given.get("seed", 0),
        fixed_parameters=given.get("fixed_parameters", {}),
    )


def searcher_settings(searcher: type) -> dict[str, Any]:
    """The settings of a searcher, by name: its dataclass fields but for the problem."""
    return {f.name: f for f in fields(searcher) if f.name != "problem"}


def setting_default(setting: Any) -> Any:
    """The default of a searcher's setting, or None if it has none."""
    return None if setting.default is MISSING else setting.default


def _canonical(key: Any, own: Mapping[str, Any]) -> str:
    name = str(key)
    if name in SETTINGS or name in ALIASES:
        return ALIASES.get(name, name)
    for own_name, own_field in own.items():
        if name == own_name or name in own_field.metadata.get("aliases", ()):
            return own_name
    if owners := _owners(name):
        raise SettingsError(
            f"automl_settings: `{name}` is a setting of {', '.join(owners)}, which the run does not use",
            "leave it out, or choose another algorithm",
        )
    known = [*SETTINGS, *ALIASES, *own]
    close = difflib.get_close_matches(name, known, n=1)
    raise SettingsError(
        f"automl_settings: unknown setting `{name}`",
        f"did you mean `{close[0]}`?" if close else f"known: {', '.join(sorted(known))}",
    )


def _owners(name: str) -> list[str]:
    """The searchers that have such a setting."""
    return [
        searcher
        for searcher in plugins.names(plugins.SEARCHERS)
        for own_name, own in searcher_settings(plugins.load(plugins.SEARCHERS, searcher)).items()
        if name == own_name or name in own.metadata.get("aliases", ())
    ]


def _refuse_foreign(settings: Mapping[str, Any], own: Mapping[str, Any], searcher: type) -> None:
    foreign = [name for name in settings if name not in own]
    if foreign:
        raise SettingsError(
            f"automl_settings: `{foreign[0]}` is not a setting of {searcher.__name__}",
            f"its settings: {', '.join(own) or 'none'}",
        )


def _rules(given: Mapping[str, Any]) -> Rules:
    renamed = {"automl_max_concurrent": "max_concurrent"}
    known = {f.name for f in fields(Rules)}
    named = {renamed.get(key, key): value for key, value in given.items()}
    if "max_cost" in given and "price_per_gpu_hour" not in given:
        raise SettingsError("max_cost: the price of a GPU is not known", "set `price_per_gpu_hour`, too")
    values = {key: value for key, value in named.items() if key in known}
    return Rules(**values, retention=_retention(given))


def _retention(given: Mapping[str, Any]) -> Retention:
    delete = given.get("automl_delete_intermediate_ckpt")
    strategy = given.get("automl_checkpoint_retention_strategy", "auto")
    if strategy == "auto":
        return Retention.TERMINAL if delete else Retention.ALL
    if delete is not None and delete is (strategy == Retention.ALL.value):
        raise SettingsError(
            f"automl_checkpoint_retention_strategy: {strategy!r} contradicts automl_delete_intermediate_ckpt={delete}",
            "keep one of them",
        )
    return Retention(strategy)
