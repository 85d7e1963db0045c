"""The door for the arguments of a run: names, aliases, and the canonical form that the journal keeps."""

import dataclasses
import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from tao_automl.domain.events import ExperimentCreated
from tao_automl.engine.world import Callbacks
from tao_automl.errors import SettingsError
from tao_automl.runner.trackers import settle_trackers

ALIASES = {"sdk": "platform_sdk", "workspace_path": "workspace_dir"}
BY_HAND = "by hand"  # the platform of a study: there is none


class RunArguments(TypedDict, total=False):
    """The keyword arguments of `AutoMLRunner.run` and `AutoMLRunner.plan`; all are optional.

    automl_algorithm: a searcher's name, or ``auto`` for one that suits the problem; also
        ``automl_settings["algorithm"]``. The skill's recommendation unless given.
    automl_settings: see `tao_automl.runner.settings.SETTINGS`, and the searcher's own fields.
    spec_overrides: spec keys and values, nested or dotted. Fixes a parameter that would be searched.
    automl_hyperparameters: dotted names to search; the schema's own choice unless given.
    custom_param_ranges: name -> some of ``valid_min valid_max valid_options option_weights scale step depends_on``.
    train_dataset_uri, eval_dataset_uri: where the data is; the skill says which spec keys they fill.
    metric_extractor: ``(new log text, metric) -> float | None``. Raising is logged once a job.
    eval_fn: ``(rec, train_job_id) -> float | (mean, sem) | {metric: value}``. It alone decides then: if it raises or
        answers nothing, the trial fails as metric_missing.
    baseline_fn: ``(base_specs) -> float | {metric: value}``, before any recommendation. If it fails, the run stops.
    final_eval_fn: ``(best_rec, train_job_id) -> float | {metric_value, record_path, job_id}``. If it fails, the final
        evaluation says callback_error; the search's result stands.
    feedback_fn: ``(rec, train_job_id) -> JSON`` for the LLM-guided searchers, after each trial; labels, ids and paths
        are taken out. Errors are logged.
    plan_token: `Plan.token`; the run is refused if it would not do what that plan showed.
    on_recommendation, on_result: ``(rec)`` and ``(rec, metric, status)``; told after the fact, errors are logged.
    image, gpu_count, num_nodes, platform_options: the shape of a job.
    wandb_config: what to show in Weights & Biases (project, entity, mode, group, tags, name, dir, ...): the same as
        ``automl_settings["trackers"]["wandb"]``. See `tao_automl.tracking.with_wandb.WandbOptions`.
    """

    automl_algorithm: str | None
    automl_settings: Mapping[str, Any] | None
    spec_overrides: Mapping[str, Any] | None
    automl_hyperparameters: Sequence[str] | None
    custom_param_ranges: Mapping[str, Any] | None
    train_dataset_uri: str | Path | None
    eval_dataset_uri: str | Path | None
    metric_extractor: Callable[..., Any] | None
    eval_fn: Callable[..., Any] | None
    final_eval_fn: Callable[..., Any] | None
    baseline_fn: Callable[..., Any] | None
    feedback_fn: Callable[..., Any] | None
    on_recommendation: Callable[..., Any] | None
    on_result: Callable[..., Any] | None
    image: str | None
    gpu_count: int | None
    num_nodes: int | None
    platform_options: Mapping[str, Any] | None
    plan_token: str | None
    wandb_config: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """What a run was asked for, as JSON. Together with the skill's files it decides everything but the callbacks.

    `trackers` show the run elsewhere, and decide nothing: a resumed run may have others.
    """

    skill_dir: str
    action: str
    platform: str
    automl_algorithm: str | None = None
    automl_settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    spec_overrides: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    automl_hyperparameters: Sequence[str] | None = None
    custom_param_ranges: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    train_dataset_uri: str | None = None
    eval_dataset_uri: str | None = None
    image: str | None = None
    gpu_count: int | None = None
    num_nodes: int = 1
    platform_options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    trackers: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)

    @classmethod
    def recorded(cls, facts: ExperimentCreated) -> "Arguments":
        """As the first event of a run has them."""
        known: dict[str, Any] = dict(facts.arguments)
        return cls(**known)

    def updated(self, given: Mapping[str, Any]) -> "Arguments":
        """With what is given and not None in `given`, a form of `RunArguments`."""
        names = {item.name for item in dataclasses.fields(self)}
        settled = settle_trackers(given, self.trackers)
        known = {name: value for name, value in settled.items() if value is not None and name in names}
        for name in ("train_dataset_uri", "eval_dataset_uri"):
            known.update({name: str(known[name])} if name in known else {})
        return dataclasses.replace(self, **known)

    def differences(self, other: "Arguments") -> list[str]:
        """One line for every argument in which the two differ, the trackers left aside."""
        return [
            f"{item.name} was {getattr(other, item.name)!r}, is {getattr(self, item.name)!r}"
            for item in dataclasses.fields(self)
            if item.name != "trackers" and getattr(self, item.name) != getattr(other, item.name)
        ]


def refuse_unknown(where: str, given: Mapping[str, Any], known: Iterable[str]) -> None:
    """One error for keyword arguments that are not `known`; it names the nearest that is."""
    names = sorted(known)
    for name in given:
        if name in names:
            continue
        close = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean `{close[0]}`?" if close else f"known: {', '.join(names)}"
        raise SettingsError(f"{where}: unknown argument `{name}`", hint)


def make_callbacks(given: Mapping[str, Any]) -> Callbacks:
    """The user's functions among `given`; one that cannot be called is an error."""
    found = {item.name: given.get(item.name) for item in dataclasses.fields(Callbacks)}
    for name, function in found.items():
        if function is not None and not callable(function):
            raise SettingsError(f"{name}: a function is needed, got {function!r}")
    return Callbacks(**found)
