"""`run` and `plan`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tao_automl.cli import options
from tao_automl.cli.outcome import shown, watch
from tao_automl.cli.output import Format, note, page_width, write_text
from tao_automl.cli.values import parse_headed, parse_pairs, parse_ranges
from tao_automl.errors import UserError

if TYPE_CHECKING:
    from tao_automl.runner import AutoMLRunner, Plan

SHORT_SETTINGS = {
    "metric": "metric",
    "direction": "direction",
    "max_trials": "automl_max_recommendations",
    "max_concurrent": "automl_max_concurrent",
    "seed": "seed",
    "objective": "objectives",
    "constraint": "outcome_constraints",
    "tracking_metric": "tracking_metrics",
    "evaluate_trials": "evaluate_trials",
    "warm_start": "warm_start",
    "early_stopping": "early_stopping",
    "patience": "patience",
    "max_gpu_hours": "max_gpu_hours",
    "max_cost": "max_cost",
    "price_per_gpu_hour": "price_per_gpu_hour",
    "retention": "automl_checkpoint_retention_strategy",
}
HEADED = {"objective": "metric", "early_stopping": "type"}  # options of the form HEAD[:KEY=VALUE,...]


def register(app: typer.Typer) -> None:
    app.command(rich_help_panel="Runs")(run)
    app.command(rich_help_panel="Runs")(plan)


def run(
    skill: options.Skill,
    workspace: options.RunWorkspace,
    train_data: options.TrainData = None,
    eval_data: options.EvalData = None,
    action: options.Action = "train",
    override: options.Override = None,
    algorithm: options.Algorithm = None,
    metric: options.Metric = None,
    direction: options.Direction = None,
    objective: options.Objective = None,
    constraint: options.Constraint = None,
    tracking_metric: options.TrackingMetric = None,
    evaluate_trials: options.EvaluateTrials = None,
    max_trials: options.MaxTrials = None,
    max_concurrent: options.MaxConcurrent = None,
    seed: options.Seed = None,
    warm_start: options.WarmStart = None,
    early_stopping: options.EarlyStopping = None,
    patience: options.Patience = None,
    max_gpu_hours: options.MaxGpuHours = None,
    max_cost: options.MaxCost = None,
    price_per_gpu_hour: options.PricePerGpuHour = None,
    retention: options.Retention = None,
    param: options.Param = None,
    range_: options.Range = None,
    setting: options.Setting = None,
    platform: options.Platform = "local",
    gpus: options.Gpus = None,
    nodes: options.Nodes = None,
    image: options.Image = None,
    platform_option: options.PlatformOption = None,
    tracker: options.Tracker = None,
    plan_token: options.PlanToken = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Launch without asking. Needed where nobody can be asked.")
    ] = False,
    output: options.OutputFormat = Format.TEXT,
) -> int:
    r"""Search the hyperparameters of a skill: review the plan, confirm, watch, and get the winner.

    Ctrl-C leaves the run: its jobs go on, and `resume` continues it. `cancel` ends it.

    [bold]Examples[/bold]

      tao-automl run train-tabular --train-data train.csv \
        --eval-data test.csv --workspace runs/one

      tao-automl run train-tabular --train-data train.csv --workspace runs/two \
        --algorithm asha --max-trials 30 --max-concurrent 4 \
        --range model.mlp.learning_rate=1e-4:1e-2:log \
        --setting max_wall_time=90m --yes --format json

      tao-automl run train-tabular --train-data train.csv --workspace runs/three \
        --objective accuracy --objective seconds:direction=minimize \
        --constraint "accuracy >= 0.95 * baseline" --patience 15
    """
    arguments = _arguments(**_but(locals(), "skill", "workspace", "action", "platform", "yes", "output", "plan_token"))
    _refuse_used(workspace)
    runner = _Runner(skill=skill, platform=platform, workspace=workspace, action=action)
    _review(runner.make().plan(**arguments), yes=yes, output=output)
    return watch(lambda listener: runner.make(listener).run(**arguments, plan_token=plan_token), workspace, output)


def plan(
    skill: options.Skill,
    workspace: options.PlanWorkspace = None,
    train_data: options.TrainData = None,
    eval_data: options.EvalData = None,
    action: options.Action = "train",
    override: options.Override = None,
    algorithm: options.Algorithm = None,
    metric: options.Metric = None,
    direction: options.Direction = None,
    objective: options.Objective = None,
    constraint: options.Constraint = None,
    tracking_metric: options.TrackingMetric = None,
    evaluate_trials: options.EvaluateTrials = None,
    max_trials: options.MaxTrials = None,
    max_concurrent: options.MaxConcurrent = None,
    seed: options.Seed = None,
    warm_start: options.WarmStart = None,
    early_stopping: options.EarlyStopping = None,
    patience: options.Patience = None,
    max_gpu_hours: options.MaxGpuHours = None,
    max_cost: options.MaxCost = None,
    price_per_gpu_hour: options.PricePerGpuHour = None,
    retention: options.Retention = None,
    param: options.Param = None,
    range_: options.Range = None,
    setting: options.Setting = None,
    platform: options.Platform = "local",
    gpus: options.Gpus = None,
    nodes: options.Nodes = None,
    image: options.Image = None,
    platform_option: options.PlatformOption = None,
    tracker: options.Tracker = None,
    output: options.OutputFormat = Format.TEXT,
) -> None:
    """Show what `run` with the same arguments would do, and what keeps it from it. Launches and writes nothing.

    [bold]Examples[/bold]

      tao-automl plan train-tabular
      tao-automl plan train-tabular --train-data train.csv --workspace runs/one --max-trials 20
    """
    arguments = _arguments(**_but(locals(), "skill", "workspace", "action", "platform", "output"))
    runner = _Runner(skill=skill, platform=platform, workspace=workspace, action=action)
    review = runner.make().plan(**arguments)
    if output is Format.JSON:
        sys.stdout.write(review.to_json())
    else:
        write_text(_plan_text(review))


class _Runner:
    """Makes the runner of these arguments, with a listener or without."""

    def __init__(self, *, skill: str, platform: str, workspace: Path | None, action: str) -> None:
        self._keywords: dict[str, Any] = {
            "skill_dir": skill, "platform_sdk": platform, "workspace_dir": workspace, "action": action
        }  # fmt: skip

    def make(self, listener: Any = None) -> "AutoMLRunner":
        from tao_automl.runner import AutoMLRunner

        return AutoMLRunner(**self._keywords, on_event=listener)


def _but(given: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name not in names}


def _arguments(
    *,
    train_data: str | None,
    eval_data: str | None,
    override: list[str] | None,
    algorithm: str | None,
    param: list[str] | None,
    range_: list[str] | None,
    setting: list[str] | None,
    gpus: int | None,
    nodes: int | None,
    image: str | None,
    platform_option: list[str] | None,
    tracker: list[str] | None,
    **short: Any,
) -> dict[str, Any]:
    """Options as the runner's keyword arguments; what was not given is left to the runner."""
    given = {
        "automl_algorithm": algorithm,
        "automl_settings": {**settings_from(setting, short), **tracker_settings(tracker)},
        "spec_overrides": parse_pairs("--override", override or ()),
        "automl_hyperparameters": param or None,
        "custom_param_ranges": parse_ranges(range_ or ()),
        "train_dataset_uri": train_data,
        "eval_dataset_uri": eval_data,
        "gpu_count": gpus,
        "num_nodes": nodes,
        "image": image,
        "platform_options": parse_pairs("--platform-option", platform_option or ()),
    }
    return {name: value for name, value in given.items() if value is not None and value != {}}


