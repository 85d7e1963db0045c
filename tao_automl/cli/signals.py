"""Signals that end a run's process do what Ctrl-C does: detach, and leave the jobs running."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

DETACHING = ("SIGINT", "SIGTERM", "SIGHUP")


@dataclass(slots=True)
class Received:
    """The first signal that came."""

    name: str = ""


@contextmanager
def detaching() -> Iterator[Received]:
    """While this lasts, SIGTERM and SIGHUP raise KeyboardInterrupt, too. Signals that are ignored stay so (nohup)."""
    received = Received()

    def interrupt(number: int, frame: FrameType | None) -> None:
        received.name = received.name or signal.Signals(number).name
        raise KeyboardInterrupt

    before = _install(interrupt) if threading.current_thread() is threading.main_thread() else {}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _install(handler: Any) -> dict[int, Any]:
    numbers = [getattr(signal, name) for name in DETACHING if hasattr(signal, name)]
    return {number: signal.signal(number, handler) for number in numbers if signal.getsignal(number) != signal.SIG_IGN}
