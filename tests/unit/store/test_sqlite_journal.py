"""What only the SQLite journal promises: the database defends itself, and says what is wrong with it."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tao_automl.errors import JournalConflict, JournalCorrupt, JournalError, TaoAutoMLError, UserError
from tao_automl.store import sqlite
from tao_automl.store.sqlite import FILE_NAME, SqliteJournal, open_sqlite
from tao_automl.testing.journal_contract import numbered

NOBODY = 65534


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A workspace with a journal of 40 events that nobody has open."""
    journal = open_sqlite(tmp_path, "create")
    journal.append(numbered(1, 40), expect=0)
    journal.close()
    return tmp_path


def _sql(folder: Path, statement: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(folder / FILE_NAME) as db:
        rows = db.execute(statement).fetchall()
    db.close()
    return rows


def _events(folder: Path) -> int:
    journal = open_sqlite(folder, "read")
    found = list(journal.read())
    journal.close()
    assert found == numbered(1, len(found))
    return len(found)


def _refusal(folder: Path, mode: sqlite.Mode = "write") -> TaoAutoMLError:
    with pytest.raises(TaoAutoMLError) as refused:
        open_sqlite(folder, mode)
    assert refused.value.hint
    assert str(folder) in refused.value.message
    return refused.value


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET body = '{}' WHERE seq = 3",
        "UPDATE events SET seq = 99 WHERE seq = 40",
        "DELETE FROM events WHERE seq = 40",
        "DELETE FROM events",
        "INSERT INTO events VALUES (42, 'RunnerAttached', '{}')",
        "INSERT INTO events VALUES (40, 'RunnerAttached', '{}')",
        "INSERT INTO events VALUES (0, 'RunnerAttached', '{}')",
        "INSERT OR REPLACE INTO events VALUES (40, 'RunnerAttached', '{}')",
        "REPLACE INTO events VALUES (7, 'RunnerAttached', '{}')",
    ],
)
def test_the_database_itself_refuses_to_rewrite_history(folder: Path, statement: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        _sql(folder, statement)
    assert _events(folder) == 40


def test_an_append_that_cannot_be_written_as_json_writes_nothing(folder: Path) -> None:
    journal = open_sqlite(folder, "write")
    good, bad = numbered(41, 42)
    object.__setattr__(bad, "at", float("nan"))
    with pytest.raises(ValueError, match="JSON"):
        journal.append([good, bad], expect=40)
    assert journal.append([good], expect=40) == 41
    journal.close()


def test_a_torn_file_is_never_taken_for_a_shorter_journal(folder: Path) -> None:
    path = folder / FILE_NAME
    whole = path.read_bytes()
    for size in range(len(whole) - 1, 0, -509):
        path.write_bytes(whole[:size])
        for mode in ("read", "write", "create"):
            assert isinstance(_refusal(folder, mode), JournalCorrupt), f"cut to {size} bytes"
    path.write_bytes(whole)
    assert _events(folder) == 40


def test_a_hole_in_the_file_is_noticed(folder: Path) -> None:
    path = folder / FILE_NAME
    content = bytearray(path.read_bytes())
    content[4096:8192] = bytes(4096)
    path.write_bytes(content)
    assert isinstance(_refusal(folder), JournalCorrupt)


def test_an_event_that_is_no_json_is_named(folder: Path) -> None:
    _sql(folder, "INSERT INTO events VALUES (41, 'RunnerAttached', '[]')")
    with pytest.raises(JournalCorrupt, match="RunnerAttached"):
        list(open_sqlite(folder, "read").read())


def test_an_event_of_a_newer_version_is_named(folder: Path) -> None:
    _sql(folder, "INSERT INTO events VALUES (41, 'TrialTeleported', '{}')")
    with pytest.raises(JournalCorrupt, match="TrialTeleported") as refused:
        list(open_sqlite(folder, "read").read())
    assert "upgrade" in refused.value.hint


def test_a_newer_format_asks_for_an_upgrade(folder: Path) -> None:
    _sql(folder, "PRAGMA user_version = 2")
    error = _refusal(folder)
    assert isinstance(error, JournalCorrupt)
    assert "upgrade" in error.hint


@pytest.mark.parametrize("mode", ["read", "write", "create"])
@pytest.mark.parametrize("content", [b"my notes\n" * 200, b"x", b"SQLite format 3\0"])
def test_another_file_is_not_touched(tmp_path: Path, content: bytes, mode: sqlite.Mode) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    assert isinstance(_refusal(tmp_path, mode), JournalCorrupt)
    assert (tmp_path / FILE_NAME).read_bytes() == content


@pytest.mark.parametrize("mode", ["read", "write", "create"])
def test_the_database_of_another_program_is_not_touched(tmp_path: Path, mode: sqlite.Mode) -> None:
    _sql(tmp_path, "CREATE TABLE photos (name TEXT)")
    before = (tmp_path / FILE_NAME).read_bytes()
    error = _refusal(tmp_path, mode)
    assert isinstance(error, JournalCorrupt)
    assert "another program" in error.hint
    assert (tmp_path / FILE_NAME).read_bytes() == before


def test_an_empty_file_is_no_run_and_may_become_one(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).touch()
    for mode in ("read", "write"):
        error = _refusal(tmp_path, mode)
        assert isinstance(error, UserError)
        assert "no run" in error.message
    journal = open_sqlite(tmp_path, "create")
    assert journal.append(numbered(1, 1), expect=0) == 1
    journal.close()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    error = _refusal(tmp_path / "file" / "run", "create")
    assert isinstance(error, JournalError)


@contextmanager
def _as_nobody() -> Iterator[None]:
    """Root may write anywhere; then somebody else has to try."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that everybody can enter, with a journal of 40 events."""
    folder = Path(tempfile.mkdtemp())
    journal = open_sqlite(folder, "create")
    journal.append(numbered(1, 40), expect=0)
    journal.close()
    for path in folder.iterdir():
        path.chmod(0o444)
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_a_read_only_folder_can_be_read_and_not_written(public: Path) -> None:
    with _as_nobody():
        assert _events(public) == 40
        error = _refusal(public, "write")
        new = _refusal(public / "new", "create")
    assert type(error) is type(new) is JournalError
    assert "writable" in error.hint


def test_a_read_only_file_is_refused_at_the_first_append(public: Path) -> None:
    (public / f"{FILE_NAME}.lock").chmod(0o666)
    with _as_nobody():
        journal = open_sqlite(public, "write")
        with pytest.raises(JournalError, match="cannot be written") as refused:
            journal.append(numbered(41, 41), expect=40)
        journal.close()
    assert "permissions" in refused.value.hint
    assert _events(public) == 40


def _check_full(journal: SqliteJournal) -> int:
    """Appends until the disk is full; returns how many events there are then."""
    length = 40
    while (refused := _append_or_not(journal, length)) is None:
        length += 50
    assert "disk is full" in refused.message
    assert "free some space" in refused.hint
    assert list(journal.read()) == numbered(1, length)
    return length


def _append_or_not(journal: SqliteJournal, length: int) -> JournalError | None:
    try:
        journal.append(numbered(length + 1, length + 50), expect=length)
    except JournalError as error:
        return error
    return None


def test_a_full_database_loses_nothing(folder: Path) -> None:
    journal = open_sqlite(folder, "write")
    assert journal._db is not None
    journal._db.execute("PRAGMA max_page_count = 12")
    length = _check_full(journal)
    journal._db.execute("PRAGMA max_page_count = 1000000")
    assert journal.append(numbered(length + 1, length + 1), expect=length) == length + 1
    journal.close()
    assert _events(folder) == length + 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 96 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small file system needs root")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_full_disk_loses_nothing(small_disk: Path) -> None:
    filler = small_disk / "filler"
    filler.write_bytes(bytes(20_000))
    journal = open_sqlite(small_disk / "run", "create")
    journal.append(numbered(1, 40), expect=0)
    length = _check_full(journal)
    filler.unlink()
    assert journal.append(numbered(length + 1, length + 1), expect=length) == length + 1
    journal.close()
    assert _events(small_disk / "run") == length + 1


def test_a_disk_that_is_full_from_the_start(small_disk: Path) -> None:
    filler = small_disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(512))
    error = _refusal(small_disk, "create")
    assert isinstance(error, JournalError)
    assert "full" in error.message
    filler.unlink()
    journal = open_sqlite(small_disk, "create")
    assert journal.append(numbered(1, 1), expect=0) == 1
    journal.close()


