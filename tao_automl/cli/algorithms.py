"""The search algorithms, and their settings."""

import dataclasses
import inspect
from typing import Annotated, Any

import typer

from tao_automl.cli import options
from tao_automl.cli.output import Format, console, write_json


def register(group: typer.Typer) -> None:
    group.command("list")(list_algorithms)
    group.command("show")(show)


def list_algorithms(output: options.OutputFormat = Format.TEXT) -> None:
    """Name the algorithms that are installed, with a line on each."""
    from tao_automl import plugins

    rows = [_describe(name) for name in plugins.names(plugins.SEARCHERS)]
    if output is Format.JSON:
        write_json({"algorithms": [{"name": row["name"], "summary": row["summary"]} for row in rows]})
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
    for row in rows:
        table.add_row(Text(row["name"], style="bold"), Text(row["summary"]))
    console().print(table)


def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="An algorithm.", show_default=False)],
    output: options.OutputFormat = Format.TEXT,
) -> None:
    """Tell what an algorithm does, when to choose it, and its settings.

    [bold]Example[/bold]

      tao-automl algorithms show asha
    """
    found = _describe(name)
    if output is Format.JSON:
        write_json(found)
        return
    from rich.table import Table
    from rich.text import Text

    terminal = console()
    terminal.print(Text(found["name"], style="bold"), Text(f"\n{found['description']}\n"), sep="")
    table = Table("setting", "default", "also called", "what", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for row in found["settings"]:
        cells = (row["name"], _shown(row["default"]), ", ".join(row["aliases"]), row["help"])
        table.add_row(*(Text(cell) for cell in cells))
    terminal.print(table if found["settings"] else Text("no settings of its own"))


def _describe(name: str) -> dict[str, Any]:
    """A searcher that cannot be loaded is named with the reason when it is asked for, and only then."""
    from tao_automl import plugins

    searcher = plugins.load(plugins.SEARCHERS, name)
    text = inspect.getdoc(searcher) or ""
    summary = " ".join(text.split("\n\n")[0].split())
    settings = [_setting(field) for field in dataclasses.fields(searcher) if field.name != "problem"]
    return {"name": name, "summary": summary, "description": text, "settings": settings}


def _setting(field: Any) -> dict[str, Any]:
    default = None if field.default is dataclasses.MISSING else field.default
    kind = field.type if isinstance(field.type, str) else getattr(field.type, "__name__", str(field.type))
    aliases = list(field.metadata.get("aliases", ()))
    help_ = str(field.metadata.get("help", ""))
    return {"name": field.name, "type": kind, "default": default, "aliases": aliases, "help": help_}


def _shown(default: Any) -> str:
    return "-" if default is None else str(default)
