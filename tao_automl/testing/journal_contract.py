"""The contract of journals, as tests. A journal passes them, or a run that is kept in it may be lost.

Subclass `JournalContract`, and `DurableJournalContract` if the journal outlives its process, in a test module and
override the fixture `open_journal`; its value must be importable from its module by its name::

    class TestMyJournal(JournalContract):
        @pytest.fixture
        def open_journal(self):
            return open_my_journal

Needs pytest and hypothesis.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tao_automl.domain.events import Event, RunnerAttached
from tao_automl.domain.ports import Journal
from tao_automl.errors import JournalConflict, JournalError, UserError
from tao_automl.testing.event_strategies import EVENT_TYPES, events, events_of

Opener: TypeAlias = Callable[[Path, Any], Journal]
"""``open_journal(workspace, mode)`` with the mode ``create``, ``write`` or ``read``."""

a_few = settings(  # the openers are functions, and share nothing between two examples
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def attached(pid: int) -> RunnerAttached:
    """A small event with a number on it."""
    return RunnerAttached(at=float(pid), host="somewhere", pid=pid)


def numbered(first: int, last: int) -> list[Event]:
    """The events `first` to `last`, both included."""
    return [attached(pid) for pid in range(first, last + 1)]


class _WithOpener:
    @pytest.fixture
    def open_journal(self) -> Opener:
        raise NotImplementedError("override the fixture `open_journal`")

    @pytest.fixture
    def begun(self, open_journal: Opener, tmp_path: Path) -> Iterator[Journal]:
        """A journal with the events 1 to 3, open for writing, in the folder ``tmp_path / "run"``."""
        journal = open_journal(tmp_path / "run", "create")
        journal.append(numbered(1, 3), expect=0)
        yield journal
        journal.close()


class JournalContract(_WithOpener):
    """What every journal does."""

    @a_few
    @given(batches=st.lists(st.lists(events(), max_size=5), max_size=3))
    def test_what_was_appended_is_read(self, open_journal: Opener, batches: list[list[Event]]) -> None:
        with TemporaryDirectory() as folder:
            journal = open_journal(Path(folder), "create")
            length = 0
            for batch in batches:
                length = journal.append(batch, expect=length)
            everything = [event for batch in batches for event in batch]
            assert length == len(everything)
            assert list(journal.read()) == everything
            journal.close()
            assert not everything or list(open_journal(Path(folder), "read").read()) == everything

    @pytest.mark.parametrize("kind", EVENT_TYPES, ids=lambda kind: kind.__name__)
    @a_few
    @given(data=st.data())
    def test_every_kind_of_event_comes_back(self, open_journal: Opener, kind: type, data: st.DataObject) -> None:
        event = data.draw(events_of(kind))
        with TemporaryDirectory() as folder:
            journal = open_journal(Path(folder), "create")
            journal.append([event], expect=0)
            (back,) = journal.read()
            journal.close()
        assert back == event
        assert type(back) is kind

    def test_reading_begins_after_a_number(self, begun: Journal) -> None:
        assert list(begun.read(after=1)) == numbered(2, 3)
        assert list(begun.read(after=3)) == []

    def test_append_returns_the_new_length(self, begun: Journal) -> None:
        assert begun.append(numbered(4, 5), expect=3) == 5
        assert begun.append([], expect=5) == 5

    @pytest.mark.parametrize("expect", [0, 2, 4])
    def test_who_does_not_know_the_whole_list_may_not_append(self, begun: Journal, expect: int) -> None:
        with pytest.raises(JournalConflict):
            begun.append(numbered(4, 5), expect=expect)
        assert list(begun.read()) == numbered(1, 3)
        assert begun.append(numbered(4, 4), expect=3) == 4

    def test_closed_is_closed(self, begun: Journal) -> None:
        begun.close()
        begun.close()
        with pytest.raises(JournalError, match="closed"):
            begun.append([], expect=3)
        with pytest.raises(JournalError, match="closed"):
            list(begun.read())

    @pytest.mark.parametrize("mode", ["write", "create"])
    def test_a_second_writer_is_refused(self, begun: Journal, open_journal: Opener, tmp_path: Path, mode: str) -> None:
        with pytest.raises(JournalConflict) as refused:
            open_journal(tmp_path / "run", mode)
        assert refused.value.hint
        assert begun.append(numbered(4, 4), expect=3) == 4

    def test_a_writer_follows_another(self, begun: Journal, open_journal: Opener, tmp_path: Path) -> None:
        begun.close()
        journal = open_journal(tmp_path / "run", "write")
        assert list(journal.read()) == numbered(1, 3)
        assert journal.append(numbered(4, 4), expect=3) == 4
        journal.close()

    def test_a_run_is_begun_once(self, begun: Journal, open_journal: Opener, tmp_path: Path) -> None:
        begun.close()
        with pytest.raises(UserError, match="already holds a run") as refused:
            open_journal(tmp_path / "run", "create")
        assert refused.value.hint
        assert list(open_journal(tmp_path / "run", "read").read()) == numbered(1, 3)

    @pytest.mark.parametrize("mode", ["write", "read"])
    def test_where_no_run_is_none_is_opened(self, open_journal: Opener, tmp_path: Path, mode: str) -> None:
        with pytest.raises(UserError, match="no run"):
            open_journal(tmp_path / "nothing", mode)
        assert not (tmp_path / "nothing").exists()

    def test_a_run_without_an_event_is_none(self, open_journal: Opener, tmp_path: Path) -> None:
        """Its maker died before the first word: there is nothing to resume, and nothing in the way."""
        open_journal(tmp_path / "run", "create").close()
        for mode in ("write", "read"):
            with pytest.raises(UserError, match="no run"):
                open_journal(tmp_path / "run", mode)
        journal = open_journal(tmp_path / "run", "create")
        assert journal.append(numbered(1, 1), expect=0) == 1
        journal.close()

    def test_readers_come_while_it_is_written(self, begun: Journal, open_journal: Opener, tmp_path: Path) -> None:
        reader = open_journal(tmp_path / "run", "read")
        half_read = reader.read()
        assert next(half_read) == attached(1)
        begun.append(numbered(4, 5), expect=3)
        assert [next(half_read), next(half_read)] == numbered(2, 3)
        assert list(reader.read(after=3)) == numbered(4, 5)
        reader.close()

    def test_readers_only_read(self, begun: Journal, open_journal: Opener, tmp_path: Path) -> None:
        reader = open_journal(tmp_path / "run", "read")
        with pytest.raises(JournalError):
            reader.append(numbered(4, 4), expect=3)
        reader.close()
        assert list(begun.read()) == numbered(1, 3)

    def test_runs_do_not_mix(self, begun: Journal, open_journal: Opener, tmp_path: Path) -> None:
        other = open_journal(tmp_path / "other", "create")
        other.append(numbered(7, 7), expect=0)
        assert list(other.read()) == numbered(7, 7)
        assert list(begun.read()) == numbered(1, 3)
        other.close()


class DurableJournalContract(_WithOpener):
    """What a journal does besides, if it outlives its process."""

    def test_a_second_writer_in_another_process_is_refused(
        self, begun: Journal, open_journal: Opener, tmp_path: Path
    ) -> None:
        done = _run(open_journal, tmp_path / "run", "journal = open_journal(folder, 'write')")
        assert done.returncode != 0
        assert "JournalConflict" in done.stderr
        assert begun.append(numbered(4, 4), expect=3) == 4

    def test_another_process_reads_meanwhile(self, begun: Journal, open_journal: Opener, tmp_path: Path) -> None:
        work = "print([event.pid for event in open_journal(folder, 'read').read()])"
        assert _run(open_journal, tmp_path / "run", work).stdout.strip() == "[1, 2, 3]"
        assert begun.append(numbered(4, 4), expect=3) == 4

    def test_nothing_acknowledged_is_lost_when_a_writer_is_killed(self, open_journal: Opener, tmp_path: Path) -> None:
        """Batches of three are appended as fast as they can; after some the writer is killed, in the middle of it."""
        folder, length = tmp_path / "run", 0
        for killed_after in (1, 2, 5, 9, 14):
            acknowledged = _append_until_killed(open_journal, folder, length, killed_after)
            found = list(open_journal(folder, "read").read())
            assert len(found) >= acknowledged >= length + 3 * killed_after
            assert len(found) % 3 == 0, "a batch was torn"
            assert found == numbered(1, len(found))
            length = len(found)
        journal = open_journal(folder, "write")
        assert journal.append(numbered(length + 1, length + 1), expect=length) == length + 1
        journal.close()


_PROLOGUE = """
import sys
from importlib import import_module
from pathlib import Path
from tao_automl.testing.journal_contract import numbered
open_journal = getattr(import_module(sys.argv[1]), sys.argv[2])
folder = Path(sys.argv[3])
"""

_APPEND_FOR_EVER = """
length = int(sys.argv[4])
journal = open_journal(folder, "write" if length else "create")
while True:
    length = journal.append(numbered(length + 1, length + 3), expect=length)
    print(length, flush=True)
"""


def _argv(open_journal: Opener, folder: Path, work: str, *more: str) -> Sequence[str]:
    name = (open_journal.__module__, open_journal.__qualname__)
    return [sys.executable, "-c", _PROLOGUE + work, *name, str(folder), *more]


def _run(open_journal: Opener, folder: Path, work: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(_argv(open_journal, folder, work), capture_output=True, text=True, timeout=60, check=False)


def _append_until_killed(open_journal: Opener, folder: Path, length: int, batches: int) -> int:
    """The last length that the writer had acknowledged before it was killed."""
    argv = _argv(open_journal, folder, _APPEND_FOR_EVER, str(length))
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        seen = [writer.stdout.readline() for _ in range(batches)]
        writer.kill()
        seen += writer.stdout.readlines()
    return int([line for line in seen if line.endswith("\n")][-1])
