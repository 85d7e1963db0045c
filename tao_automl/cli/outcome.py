"""How a run is watched, and how its end is told."""

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tao_automl.cli.failures import INTERRUPTED, Interrupted
from tao_automl.cli.output import Format, note, page_width, write_text
from tao_automl.errors import PlatformError

if TYPE_CHECKING:
    from tao_automl.domain.events import Event
    from tao_automl.domain.experiment import Experiment
    from tao_automl.runner import Result

    Listener = Callable[[Event, Experiment], None]

EXIT_CODES = {"completed": 0, "stopped": 0, "failed": 1, "interrupted": INTERRUPTED}


def watch(work: "Callable[[Listener], Result]", workspace: Path, output: Format) -> int:
    """Does the work of a runner under a display, tells the result, and returns the exit code."""
    from tao_automl.cli.signals import detaching

    cancelled = _CancelWatch()
    with detaching() as signal:
        result = _under_display(work, cancelled, workspace, output)
    if result.status != "interrupted":
        tell(result, output)
        return INTERRUPTED if cancelled.seen else EXIT_CODES.get(result.status, 1)
    if output is Format.JSON:
        tell(result, output)
    _tell_interrupted(result, workspace, signal.name)
    return INTERRUPTED if signal.name else PlatformError.exit_code


def _under_display(
    work: "Callable[[Listener], Result]", cancelled: "_CancelWatch", workspace: Path, output: Format
) -> "Result":
    from tao_automl.cli.live import open_display

    stream = sys.stdout if output is Format.TEXT else sys.stderr
    footer = f"Ctrl-C leaves; the jobs go on, and `tao-automl resume {shown(workspace)}` continues"
    try:
        with open_display(stream, footer) as display:

            def hear(event: "Event", experiment: "Experiment") -> None:
                cancelled.hear(event)
                display.hear(event, experiment)

            return work(hear)
    except KeyboardInterrupt:
        hint = f"if the run had begun, `tao-automl resume {shown(workspace)}` continues it"
        raise Interrupted("interrupted while the run was being set up or put away", hint) from None


def tell(result: "Result", format_: Format) -> None:
    """The result table, or the result document."""
    if format_ is Format.JSON:
        sys.stdout.write(result.to_json())
        sys.stdout.flush()
        return
    from tao_automl.runner import format_result

    write_text("\n" + format_result(result, width=page_width()))


def shown(workspace: Path) -> str:
    """The workspace as one word of a shell command."""
    return shlex.quote(str(workspace))


def _tell_interrupted(result: "Result", workspace: Path, signal: str) -> None:
    progress = result.progress
    of = f" of {progress['total']}" if progress["total"] is not None else ""
    best = f", best {result.metric} {result.best['metric_value']:.6g}" if result.best else ""
    best = f", {len(result.pareto_front)} on the Pareto front" if result.pareto_front else best
    note(f"{'interrupted' if signal else 'left: the platform could not be reached'}; the jobs go on")
    note(f"  so far:    {progress['completed']}{of} trials{best}")
    note(f"  continue:  tao-automl resume {shown(workspace)}")
    note(f"  end them:  tao-automl cancel {shown(workspace)}")


class _CancelWatch:
    """Tells a run that its user cancelled, from anywhere, from one that reached a limit: both are `stopped`."""

    def __init__(self) -> None:
        self.seen = False

    def hear(self, event: "Event") -> None:
        from tao_automl.domain.events import RunStatus, SearchEnded

        if isinstance(event, SearchEnded) and event.status is RunStatus.STOPPED and not event.evaluate_best:
            self.seen = True
