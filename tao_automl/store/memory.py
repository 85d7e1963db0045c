"""A journal that lives as long as its process: for tests, benchmarks and experiments by hand."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from tao_automl.domain.events import Event
from tao_automl.errors import JournalConflict, JournalError, UserError


class MemoryJournal:
    """See `tao_automl.domain.ports.Journal`."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._closed = False

    def append(self, events: Sequence[Event], *, expect: int) -> int:
        self._check_open()
        if expect != len(self._events):
            raise JournalConflict(
                f"the journal has {len(self._events)} events, the writer knew {expect}",
                "another runner works on this experiment",
            )
        self._events.extend(events)
        return len(self._events)

    def read(self, after: int = 0) -> Iterator[Event]:
        self._check_open()
        return iter(self._events[after:])

    def close(self) -> None:
        self._closed = True

    def reopened(self) -> "MemoryJournal":
        """The same list of events, as another process would open it."""
        other = MemoryJournal()
        other._events = self._events
        return other

    def _check_open(self) -> None:
        if self._closed:
            raise JournalError("the journal is closed")


_JOURNALS: dict[Path, MemoryJournal] = {}


def open_memory(workspace: Path, mode: Literal["create", "write", "read"]) -> MemoryJournal:
    """The journal that this process keeps for a workspace; same errors as the SQLite journal's opener."""
    known = _JOURNALS.get(workspace)
    if mode == "create":
        if known:
            raise UserError(f"{workspace}: the folder already holds a run", "resume it, or name another folder")
        return _JOURNALS.setdefault(workspace, MemoryJournal())
    if known is None:
        raise UserError(f"{workspace}: there is no run in this folder", "name the workspace folder of a run")
    return known.reopened()
