"""`export`, and the option `--tracker`."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from tao_automl.cli import options
from tao_automl.cli.output import Format, write_json, write_text
from tao_automl.cli.values import parse_value
from tao_automl.errors import SettingsError, UserError

_NEXT_OPTION = re.compile(r",(?=\s*\w+\s*=)")


def register(app: typer.Typer) -> None:
    app.command(rich_help_panel="Runs")(export)


def export(
    workspace: options.Workspace,
    optuna: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Write a study into this Optuna storage: `sqlite:///study.db`."),
    ] = None,
    study_name: Annotated[
        str | None, typer.Option(help="Its name. (default: made of skill, algorithm and run)", show_default=False)
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a table with a row a trial.", show_default=False)
    ] = None,
    tracker: options.Tracker = None,
    output: options.OutputFormat = Format.TEXT,
) -> None:
    """Write a run elsewhere, finished or not: for optuna-dashboard, for a spreadsheet, or into a tracker.

    Exporting again replaces what an earlier export of the same run wrote. As JSON: `report --format json`.

    [bold]Examples[/bold]

      tao-automl export runs/one --optuna sqlite:///study.db
      tao-automl export runs/one --csv trials.csv
      tao-automl export runs/one --tracker tensorboard:dir=logs
    """
    from tao_automl.runner import export_run

    trackers = parse_trackers(tracker or ())
    if optuna is None and csv is None and not trackers:
        raise UserError("nothing to write was named", "name some of --optuna, --csv and --tracker")
    written = export_run(workspace, optuna=optuna, study_name=study_name, csv=csv, trackers=trackers)
    if output is Format.JSON:
        write_json({"written": written})
    else:
        write_text("\n".join(written))


def parse_trackers(asked: Iterable[str]) -> dict[str, dict[str, Any]]:
    """`["wandb:project=p,tags=a,b", "mlflow"]` as the setting `trackers`; options may be a JSON mapping, too. Raises
    SettingsError."""
    found: dict[str, dict[str, Any]] = {}
    for text in asked:
        name, _, listed = text.partition(":")
        if name.strip() in found:
            raise SettingsError(f"--tracker: `{name.strip()}` is given twice")
        found[name.strip()] = _options(name.strip(), listed.strip())
    return found


def _options(name: str, text: str) -> dict[str, Any]:
    if text.startswith("{"):
        return dict(parse_value(f"--tracker {name}", text))
    found: dict[str, str] = {}
    for pair in _NEXT_OPTION.split(text) if text else ():
        key, equals, value = pair.partition("=")
        if not equals:
            raise SettingsError(
                f"--tracker {name}: `KEY=VALUE,...` is needed, got {text!r:.80}", "as in wandb:project=p"
            )
        found[key.strip()] = value.strip()
    return found
