"""From arguments to everything a run needs. The same arguments and skill files give the same setup, always."""

import importlib.metadata
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from packaging.requirements import Requirement

from tao_automl import plugins
from tao_automl.bank import (
    Skill,
    SpaceReading,
    data_source_overrides,
    find_skill,
    flatten,
    list_key,
    load_skill,
    nest,
    read_space,
    read_template,
    support_gate,
)
from tao_automl.bank.sample_count import count_samples
from tao_automl.domain.goal import Goal
from tao_automl.domain.json_types import JsonObject
from tao_automl.domain.nearest import nearest_hint
from tao_automl.domain.ports import Searcher, Stopper
from tao_automl.domain.problem import Fidelity, Problem
from tao_automl.errors import DataError, MissingExtra, SettingsError
from tao_automl.metrics import LogPattern
from tao_automl.runner.arguments import Arguments
from tao_automl.runner.goals import goal_for, own_metric
from tao_automl.runner.metric_sources import metric_files
from tao_automl.runner.settings import RunSettings, mapping, parse_settings
from tao_automl.runner.skill_jobs import SkillJobs
from tao_automl.runner.warm_start import known_trials, read_rows
from tao_automl.search.choosing import Choice, choose
from tao_automl.search.stopping import make_stopper

AUTO = "auto"  # the algorithm that suits the problem
REMOTE = re.compile(r"^[a-z][a-z0-9+.-]+://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What was resolved from `arguments`, whose settings and paths are canonical now."""

    arguments: Arguments
    skill: Skill
    reading: SpaceReading
    problem: Problem
    settings: RunSettings
    searcher: Searcher
    stopper: Stopper | None
    known: tuple[JsonObject, ...]
    scored_by_evaluation: bool
    jobs: SkillJobs
    why_algorithm: str = ""


class Capacity(Protocol):
    """What the setup needs to know of a platform."""

    def capacity(self, gpus: int) -> int | None:
        """See `tao_automl.domain.ports.PlatformSDK`."""


def prepare(arguments: Arguments, platform: Capacity, *, known: tuple[JsonObject, ...] | None = None) -> Setup:
    """Resolves and checks everything that can be checked without running anything. Raises UserError.

    `known` is what a run that is resumed has learned from earlier ones; for a new run it is read.
    """
    skill = load_skill(find_skill(arguments.skill_dir).resolve())
    support_gate(skill, arguments.action)
    require_packages(skill)
    skill = _for_action(skill, arguments.action)
    arguments = _with_algorithm(arguments, skill)
    why = ""
    if arguments.automl_algorithm == AUTO:
        name, why = _chosen(arguments, skill, platform)
        arguments = replace(arguments, automl_algorithm=name)
    searcher_class = plugins.load(plugins.SEARCHERS, str(arguments.automl_algorithm))
    settings = parse_settings(arguments.automl_settings, searcher_class)
    arguments = _canonical(arguments, skill, settings, platform)
    _check_gpu_limits(arguments, settings)
    overrides = _overrides(arguments, skill)
    reading = _reading(arguments, skill, settings, overrides)
    goal = goal_for(skill, arguments.action, settings.given)
    _check_goal(goal, settings)
    rows = read_rows(settings.given.get("warm_start", ())) if known is None else known
    problem = Problem(
        space=reading.space,
        objective=goal.objectives[0],
        others=goal.objectives[1:],
        constraints=goal.constraints,
        fidelity=fidelity_for(skill, settings),
        seed=settings.seed,
    )
    problem = replace(problem, known=known_trials(problem, rows))
    asked = settings.given.get("early_stopping")
    return Setup(
        arguments=arguments,
        skill=skill,
        reading=reading,
        problem=problem,
        settings=settings,
        searcher=make_searcher(searcher_class, problem, settings),
        stopper=make_stopper(problem, asked) if asked else None,
        known=rows,
        scored_by_evaluation=_scored_by_evaluation(skill, arguments, settings, goal),
        jobs=_jobs(arguments, skill, problem.fidelity, overrides, settings),
        why_algorithm=why,
    )


def _reading(
    arguments: Arguments, skill: Skill, settings: RunSettings, overrides: Mapping[str, Mapping[str, Any]]
) -> SpaceReading:
    return read_space(
        skill,
        arguments.action,
        hyperparameters=arguments.automl_hyperparameters,
        custom_param_ranges=arguments.custom_param_ranges or None,
        fixed=_fixed(settings, overrides[arguments.action], arguments, skill.fidelity.key if skill.fidelity else None),
        context=_context(arguments, skill, settings),
    )


@dataclass(frozen=True, kw_only=True)
class _AnySearcher:
    """The settings that can be given before it is known which algorithm it will be."""

    problem: Problem
    num_recommendations: int = 20


def _chosen(arguments: Arguments, skill: Skill, platform: Capacity) -> Choice:
    """The algorithm that suits the problem."""
    settings = parse_settings(arguments.automl_settings, _AnySearcher)
    asked = _canonical(arguments, skill, settings, platform)
    bounds = (platform.capacity(asked.gpu_count or 0), settings.rules.max_concurrent)
    return choose(
        space=_reading(asked, skill, settings, _overrides(asked, skill)).space,
        fidelity=fidelity_for(skill, settings),
        slots=max(1, min((bound for bound in bounds if bound is not None), default=1)),
        budget=settings.searcher.get("num_recommendations", _AnySearcher.num_recommendations),
    )


def make_searcher(searcher_class: type, problem: Problem, settings: RunSettings) -> Searcher:
    """Raises SettingsError for a value that the searcher does not take."""
    try:
        searcher: Searcher = searcher_class(problem=problem, **settings.searcher)
    except TypeError as error:
        raise SettingsError(f"automl_settings: {error}") from error
    return searcher


def require_packages(skill: Skill) -> None:
    """Native training code runs in this interpreter on the local platform: what it imports must be installed."""
    extra = skill.runtime_requirements.extra
    for package in skill.runtime_requirements.packages:
        found = _fault(Requirement(package))
        if found:
            remedy = f"pip install 'tao-automl[{extra}]'" if extra else f"pip install '{package}'"
            raise MissingExtra(f"{skill.name} needs the package `{package}`: {found}", remedy)


def _fault(requirement: Requirement) -> str | None:
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return "it is not installed"
    return None if requirement.specifier.contains(version, prereleases=True) else f"version {version} is installed"


def _scored_by_evaluation(skill: Skill, arguments: Arguments, settings: RunSettings, goal: Goal) -> bool:
    """Whether each trial is scored by the evaluate action: if asked for, and where nothing else tells the metric."""
    if "evaluate_trials" in settings.given:
        return bool(settings.given["evaluate_trials"])
    evaluate, own = skill.actions.get("evaluate"), own_metric(skill, arguments.action)
    return bool(evaluate and evaluate.metric in goal.names and evaluate.metric != own)


def _check_goal(goal: Goal, settings: RunSettings) -> None:
    if len(goal.objectives) > 1 and settings.rules.target_metric is not None:
        raise SettingsError("target_metric: it needs one objective", "give the objectives a `threshold`")


def fidelity_for(skill: Skill, settings: RunSettings) -> Fidelity | None:
    """The skill's fidelity, up to `automl_max_epochs` if that is given."""
    declared = skill.fidelity
    if declared is None:
        if settings.max_epochs is not None:
            raise SettingsError(f"automl_max_epochs: {skill.name} declares no fidelity", "leave it out")
        return None
    high = settings.max_epochs if settings.max_epochs is not None else declared.max
    return Fidelity(key=declared.key, low=declared.min, high=high, resumable=declared.resumable, unit=declared.unit)


def _for_action(skill: Skill, action: str) -> Skill:
    """Without a fidelity where the action has no such key: pruning, for instance, knows no epochs."""
    if skill.fidelity is None or skill.fidelity.key in flatten(read_template(skill, action)):
        return skill
    return replace(skill, fidelity=None)


def _with_algorithm(arguments: Arguments, skill: Skill) -> Arguments:
    """The algorithm asked for, in either place; else the skill's recommendation; else what its fidelity permits."""
    settings = dict(mapping("automl_settings", arguments.automl_settings))
    asked, in_settings = arguments.automl_algorithm, settings.pop("algorithm", None)
    if asked and in_settings and asked != in_settings:
        raise SettingsError(f"automl_algorithm: {asked!r} there, {in_settings!r} in automl_settings", "name it once")
    recommended = skill.hpo.get("recommended_algorithm")
    if recommended not in plugins.names(plugins.SEARCHERS) or skill.fidelity is None:
        recommended = "asha" if skill.fidelity else "random"
    algorithm = str(asked or in_settings or recommended)
    return replace(arguments, automl_algorithm=algorithm, automl_settings=settings)


def _canonical(arguments: Arguments, skill: Skill, settings: RunSettings, platform: Capacity) -> Arguments:
    gpus = arguments.gpu_count if arguments.gpu_count is not None else _default_gpus(skill, platform)
    limits = skill.limits
    if gpus < limits.min_gpus or (limits.max_gpus is not None and gpus > limits.max_gpus):
        bounds = f"{limits.min_gpus} to {limits.max_gpus if limits.max_gpus is not None else 'any number of'} GPUs"
        raise SettingsError(f"gpu_count: {skill.name} trains on {bounds}, got {gpus}")
    if arguments.num_nodes < 1 or (limits.max_nodes is not None and arguments.num_nodes > limits.max_nodes):
        raise SettingsError(
            f"num_nodes: {skill.name} trains on 1 to {limits.max_nodes} nodes, got {arguments.num_nodes}"
        )
    return replace(
        arguments,
        skill_dir=str(skill.path),
        automl_settings=dict(settings.given),
        train_dataset_uri=_resolved("train_dataset_uri", arguments.train_dataset_uri),
        eval_dataset_uri=_resolved("eval_dataset_uri", arguments.eval_dataset_uri),
        gpu_count=gpus,
    )


def _check_gpu_limits(arguments: Arguments, settings: RunSettings) -> None:
    for name in ("max_gpu_hours", "max_cost"):
        if name in settings.given and not arguments.gpu_count:
            raise SettingsError(f"{name}: the jobs use no GPU, so it would never be reached", "set `max_wall_time`")


def _default_gpus(skill: Skill, platform: Capacity) -> int:
    """One where the model can use it and the platform has it."""
    if skill.gpu_spec_key is None or platform.capacity(1) == 0:
        return skill.limits.min_gpus
    return max(1, skill.limits.min_gpus)


def _resolved(name: str, uri: str | None) -> str | None:
    if uri is None:
        return None
    if REMOTE.match(uri):
        scheme = uri.split(":", 1)[0]
        raise DataError(
            f"{name}: {scheme}:// is not supported by this version, got {uri}", "copy the data to a local path"
        )
    path = Path(uri).expanduser().absolute()
    if not path.exists():
        raise DataError(f"{name}: no such file or folder: {path}", "name data that exists on this machine")
    return str(path)


def _overrides(arguments: Arguments, skill: Skill) -> dict[str, dict[str, Any]]:
    """Action -> flat overrides. A key of the searched action's template belongs to it, else to all that have it."""
    short = skill.spec_shorthand_keys
    given = flatten(nest({short.get(name, name): value for name, value in arguments.spec_overrides.items()}))
    specified = [action for action in skill.actions if skill.template_path(action).is_file()]
    found: dict[str, dict[str, Any]] = {action: {} for action in specified}
    templates = {action: flatten(read_template(skill, action)) for action in specified} if given else {}
    for name, value in given.items():
        owners = [action for action, keys in templates.items() if list_key(name) in keys]
        if not owners:
            known = [key for keys in templates.values() for key in keys]
            raise SettingsError(f"spec_overrides: {skill.name} has no spec key `{name}`", nearest_hint(name, known))
        for action in [arguments.action] if arguments.action in owners else owners:
            found[action][name] = value
    return found


def _fixed(
    settings: RunSettings, overrides: Mapping[str, Any], arguments: Arguments, fidelity_key: str | None
) -> dict[str, Any] | None:
    """Parameters that the user fixed; an override of a parameter fixes it."""
    asked = arguments.automl_hyperparameters or ()
    if fidelity_key in overrides:
        raise SettingsError(
            f"spec_overrides: `{fidelity_key}` is the budget of a trial, which the search sets",
            "set `automl_max_epochs` for a complete training",
        )
    clash = [name for name in (*settings.fixed_parameters, *overrides) if name in asked]
    if clash:
        raise SettingsError(
            f"{clash[0]}: it is to be searched and has a fixed value at the same time", "keep one of them"
        )
    return {**overrides, **settings.fixed_parameters} or None


def _context(arguments: Arguments, skill: Skill, settings: RunSettings) -> dict[str, Any]:
    """What every job of the run sets by itself, and conditions, constraints and derived parameters may ask for."""
    fidelity = fidelity_for(skill, settings)
    named = {skill.gpu_spec_key: arguments.gpu_count or 0, skill.node_spec_key: arguments.num_nodes}
    budget = {fidelity.key: fidelity.high} if fidelity else {}
    return {key: value for key, value in named.items() if key is not None} | budget


def _jobs(
    arguments: Arguments,
    skill: Skill,
    fidelity: Fidelity | None,
    overrides: Mapping[str, Mapping[str, Any]],
    settings: RunSettings,
) -> SkillJobs:
    data = {
        action: data_source_overrides(skill, action, arguments.train_dataset_uri, arguments.eval_dataset_uri)
        for action in (arguments.action, "evaluate")
        if action in skill.actions
    }
    image = arguments.image or skill.action(arguments.action).container_image or skill.container_image
    return SkillJobs(
        skill=skill,
        action=arguments.action,
        fidelity=fidelity,
        overrides=overrides,
        data=data,
        patterns=_patterns(skill),
        metric_files=metric_files(skill),
        image=None if skill.runtime == "python" else image,
        gpus=arguments.gpu_count or 0,
        nodes=arguments.num_nodes,
        time_limit=settings.rules.max_trial_time,
        sample_count=settings.given.get("train_sample_count") or _samples(arguments, skill),
    )


def _samples(arguments: Arguments, skill: Skill) -> int | None:
    """How many samples there are to train on, where that is cheap to find out."""
    found = data_source_overrides(skill, arguments.action, arguments.train_dataset_uri)
    return count_samples(text for value in found.values() for text in _texts(value))


def _texts(value: object) -> Iterator[str]:
    """The texts in a value of a spec, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from (text for part in value.values() for text in _texts(part))
    elif isinstance(value, Sequence):
        yield from (text for part in value for text in _texts(part))


def _patterns(skill: Skill) -> tuple[LogPattern, ...]:
    return tuple(
        LogPattern(metric=metric.name, pattern=re.compile(metric.source.pattern))
        for metric in skill.metrics
        if metric.source.kind == "log_pattern" and metric.source.pattern
    )