def test_somebody_who_keeps_the_database_busy(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
    journal = open_sqlite(folder, "write")
    other = sqlite3.connect(folder / FILE_NAME, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalConflict, match="in use"):
        journal.append(numbered(41, 41), expect=40)
    other.execute("ROLLBACK")
    other.close()
    assert journal.append(numbered(41, 41), expect=40) == 41
    journal.close()


HALF_WRITTEN = """
import os, signal, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA cache_size = 2")
db.execute("BEGIN IMMEDIATE")
for seq in range(41, 5000):
    db.execute("INSERT INTO events VALUES (?, 'RunnerAttached', ?)", (seq, "x" * 500))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_reader_may_be_the_first_one_after_a_crash_in_mid_append(folder: Path) -> None:
    """The file on disk is ahead of what was committed; who only wants to know the status can still read it."""
    done = subprocess.run([sys.executable, "-c", HALF_WRITTEN, str(folder / FILE_NAME)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert (folder / f"{FILE_NAME}-journal").stat().st_size > 0
    assert _events(folder) == 40


def test_the_owner_is_named(folder: Path) -> None:
    journal = open_sqlite(folder, "write")
    error = _refusal(folder, "write")
    assert isinstance(error, JournalConflict)
    assert str(os.getpid()) in error.message
    journal.close()


def test_children_do_not_inherit_the_right_to_write(folder: Path) -> None:
    """A job that a platform starts as a child process outlives the runner, and must not keep others out."""
    journal = open_sqlite(folder, "write")
    with subprocess.Popen(["sleep", "60"], close_fds=False) as child:
        journal.close()
        open_sqlite(folder, "write").close()
        child.kill()
