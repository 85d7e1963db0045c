"""`status`, `report` and `log`: looking at a run, from any process, without disturbing it."""

import sys
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tao_automl.cli import options
from tao_automl.cli.failures import INTERRUPTED
from tao_automl.cli.output import Format, console, note, write_json, write_text

if TYPE_CHECKING:
    from tao_automl.cli.following import Heard
    from tao_automl.runner import Result

Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run ends, or nobody runs it any more.")]


def register(app: typer.Typer) -> None:
    app.command(rich_help_panel="Runs")(status)
    app.command(rich_help_panel="Runs")(report)
    app.command(rich_help_panel="Runs")(log)


def status(workspace: options.Workspace, follow: Follow = False, output: options.OutputFormat = Format.TEXT) -> None:
    """Show where a run stands: its progress, its best so far, and its jobs.

    The JSON document is the result so far; with --follow it is written once, at the end.

    [bold]Examples[/bold]

      tao-automl status runs/one
      tao-automl status runs/one --follow
    """
    from tao_automl.runner import query_status

    result = query_status(workspace)
    if follow:
        _watch(workspace, output)
        result = query_status(workspace)
    if output is Format.JSON:
        sys.stdout.write(result.to_json())
    else:
        _show_status(workspace, result)


def report(
    workspace: options.Workspace,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page with charts to this file.", show_default=False)
    ] = None,
    output: options.OutputFormat = Format.TEXT,
) -> None:
    """Show the result of a run, finished or not: the winner, the comparison with the baseline, and every trial.

    [bold]Examples[/bold]

      tao-automl report runs/one
      tao-automl report runs/one --html report.html
    """
    from tao_automl.cli.outcome import tell
    from tao_automl.runner import query_status

    result = query_status(workspace)
    if html:
        _write_page(html, result)
    if output is Format.JSON or not html:
        tell(result, output)


def log(
    workspace: options.Workspace,
    follow: Follow = False,
    trial: Annotated[int | None, typer.Option(min=0, help="Only what is about this trial.", show_default=False)] = None,
    last: Annotated[int | None, typer.Option(min=1, help="Only so many, the newest ones.", show_default=False)] = None,
    output: options.OutputFormat = Format.TEXT,
) -> None:
    """Show what happened in a run, one line an event: time, kind, trial, and what.

    --format json writes one JSON array; with --follow one JSON document a line instead (JSON lines).

    [bold]Examples[/bold]

      tao-automl log runs/one --last 20
      tao-automl log runs/one --trial 3
      tao-automl log runs/one --follow --format json
    """
    from tao_automl.cli.following import follow_journal, read_journal

    heard = _about(trial, follow_journal(workspace) if follow else read_journal(workspace))
    if follow:
        _write_until_left(heard, output)
        return
    entries = list(deque(heard, maxlen=last))
    if output is Format.JSON:
        write_json([entry for entry, _ in entries])
    else:
        write_text("\n".join(line for _, line in entries))


def _watch(workspace: Path, output: Format) -> None:
    from tao_automl.cli.following import follow_journal
    from tao_automl.cli.live import open_display

    stream = sys.stdout if output is Format.TEXT else sys.stderr
    try:
        with open_display(stream, "Ctrl-C stops watching; the run goes on") as display:
            for _, event, experiment in follow_journal(workspace):
                display.hear(event, experiment)
    except KeyboardInterrupt:
        if output is Format.JSON:
            raise
        raise typer.Exit(INTERRUPTED) from None


def _show_status(workspace: Path, result: "Result") -> None:
    from tao_automl.cli.board import Board
    from tao_automl.cli.draw import draw
    from tao_automl.cli.following import read_journal

    board, experiment = Board(), None
    for _, event, experiment in read_journal(workspace):
        board.hear(event, experiment)
    assert experiment  # a journal without events is refused by the reader
    terminal = console()
    now = None if result.status == "running" else experiment.updated_at
    terminal.print(draw(board.snapshot(now), terminal.width, max(terminal.height, 40)))
    for text in _standing(workspace, result):
        terminal.print(text, soft_wrap=True)


def _standing(workspace: Path, result: "Result") -> Iterator[str]:
    """What the picture does not say: how the run ended, and what can be done now."""
    from tao_automl.cli.outcome import shown
    from tao_automl.runner.arguments import BY_HAND

    if result.platform == BY_HAND:
        yield f"\na study: `tao-automl ask {shown(workspace)}` gives the next trial to run"
    elif result.status == "interrupted":
        yield f"\ninterrupted: nobody runs it; `tao-automl resume {shown(workspace)}` goes on where it stopped"
    elif result.status != "running":
        yield f"\n{result.status}{f': {result.failure_reason}' if result.failure_reason else ''}"
        yield f"`tao-automl report {shown(workspace)}` shows the whole result"


def _write_page(path: Path, result: "Result") -> None:
    from tao_automl.report import render_html

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_html(result), encoding="utf-8")
    note(f"wrote {path}")


def _about(trial: int | None, heard: "Iterable[Heard]") -> "Iterator[tuple[dict[str, Any], str]]":
    """Each event as a document and as a line; those of one trial, if one is given."""
    from tao_automl.cli.narrate import narrate
    from tao_automl.store.codec import to_json

    for number, event, experiment in heard:
        line = narrate(event, experiment)
        if trial is None or line.trial == trial:
            head = {"seq": number, "event": type(event).__name__, "kind": line.kind, "text": line.text}
            about = {} if line.trial is None else {"trial": line.trial}
            yield {**head, **about, **to_json(event)}, line.with_date()


def _write_until_left(entries: "Iterable[tuple[dict[str, Any], str]]", output: Format) -> None:
    """Ctrl-C is how one leaves, and needs no words."""
    try:
        for entry in entries:
            _write_entry(entry, output)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def _write_entry(entry: tuple[dict[str, Any], str], output: Format) -> None:
    document, line = entry
    if output is Format.JSON:
        write_json(document, indent=None)
    else:
        write_text(line)