def tracker_settings(tracker: list[str] | None) -> dict[str, Any]:
    """`--tracker` options as the setting that they stand for."""
    from tao_automl.cli.export import parse_trackers

    return {"trackers": parse_trackers(tracker)} if tracker else {}


def settings_from(pairs: list[str] | None, short: dict[str, Any]) -> dict[str, Any]:
    """`--setting` options and the short ways to some of them. Raises SettingsError for one that is given both ways."""
    from tao_automl.errors import SettingsError

    settings = parse_pairs("--setting", pairs or ())
    for option, value in short.items():
        name = SHORT_SETTINGS[option]
        if value is None or value == []:
            continue
        flag, head = f"--{option.replace('_', '-')}", HEADED.get(option)
        if name in settings:
            raise SettingsError(f"{flag} and --setting {name} say the same; both are given", "keep one of them")
        settings[name] = [parse_headed(flag, head, text) for text in value] if head else value
    return settings


def _refuse_used(workspace: Path) -> None:
    """Before anybody reads a plan that cannot be launched. The runner refuses such a folder, too."""
    from tao_automl.runner import read_events

    try:
        used = next(read_events(workspace), None) is not None
    except UserError:
        return  # there is no run in it
    if used:
        hint = f"`tao-automl resume {shown(workspace)}` continues it; or name another folder"
        raise UserError(f"{workspace}: the folder already holds a run", hint)


def _review(plan: "Plan", *, yes: bool, output: Format) -> None:
    """Shows the plan and asks. Where nobody can be asked, `--yes` is needed. A plan that is blocked is refused."""
    from tao_automl.runner.blockers import Blocker, refuse

    refuse(Blocker(**row) for row in plan["blockers"])
    text = _plan_text(plan)
    (write_text if output is Format.TEXT else note)(text)
    note("")
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UserError("nothing was launched: there is no terminal to ask for confirmation on", "add --yes to launch")
    if output is Format.TEXT and not sys.stdout.isatty():
        note(text)  # who is asked must have seen it
    if not typer.confirm("Launch this?", default=False, err=True):
        raise UserError("nothing was launched: the plan was not confirmed")


def _plan_text(plan: "Plan") -> str:
    from tao_automl.runner import format_plan

    return format_plan(plan, width=page_width())
