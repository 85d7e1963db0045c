"""What is seen while a run goes on: a live display on a terminal, plain lines elsewhere.

Both hear of events in the runner's thread and never stop a run: a reader that went away is no reason to.
"""

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, TextIO

from tao_automl.cli.board import Board
from tao_automl.cli.narrate import is_important, narrate
from tao_automl.domain.events import Event, RunnerAttached
from tao_automl.domain.experiment import Experiment

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

REDRAWS_PER_SECOND = 4


class Display(AbstractContextManager["Display"], Protocol):
    """Shows a run."""

    def hear(self, event: Event, experiment: Experiment) -> None:
        """To be called after each event, in the order of events."""


def open_display(stream: TextIO, footer: str = "") -> Display:
    """The display that suits `stream`."""
    from tao_automl.cli.output import console

    terminal = console(stream)
    if terminal.is_terminal and not terminal.is_dumb_terminal:
        return LiveDisplay(terminal, footer)
    return PlainDisplay(stream)


class PlainDisplay:
    """A line for each important event, without control codes."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._open = True

    def __enter__(self) -> "PlainDisplay":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        pass

    def hear(self, event: Event, experiment: Experiment) -> None:
        if self._open and (is_important(event) or isinstance(event, RunnerAttached)):
            self._write(narrate(event, experiment).with_clock().rstrip())

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text + "\n")
            self._stream.flush()
        except OSError:
            self._open = False


class LiveDisplay:
    """Redrawn in place by rich's own thread, from the board's copies only."""

    def __init__(self, console: "Console", footer: str = "", now: Callable[[], float] | None = None) -> None:
        self._console = console
        self._footer = footer
        self._now = now
        self._board = Board()
        self._live: Live | None = None

    def __enter__(self) -> "LiveDisplay":
        from rich.live import Live

        self._live = Live(
            console=self._console,
            get_renderable=self._picture,
            refresh_per_second=REDRAWS_PER_SECOND,
            transient=True,
            vertical_overflow="crop",
        )
        self._live.start(refresh=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._live:
            self._live.stop()

    def hear(self, event: Event, experiment: Experiment) -> None:
        self._board.hear(event, experiment)

    def _picture(self) -> "RenderableType":
        from tao_automl.cli.draw import draw

        width, height = self._console.size
        return draw(self._board.snapshot(self._now() if self._now else None), width, max(4, height - 1), self._footer)
