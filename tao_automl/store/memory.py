"""A journal that lives as long as its process: for tests, benchmarks and experiments by hand."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from tao_automl.domain.events import Event
from tao_automl.errors import JournalConflict, JournalError, UserError


class MemoryJournal:
    """See `tao_automl.domain.ports.Journal`."""

    def __init__(self, events: list[Event] | None = None, *, writable: bool = True) -> None:
        self._events: list[Event] = [] if events is None else events
        self._writable = writable
        self._closed = False

    def append(self, events: Sequence[Event], *, expect: int) -> int:
        self._check_open()
        if not self._writable:
            raise JournalError("the journal was opened for reading", "open it for writing")
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

    def length(self) -> int:
        """How many events there are."""
        return len(self._events)

    def close(self) -> None:
        self._closed = True

    @property
    def closed(self) -> bool:
        return self._closed

    def reopened(self, *, writable: bool = True) -> "MemoryJournal":
        """The same list of events, as another process would open it."""
        return MemoryJournal(self._events, writable=writable)

    def _check_open(self) -> None:
        if self._closed:
            raise JournalError("the journal is closed", "open it again")


_JOURNALS: dict[Path, MemoryJournal] = {}  # the one that may write, or the last that did


def open_memory(workspace: Path, mode: Literal["create", "write", "read"]) -> MemoryJournal:
    """The journal that this process keeps for a workspace; same errors as the SQLite journal's opener."""
    known = _JOURNALS.get(workspace, MemoryJournal())
    if mode != "create" and not known.length():
        raise UserError(f"{workspace}: there is no run in this folder", "name the workspace folder of a run")
    if mode == "read":
        return known.reopened(writable=False)
    if workspace in _JOURNALS and not known.closed:
        raise JournalConflict(f"{workspace}: another runner works in this workspace", "close its journal first")
    if mode == "create" and known.length():
        raise UserError(f"{workspace}: the folder already holds a run", "resume it, or name another folder")
    _JOURNALS[workspace] = known.reopened()
    return _JOURNALS[workspace]
