"""GPUs of this machine, leased by file locks: a lock lives as long as a process of the job does, whoever dies first.

A lock belongs to the open file, not to the process that took it. The runner hands the open file to the job's wrapper
and closes its own; the kernel releases the lock when the last process that inherited it is gone.
"""

import contextlib
import fcntl
import os
import platform
import re
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tao_automl.errors import PlatformRejected, PlatformUnavailable

_GPU = re.compile(r"GPU (?P<index>\d+): (?P<name>.*) \(UUID: (?P<id>[^)]+)\)")
_SLICE = re.compile(r"\s+MIG (?P<name>.*?)\s+Device\s+\d+: \(UUID: (?P<id>[^)]+)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """A device that a job can have for itself: a GPU, or a MIG slice of one."""

    id: str
    name: str = ""
    index: str = ""  # of the GPU, as nvidia-smi counts; empty for a slice


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuList:
    """What this machine has; `note` tells why there is nothing."""

    gpus: tuple[Gpu, ...] = ()
    note: str = ""


def list_gpus(program: str = "nvidia-smi", timeout: float = 20.0) -> GpuList:
    """The GPUs that nvidia-smi lists. Without the program, or when it fails, there are none."""
    try:
        answer = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=timeout, check=False)
    except FileNotFoundError:
        return GpuList(note=f"{program} is not installed")
    except subprocess.TimeoutExpired as error:
        raise PlatformUnavailable(f"{program} did not answer within {timeout:g} s", "is the driver hung?") from error
    except OSError as error:
        return GpuList(note=f"{program} cannot be run: {error}")
    if answer.returncode != 0:
        said = (answer.stderr.strip() or answer.stdout.strip()).partition("\n")[0]
        return GpuList(note=f"{program} failed: {said}")
    return parse_gpu_list(answer.stdout)


def parse_gpu_list(text: str) -> GpuList:
    """Reads the output of `nvidia-smi -L`. A GPU that is divided into MIG slices counts as its slices."""
    found: list[Gpu] = []
    for line in text.splitlines():
        if whole := _GPU.match(line):
            found.append(Gpu(id=whole["id"], name=whole["name"], index=whole["index"]))
        elif part := _SLICE.match(line):
            if found and found[-1].index:
                found.pop()
            found.append(Gpu(id=part["id"], name=f"MIG {part['name']}"))
    return GpuList(gpus=tuple(found), note="" if found else "nvidia-smi lists no GPU")


def visible_gpus(listed: GpuList, environ: Mapping[str, str]) -> GpuList:
    """Those of `listed` that CUDA_VISIBLE_DEVICES leaves to this process."""
    wanted = environ.get("CUDA_VISIBLE_DEVICES")
    if wanted is None or not listed.gpus:
        return listed
    words = [word.strip() for word in wanted.split(",") if word.strip()]
    kept = tuple(gpu for gpu in listed.gpus if any(_is_meant(gpu, word) for word in words))
    return GpuList(gpus=kept, note="" if kept else f"CUDA_VISIBLE_DEVICES={wanted!r} hides every GPU")


def _is_meant(gpu: Gpu, word: str) -> bool:
    return word == gpu.index or (not word.isdigit() and gpu.id.startswith(word))


class Lease:
    """GPUs held by open, locked files. Closing the files here leaves them to the processes that inherited them."""

    def __init__(self, ids: Sequence[str], files: Sequence[int]) -> None:
        self.ids = tuple(ids)
        self.files = tuple(files)

    def close(self) -> None:
        for file in self.files:
            with contextlib.suppress(OSError):
                os.close(file)


class GpuPool:
    """All runners of a user on a host share one folder of lock files, one for each GPU."""

    def __init__(self, ids: Sequence[str], folder: Path) -> None:
        self.ids = tuple(ids)
        self._folder = folder

    def lease(self, count: int) -> Lease | None:
        """`count` free GPUs, or None if fewer are free now."""
        taken: dict[str, int] = {}
        for gpu in self.ids:
            if len(taken) == count:
                break
            if (file := self._lock(gpu)) is not None:
                taken[gpu] = file
        lease = Lease(list(taken), list(taken.values()))
        if len(taken) == count:
            return lease
        lease.close()
        return None

    def free(self) -> int:
        """How many are free now."""
        files = [file for gpu in self.ids if (file := self._lock(gpu)) is not None]
        Lease((), files).close()
        return len(files)

    def _lock(self, gpu: str) -> int | None:
        path = self._folder / f"{re.sub(r'[^A-Za-z0-9._-]', '_', gpu)}.lock"
        private_folder(self._folder)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.utime(file)  # whoever tidies old files up sees that this one is in use
        except BlockingIOError:
            os.close(file)
            return None
        except BaseException:
            os.close(file)
            raise
        return file


def lock_folder(environ: Mapping[str, str]) -> Path:
    """Where this user's locks for this host are. Not in a runtime or temporary folder if it can be helped: those are
    emptied while jobs run."""
    host = re.sub(r"[^A-Za-z0-9.-]", "_", platform.node()) or "localhost"
    cache = environ.get("XDG_CACHE_HOME") or (environ.get("HOME") and os.path.join(environ["HOME"], ".cache"))
    if cache and os.path.isabs(cache) and _can_write(Path(cache)):
        return Path(cache) / "tao-automl" / "gpu-locks" / host
    return Path(tempfile.gettempdir()) / f"tao-automl-gpu-locks-{os.getuid()}"


def private_folder(folder: Path) -> None:
    """Makes the folder, and refuses one that somebody else put there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    about = folder.lstat()
    if folder.is_symlink() or about.st_uid != os.getuid():
        raise PlatformRejected(f"{folder} must be a folder of this user, and is not", "remove it")


def _can_write(folder: Path) -> bool:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return os.access(folder, os.W_OK)


GpuLister = Callable[[], GpuList]
