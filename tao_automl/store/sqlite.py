"""A journal in one SQLite file, append-only by the database's own triggers.

One writer at a time: the writer holds an advisory lock on ``<file>.lock`` for as long as its process lives, and every
append states how many events it knows of. Readers need neither; they write nothing, except that the first one after a
crash takes a half-written append back, as SQLite does on opening. The rollback journal is used instead of the
write-ahead log because workspaces often lie on network file systems, where the latter is not safe.
"""

import contextlib
import errno
import fcntl
import json
import os
import socket
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Literal, NoReturn

from tao_automl.domain.events import Event
from tao_automl.errors import JournalConflict, JournalCorrupt, JournalError, UserError
from tao_automl.store.codec import decode_event, encode_event

FILE_NAME = "journal.sqlite"
APPLICATION_ID = 0x54414F4A  # "TAOJ"
FORMAT = 1
BUSY_SECONDS = 30.0

SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE events (seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL);
CREATE TRIGGER append_only_update BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER append_only_delete BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER append_only_insert BEFORE INSERT ON events
WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM events)
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {FORMAT};
COMMIT;
"""  # noqa: S608  # made of the two numbers above

_SAFE = "nothing that was recorded is lost"
FAILURES: dict[int, tuple[type[JournalError], str, str]] = {
    sqlite3.SQLITE_FULL: (JournalError, f"the disk is full; {_SAFE}", "free some space, then resume"),
    sqlite3.SQLITE_IOERR: (JournalError, f"the disk failed; {_SAFE}", "check the disk and its free space, then resume"),
    sqlite3.SQLITE_READONLY: (JournalError, "cannot be written", "check the permissions of the file and its folder"),
    sqlite3.SQLITE_CANTOPEN: (JournalError, "cannot be opened", "check the permissions of the file and its folder"),
    sqlite3.SQLITE_PERM: (JournalError, "cannot be opened", "check the permissions of the file and its folder"),
    sqlite3.SQLITE_BUSY: (JournalConflict, "in use by another process", "end that process, then resume"),
    sqlite3.SQLITE_LOCKED: (JournalConflict, "in use by another process", "end that process, then resume"),
}

Mode = Literal["create", "write", "read"]


def open_sqlite(workspace: Path, mode: Mode) -> "SqliteJournal":
    """The journal of a workspace.

    Args:
        workspace: the folder that holds, or will hold, the journal.
        mode: ``create`` refuses a workspace that has a journal; ``write`` and ``read`` refuse one that has none.

    Raises:
        UserError: the workspace has, or lacks, a journal.
        JournalConflict: another writer is at work.
        JournalCorrupt: the file is torn, of a newer version, or not a journal.
        JournalError: the file system refuses.
    """
    path = workspace / FILE_NAME
    if mode == "create":
        _make_folder(workspace)
    elif not path.exists():
        raise _no_run(workspace)
    journal = SqliteJournal(path, mode)
    if (journal.length() == 0) is (mode == "create"):
        return journal
    journal.close()
    raise _has_run(workspace) if mode == "create" else _no_run(workspace)


def _has_run(workspace: Path) -> UserError:
    hint = "resume it (`resume=True`, or `tao-automl resume DIR`), or name another folder"
    return UserError(f"{workspace}: the folder already holds a run", hint)


def _no_run(workspace: Path) -> UserError:
    return UserError(f"{workspace}: there is no run in this folder", "name the workspace folder of a run")


class SqliteJournal:
    """See `tao_automl.domain.ports.Journal` and `open_sqlite`."""

    def __init__(self, path: Path, mode: Mode) -> None:
        self._path = path
        self._lock = None if mode == "read" else _lock(path.with_name(path.name + ".lock"))
        self._db: sqlite3.Connection | None = None
        try:
            with self._translated():
                self._db = _connect(path, mode)
                self._prepare(mode)
        except BaseException:
            self.close()
            raise

    def _prepare(self, mode: Mode) -> None:
        if self._is_blank():
            if mode != "create":
                raise _no_run(self._path.parent)
            self._open.executescript(SCHEMA)
        self._check()
        if mode == "read":
            self._open.execute("PRAGMA query_only = ON")

    @property
    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            raise JournalError(f"{self._path}: the journal is closed", "open it again")
        return self._db

    def append(self, events: Sequence[Event], *, expect: int) -> int:
        rows = [(expect + i + 1, *encode_event(event)) for i, event in enumerate(events)]
        with self._translated(), self._transaction():
            found = self.length()
            if found != expect:
                raise JournalConflict(
                    f"{self._path}: the journal has {found} events, the writer knew {expect}",
                    "another runner works in this workspace",
                )
            self._open.executemany("INSERT INTO events VALUES (?, ?, ?)", rows)
        return expect + len(rows)

    def read(self, after: int = 0) -> Iterator[Event]:
        with self._translated():
            rows = self._open.execute("SELECT kind, body FROM events WHERE seq > ? ORDER BY seq", (after,)).fetchall()
        return (decode_event(kind, body) for kind, body in rows)

    def close(self) -> None:
        if self._db:
            self._db.close()
            self._db = None
        if self._lock:
            self._lock.close()
            self._lock = None

    def length(self) -> int:
        """How many events there are."""
        with self._translated():
            return int(self._open.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0])

    def _is_blank(self) -> bool:
        """A new file, or one whose maker died before its first word. SQLite takes a few stray bytes for that too."""
        tables = self._open.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        return not tables and not self._path.stat().st_size

    def _check(self) -> None:
        application, version = self._pragma("application_id"), self._pragma("user_version")
        if application != APPLICATION_ID:
            raise JournalCorrupt(f"{self._path}: not a tao-automl journal", "the file belongs to another program")
        if version > FORMAT:
            raise JournalCorrupt(
                f"{self._path}: journal format {version}, this version reads up to {FORMAT}", "upgrade tao-automl"
            )
        damage = self._damage()
        if damage:
            raise JournalCorrupt(f"{self._path}: the file is damaged ({damage})", "restore it from a backup")

    def _damage(self) -> str | None:
        size, found = self._pragma("page_count") * self._pragma("page_size"), self._path.stat().st_size
        if found < size:
            return f"{found} bytes of {size}"
        if not self._open.execute("SELECT count(*) = coalesce(max(seq), 0) FROM events").fetchone()[0]:
            return "events are missing"
        verdict = str(self._pragma("quick_check(1)"))
        return None if verdict == "ok" else verdict

    def _pragma(self, name: str) -> Any:
        return self._open.execute(f"PRAGMA {name}").fetchone()[0]

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        db = self._open
        db.execute("BEGIN IMMEDIATE")
        try:
            yield
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            _raise_translated(self._path, error)


def _make_folder(workspace: Path) -> None:
    try:
        workspace.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"{workspace}: cannot make the folder: {error.strerror}"
        raise JournalError(message, "name a writable folder") from error


def _connect(path: Path, mode: Mode) -> sqlite3.Connection:
    """A reader asks for ``rw`` too, which a file that it may not write grants as read-only: with ``ro`` it could not
    read a journal that a crash left half-written. EXTRA makes the end of an append survive a power cut."""
    uri = f"{path.resolve().as_uri()}?mode={'rwc' if mode == 'create' else 'rw'}"
    db = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
    db.execute("PRAGMA synchronous = EXTRA")
    return db


def _lock(path: Path) -> IO[bytes] | None:
    """The lock, held until the file object is closed or its process ends; None where the file system has no locks
    (then the check of every append is the only fence)."""
    try:
        file = open(path, "a+b", buffering=0)  # noqa: SIM115  # is kept open: that is the lock
    except OSError as error:
        raise JournalError(f"{path}: cannot be written: {error.strerror}", "name a writable workspace") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            file.close()
            return None
        file.seek(0)
        owner = file.read().decode(errors="replace").strip()
        file.close()
        raise JournalConflict(
            f"{path.parent}: another runner works in this workspace ({owner or 'it did not say who'})",
            "watch it with `tao-automl status DIR`, end it with `tao-automl cancel DIR`, or use another workspace",
        ) from error
    with contextlib.suppress(OSError):  # a full disk: the owner's name is a courtesy
        file.truncate(0)
        file.write(json.dumps({"host": socket.gethostname(), "pid": os.getpid()}).encode())
    return file


def _raise_translated(path: Path, error: sqlite3.Error) -> NoReturn:
    """The errors of sqlite3, told apart as a user must."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_MISUSE) & 0xFF  # the rest is detail
    raised, law, hint = FAILURES.get(code, (JournalCorrupt, "not a sound journal", "restore it from a backup"))
    raise raised(f"{path}: {law} ({error})", hint) from error
