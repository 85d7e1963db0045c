"""The platforms that jobs run on."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tao_automl.cli import options
from tao_automl.cli.output import Format, console, write_json
from tao_automl.cli.values import parse_pairs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tao_automl.domain.job import Check

MARKS = {"ok": ("ok", "green"), "failed": ("failed", "red"), "unknown": ("unknown", "yellow")}
READY, ACT, UNKNOWN = 0, 2, 3


def register(group: typer.Typer) -> None:
    group.command("list")(list_platforms)
    group.command("check")(check)


def list_platforms(output: options.OutputFormat = Format.TEXT) -> None:
    """Name the platforms, and whether what they need is installed."""
    from tao_automl import plugins

    rows = [_installed(name) for name in plugins.names(plugins.PLATFORMS)]
    if output is Format.JSON:
        write_json({"platforms": rows})
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
    for row in rows:
        table.add_row(Text(row["name"], style="bold"), Text("installed" if row["installed"] else row["remedy"]))
    console().print(table)


def check(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A platform.", show_default=False)],
    platform_option: options.PlatformOption = None,
    workspace: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder that a run would use.", show_default=False)
    ] = None,
    output: options.OutputFormat = Format.TEXT,
) -> int:
    """Find out whether jobs can run on a platform. Changes nothing.

    Exit codes: 0 ready, 2 there is something for you to do, 3 it could not be found out.

    [bold]Example[/bold]

      tao-automl platforms check local
    """
    given = parse_pairs("--platform-option", platform_option or ())
    if workspace is not None:
        checks = _check(name, workspace, given)
    else:
        with tempfile.TemporaryDirectory() as folder:
            checks = _check(name, Path(folder), given)
    states = {item.status for item in checks}
    code = ACT if "failed" in states else UNKNOWN if "unknown" in states else READY
    if output is Format.JSON:
        write_json({"platform": name, "ready": code == READY, "checks": [_as_json(item) for item in checks]})
    else:
        _print(checks)
    return code


def _check(name: str, workspace: Path, given: dict[str, Any]) -> "Sequence[Check]":
    from tao_automl import plugins

    checks: Sequence[Check] = plugins.load(plugins.PLATFORMS, name)(workspace.absolute(), given).check()
    return checks


def _installed(name: str) -> dict[str, Any]:
    from tao_automl import plugins
    from tao_automl.errors import MissingExtra

    try:
        plugins.load(plugins.PLATFORMS, name)
    except MissingExtra as error:
        return {"name": name, "installed": False, "remedy": error.hint}
    return {"name": name, "installed": True, "remedy": ""}


def _as_json(item: "Check") -> dict[str, str]:
    return {"id": item.id, "status": item.status, "evidence": item.evidence, "remedy": item.remedy}


def _print(checks: "Sequence[Check]") -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
    for item in checks:
        mark, style = MARKS.get(item.status, (item.status, ""))
        table.add_row(Text(mark, style=style), Text(item.id), Text(item.evidence))
        if item.remedy and item.status != "ok":
            table.add_row(Text(""), Text(""), Text(f"→ {item.remedy}", style="cyan"))
    console().print(table)
