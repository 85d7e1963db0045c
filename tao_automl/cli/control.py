"""`resume` and `cancel`."""

import typer

from tao_automl.cli import options
from tao_automl.cli.output import Format


def register(app: typer.Typer) -> None:
    app.command(rich_help_panel="Runs")(resume)
    app.command(rich_help_panel="Runs")(cancel)


def resume(
    workspace: options.Workspace, tracker: options.Tracker = None, output: options.OutputFormat = Format.TEXT
) -> int:
    """Continue a run where its journal ends: after Ctrl-C, a crash, or a reboot.

    Finished trials are not run again, and running jobs are attached to. A finished run shows its result. Its trackers
    go on, too; those that are named here take their place.

    [bold]Example[/bold]

      tao-automl resume runs/one
    """
    from tao_automl.cli.export import parse_trackers
    from tao_automl.cli.outcome import watch
    from tao_automl.runner import resume_run

    trackers = parse_trackers(tracker) if tracker else None
    return watch(lambda listener: resume_run(workspace, on_event=listener, trackers=trackers), workspace, output)


def cancel(workspace: options.Workspace, output: options.OutputFormat = Format.TEXT) -> None:
    """End a run now, and cancel its jobs. Works whether or not somebody runs it.

    [bold]Example[/bold]

      tao-automl cancel runs/one
    """
    from tao_automl.cli.outcome import tell
    from tao_automl.runner import cancel_run

    tell(cancel_run(workspace), output)
