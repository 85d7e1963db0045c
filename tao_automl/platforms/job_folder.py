"""The folder of a job on a file system: what is in it, and how it is written so that a crash leaves no half of it."""

import json
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tao_automl.domain.job import JobOutputs, JobSpec, JobStatus, OutputFile
from tao_automl.errors import PlatformRejected
from tao_automl.platforms.wrapper import CANCEL, CLAIM, EXIT, LOG, status_from_record, wrapper_text

RESULTS = "results"
OUTPUT_LIMIT = 10_000
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_RESERVED = frozenset({CLAIM, EXIT, CANCEL, "logs", "code", "job.json", "launched.json", "wrapper.sh", "wrapper.log"})


def is_key(key: str) -> bool:
    """Whether a key can name a folder: it stays below its parent and means the same to every shell and host."""
    return _KEY.fullmatch(key) is not None


def is_inner_path(path: str) -> bool:
    """Whether a relative path of `JobSpec.files` stays in the folder and off the platform's own files."""
    return _is_relative_path(path) and path.split("/")[0] not in _RESERVED


def _is_relative_path(path: str) -> bool:
    return "\0" not in path and not {"", ".", ".."} & set(path.split("/"))


class JobFolder:
    """One job's folder. Reading methods answer None for what is not there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log = path / LOG
        self.results = path / RESULTS

    def prepare(self, spec: JobSpec, created_at: float) -> None:
        """Writes all that the job needs; `job.json` last: where it is, the rest is. Does nothing the second time."""
        if self.is_prepared():
            return
        self.results.mkdir(parents=True, exist_ok=True)
        for name, text in spec.files.items():
            write_atomically(self.path / name, text)
        if spec.code is not None:
            _link_atomically(self.path / "code", spec.code)
        write_atomically(self.path / "wrapper.sh", wrapper_text())
        write_atomically(self.path / "job.json", json.dumps(_description(spec, created_at), indent=1))

    def spec(self) -> JobSpec | None:
        """The job as it was asked for, less its files."""
        data = self._json("job.json")
        if data is None:
            return None
        tuples = {name: tuple(data[name]) for name in ("command", "secrets")}
        return JobSpec(**{name: value for name, value in data.items() if name != "created_at"} | tuples)

    def is_prepared(self) -> bool:
        return (self.path / "job.json").exists()

    def note_launch(self, at: float) -> None:
        write_atomically(self.path / "launched.json", json.dumps({"at": at}))

    def launched_at(self) -> float | None:
        data = self._json("launched.json")
        return None if data is None else float(data["at"])

    def claimed_at(self) -> float | None:
        try:
            return (self.path / CLAIM).stat().st_mtime
        except FileNotFoundError:
            return None

    def request_cancel(self) -> None:
        (self.path / CANCEL).touch()

    def cancel_requested_at(self) -> float | None:
        try:
            return (self.path / CANCEL).stat().st_mtime
        except FileNotFoundError:
            return None

    def ending(self) -> JobStatus | None:
        try:
            return status_from_record((self.path / EXIT).read_text(encoding="utf-8", errors="replace"))
        except FileNotFoundError:
            return None

    def claim(self) -> bool:
        """Takes the job away from any wrapper that may still come; False if one was faster."""
        try:
            (self.path / CLAIM).mkdir()
        except FileExistsError:
            return False
        return True

    def close(self, reason: str, *, ended_at: float, started_at: float | None = None, detail: str = "") -> JobStatus:
        """Records an end that no wrapper could record. An existing record stands."""
        if (found := self.ending()) is not None:
            return found
        record = {"reason": reason, "detail": detail, "started_at": started_at, "ended_at": ended_at}
        write_atomically(self.path / EXIT, json.dumps(record))
        return status_from_record(json.dumps(record))

    def outputs(self, limit: int = OUTPUT_LIMIT) -> JobOutputs:
        """The files below `results`, at most `limit`. Links are followed only within it."""
        files = sorted(_files_below(self.results, limit), key=lambda file: file.path)
        return JobOutputs(root=str(self.results), files=tuple(files))

    def result_file(self, name: str) -> Path | None:
        """The regular file `name` below `results`; None if it is not there, or leads elsewhere."""
        home = _home(self.results)
        if home is None or not _is_relative_path(name):
            return None
        path = os.path.realpath(os.path.join(home, name))
        return Path(path) if path.startswith(home + os.sep) and os.path.isfile(path) else None

    def delete(self, paths: Iterable[str]) -> None:
        """Deletes files below `results`; links to elsewhere are taken away, what they lead to is not.

        Raises PlatformRejected, and deletes nothing, if one of them does not lie there.
        """
        named = list(paths)
        for path in named:
            if not self._holds(path):
                raise PlatformRejected(f"{path}: it does not lie below the results of {self.path.name}")
        for path in named:
            try:
                (self.results / path).unlink()
            except (FileNotFoundError, NotADirectoryError):
                continue
            except IsADirectoryError:
                raise PlatformRejected(f"{path}: it is a folder of {self.path.name}, and no file") from None

    def _holds(self, name: str) -> bool:
        home = _home(self.results)
        if home is None or not _is_relative_path(name):
            return False
        folder = os.path.realpath((self.results / name).parent)
        return (folder + os.sep).startswith(home + os.sep)

    def _json(self, name: str) -> dict[str, Any] | None:
        try:
            data = json.loads((self.path / name).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        return data if isinstance(data, dict) else None


def write_atomically(path: Path, text: str) -> None:
    """A reader sees the whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        draft.write_text(text, encoding="utf-8", newline="")
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _link_atomically(path: Path, target: str) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    os.symlink(target, draft)
    os.replace(draft, path)


def _description(spec: JobSpec, created_at: float) -> Mapping[str, object]:
    fields = {name: getattr(spec, name) for name in JobSpec.__slots__ if name != "files"}
    return {**fields, "env": dict(spec.env), "inputs": dict(spec.inputs), "created_at": created_at}


def _home(results: Path) -> str | None:
    """The real path of a results folder; None if it is a link to elsewhere."""
    home = os.path.realpath(results)
    return home if home == os.path.join(os.path.realpath(results.parent), results.name) else None


def _files_below(results: Path, limit: int) -> Iterator[OutputFile]:
    home = _home(results)
    if home is None:
        return
    for folder, names, files in os.walk(home):
        names.sort()
        for name in sorted(files):
            found = _output(home, os.path.join(folder, name))
            if found is not None and limit > 0:
                limit -= 1
                yield found
        if limit <= 0:
            return


def _output(home: str, path: str) -> OutputFile | None:
    if os.path.islink(path) and not os.path.realpath(path).startswith(home + os.sep):
        return None
    try:
        about = os.stat(path)
    except OSError:  # it was there a moment ago, or the link leads nowhere
        return None
    if not stat.S_ISREG(about.st_mode):
        return None
    name = os.path.relpath(path, home).replace(os.sep, "/")
    return OutputFile(path=name, size=about.st_size, modified_at=about.st_mtime)
