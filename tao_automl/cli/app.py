"""The commands, put together. Importing a command's module loads nothing that only running it needs."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from tao_automl._version import __version__
from tao_automl.cli import algorithms, control, export, inspection, launch, platforms, skills, studies
from tao_automl.cli.failures import Interrupted, PipeClosed

HELP = """Hyperparameter search as real training jobs, on any platform, that no crash can hurt.

[bold]Examples[/bold]

  tao-automl skills list
  tao-automl plan train-tabular --train-data train.csv --workspace runs/one
  tao-automl run  train-tabular --train-data train.csv --workspace runs/one --yes
  tao-automl status runs/one --follow
  tao-automl report runs/one --html report.html

[dim]Exit codes: 0 done · 1 the run failed · 2 something to correct · 3 platform · 4 journal · 130 interrupted.[/dim]
"""


class Commands(TyperGroup):
    """Turns what the libraries below would swallow into errors that `main` reports."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise Interrupted("interrupted") from error
        except BrokenPipeError as error:
            raise PipeClosed("the reader of the output went away") from error

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.commands)


def command_line() -> Any:
    """The whole command line, as a click command."""
    return typer.main.get_command(_application())


def _application() -> typer.Typer:
    app = typer.Typer(cls=Commands, help=HELP, rich_markup_mode="rich", context_settings=HELP_NAMES)
    app.callback(invoke_without_command=False)(_root)
    launch.register(app)
    inspection.register(app)
    control.register(app)
    export.register(app)
    studies.register(app)
    for name, module in (("skills", skills), ("algorithms", algorithms), ("platforms", platforms)):
        group = typer.Typer(no_args_is_help=True, help=module.__doc__)
        module.register(group)
        app.add_typer(group, name=name, rich_help_panel="What there is")
    return app


HELP_NAMES = {"help_option_names": ["-h", "--help"]}


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tao-automl {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and leave.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks, as TAO_AUTOML_DEBUG=1 does. Works anywhere on the line.")
    ] = False,
) -> None:
    """The options of no command; `main` has taken `--debug` already."""
