"""Processes of this machine, told apart from later ones with the same number.

An identity is the text that `wrapper.sh` records of itself: boot and start tick where there is a `/proc`, else the
start time as `ps` prints it.
"""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tao_automl.platforms.wrapper import GROUP, MARK, PROCESS

_PROC = Path("/proc")
_BOOT_ID = _PROC / "sys/kernel/random/boot_id"
_HAS_PROC = (_PROC / "self/stat").exists() and _BOOT_ID.exists()


@dataclass(frozen=True, slots=True, kw_only=True)
class WrapperProcess:
    """The wrapper of a job, as it wrote itself down."""

    pid: int
    identity: str
    started_at: float

    @property
    def mark(self) -> bytes:
        """What every process of the job has in its environment, unless it cleared it."""
        return f"{MARK}={self.identity}/{self.pid};".encode()


def wrapper_of(folder: Path) -> WrapperProcess | None:
    """The wrapper that claimed the folder's job; None if none did, or has not yet said so."""
    try:
        data = json.loads((folder / PROCESS).read_text(encoding="utf-8"))
        return WrapperProcess(pid=int(data["pid"]), identity=data["identity"], started_at=float(data["started_at"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def identities(pids: Collection[int]) -> Mapping[int, str]:
    """The identities of those of `pids` that run; zombies do not. At most one subprocess is started, whatever the
    number."""
    if not _HAS_PROC:
        return _identities_from_ps(pids)
    found = ((pid, _identity_from_proc(pid)) for pid in pids)
    return {pid: identity for pid, identity in found if identity is not None}


def send(process: WrapperProcess, number: signal.Signals) -> None:
    """Signals the wrapper, if it still is the one that claimed the job."""
    if identities([process.pid]).get(process.pid) == process.identity:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)


def end_leftovers(process: WrapperProcess, folder: Path) -> None:
    """Kills what is left of a job whose wrapper is gone: all marked processes, and the command's process group if
    that number cannot have passed to somebody else."""
    marked = set(_marked(process.mark))
    if (group := _command_group(folder, marked)) is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
    for pid in marked:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def _identity_from_proc(pid: int) -> str | None:
    fields = _stat_fields(pid)
    return f"{_boot()}/{fields[19]}" if fields and fields[0] not in ("Z", "X") else None


def _stat_fields(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the state (0) on; parent 1, group 2, start tick 19."""
    try:
        raw = (_PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    return raw[raw.rindex(b")") + 2 :].decode("ascii").split() or None


@cache
def _boot() -> str:
    return _BOOT_ID.read_text(encoding="ascii").strip()


def _identities_from_ps(pids: Collection[int]) -> Mapping[int, str]:
    if not pids:
        return {}
    command = ["ps", "-o", "pid=,stat=,lstart=", "-p", ",".join(map(str, pids))]
    answer = subprocess.run(
        command, capture_output=True, text=True, timeout=30, check=False, env={**os.environ, "LC_ALL": "C"}
    )
    rows = (line.split(maxsplit=2) for line in answer.stdout.splitlines())
    return {int(row[0]): row[2].strip() for row in rows if len(row) == 3 and not row[1].startswith("Z")}


def _running_pids() -> Iterator[int]:
    return (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()) if _HAS_PROC else iter(())


def _marked(mark: bytes) -> Iterator[int]:
    for pid in _running_pids():
        with contextlib.suppress(OSError):
            if mark in (_PROC / str(pid) / "environ").read_bytes().split(b"\0"):
                yield pid


def _command_group(folder: Path, marked: Collection[int]) -> int | None:
    """The command's process group, if its leader or a marked member still lives."""
    try:
        data = json.loads((folder / GROUP).read_text(encoding="utf-8"))
        leader, identity = int(data["pid"]), str(data["identity"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    if identities([leader]).get(leader) == identity:
        return leader
    return leader if any(_group_of(pid) == leader for pid in marked) else None


def _group_of(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None
