"""`study create`, `ask` and `tell`: the search alone, for training that something else runs."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tao_automl.cli import options
from tao_automl.cli.launch import settings_from
from tao_automl.cli.output import Format, write_json, write_text
from tao_automl.cli.values import parse_pairs, parse_ranges, parse_scalar
from tao_automl.errors import UserError

if TYPE_CHECKING:
    from tao_automl.domain.trial import Trial

StudyFolder = Annotated[Path, typer.Argument(metavar="DIR", help="The study's folder.", show_default=False)]


def register(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="Searches whose trials something else runs; see `ask` and `tell`.")
    group.command()(create)
    app.add_typer(group, name="study", rich_help_panel="Studies")
    app.command(rich_help_panel="Studies")(ask)
    app.command(rich_help_panel="Studies", context_settings={"ignore_unknown_options": True})(tell)


def create(
    workspace: StudyFolder,
    skill: Annotated[
        str, typer.Option(help="The model skill whose search space and metrics are used.", show_default=False)
    ],
    algorithm: options.Algorithm = None,
    metric: options.Metric = None,
    direction: options.Direction = None,
    max_trials: options.MaxTrials = None,
    seed: options.Seed = None,
    param: options.Param = None,
    range_: options.Range = None,
    setting: options.Setting = None,
    override: options.Override = None,
    output: options.OutputFormat = Format.TEXT,
) -> None:
    """Begin a search whose trials you run yourself.

    [bold]Example[/bold]

      tao-automl study create studies/one --skill train-tabular --max-trials 20
      tao-automl ask studies/one --format json
      tao-automl tell studies/one 0 0.91
    """
    from tao_automl.runner import create_study

    short = {"metric": metric, "direction": direction, "max_trials": max_trials, "seed": seed}
    with create_study(
        workspace,
        skill_dir=skill,
        algorithm=algorithm,
        settings=settings_from(setting, short),
        hyperparameters=param or None,
        custom_param_ranges=parse_ranges(range_ or ()) or None,
        spec_overrides=parse_pairs("--override", override or ()),
    ) as study:
        facts = study.experiment.facts
    goal = {"metric": facts.objective.metric, "direction": facts.objective.direction.value}
    document = {"workspace": str(workspace), "skill": facts.skill, "algorithm": facts.algorithm, **goal}
    text = f"created {workspace}: {facts.algorithm} over {facts.skill}, {goal['direction']} {goal['metric']}"
    _answer(output, document, text)


def ask(
    workspace: StudyFolder,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Trials wanted; there may be fewer.")] = 1,
    output: options.OutputFormat = Format.TEXT,
) -> None:
    """Get trials to run: their number, budget and hyperparameters.

    [bold]Example[/bold]

      tao-automl ask studies/one -n 4 --format json
    """
    from tao_automl.runner import open_study

    with open_study(workspace) as study:
        trials = study.ask(count)
    text = "\n".join(_trial_text(trial) for trial in trials) or "nothing to run now"
    _answer(output, {"trials": [_trial_json(trial) for trial in trials]}, text)


def tell(
    workspace: StudyFolder,
    trial: Annotated[int, typer.Argument(metavar="TRIAL", help="The number that `ask` gave.", show_default=False)],
    value: Annotated[
        str | None, typer.Argument(metavar="VALUE", help="The metric; left out with --failed.", show_default=False)
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="The trial failed; it has no value.")] = False,
    reason: Annotated[str, typer.Option(help="Why it failed.", show_default=False)] = "",
    output: options.OutputFormat = Format.TEXT,
) -> None:
    """Say what came of a trial.

    [bold]Examples[/bold]

      tao-automl tell studies/one 3 0.92
      tao-automl tell studies/one 4 --failed --reason "out of memory"
    """
    from tao_automl.runner import open_study

    number = _told(value, failed)
    with open_study(workspace) as study:
        told, best = study.tell(trial, number, failed=failed, reason=reason), study.best
    document = {"trial": _trial_json(told), "best": _trial_json(best) if best else None}
    _answer(output, document, _told_text(told, best))


def _told(value: str | None, failed: bool) -> float | None:
    if value is not None and value.startswith("--"):
        raise UserError(f"no such option: {value}", "tao-automl tell --help lists what can be given")
    if (value is None) is not failed:
        raise UserError("a trial has a VALUE, or is --failed; exactly one of them is needed")
    if value is None:
        return None
    number = parse_scalar(value.strip())
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        raise UserError(f"VALUE: a finite number is needed, got {value!r:.80}", "tell a trial without one as --failed")
    return float(number)


def _trial_json(trial: "Trial") -> dict[str, Any]:
    return {
        "trial": trial.id,
        "budget": trial.budget,
        "state": trial.state.value,
        "value": trial.score.value if trial.score else None,
        "params": dict(trial.params),
    }


def _trial_text(trial: "Trial") -> str:
    from tao_automl.cli.narrate import value_text

    lines = [f"trial {trial.id}  budget {trial.budget}"]
    return "\n".join(lines + [f"  {name} = {value_text(value)}" for name, value in trial.params.items()])


def _told_text(told: "Trial", best: "Trial | None") -> str:
    from tao_automl.cli.narrate import number

    standing = f"; best: trial {best.id} with {number(best.score.value)}" if best and best.score else ""
    return f"trial {told.id} {told.state.value}{standing}"


def _answer(output: Format, document: dict[str, Any], text: str) -> None:
    if output is Format.JSON:
        write_json(document)
    else:
        write_text(text)
