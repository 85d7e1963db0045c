"""Preflight of the local platform. Nothing is changed; each finding has a stable id, evidence and a remedy."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tao_automl.domain.job import Check
from tao_automl.errors import PlatformUnavailable
from tao_automl.platforms.gpu_lease import GpuList, GpuPool

_LEAST_FREE_BYTES = 1 << 30
_TOOLS = ("sh", "tee", "mkfifo", "sed", "grep", "date", "sleep")


def check_workspace(root: Path) -> Check:
    folder = _nearest(root)
    if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
        return Check(id="local.workspace", status="ok", evidence=f"{root} can be written")
    evidence = f"{folder} cannot be written" if folder.is_dir() else f"{folder} is not a folder"
    return Check(id="local.workspace", status="failed", evidence=evidence, remedy="choose another workspace")


def check_disk(root: Path) -> Check:
    free = shutil.disk_usage(_nearest(root)).free
    evidence = f"{free / (1 << 30):.1f} GiB free below {_nearest(root)}"
    if free >= _LEAST_FREE_BYTES:
        return Check(id="local.disk", status="ok", evidence=evidence)
    return Check(id="local.disk", status="failed", evidence=evidence, remedy="free at least 1 GiB")


def check_python(python: str) -> Check:
    command = [python, "-c", "import sys; print(sys.version.split()[0])"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        version = answer.stdout.strip() if answer.returncode == 0 else ""
    except (OSError, subprocess.TimeoutExpired):
        version = ""
    if version:
        return Check(id="local.python", status="ok", evidence=f"{python} is Python {version}")
    return Check(
        id="local.python", status="failed", evidence=f"{python} does not run", remedy="pass python=<an interpreter>"
    )


def check_tools() -> Check:
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if not missing:
        return Check(id="local.tools", status="ok", evidence="the programs that the job wrapper needs are there")
    return Check(id="local.tools", status="failed", evidence=f"not found: {', '.join(missing)}", remedy="install them")


def check_slots(slots: int, cores: int) -> Check:
    return Check(id="local.slots", status="ok", evidence=f"{slots} CPU jobs at a time on {cores} cores")


def check_gpus(listed: GpuList, pool: GpuPool) -> Check:
    if not listed.gpus:
        return Check(id="local.gpus", status="ok", evidence=f"no GPU, jobs run on the CPU ({listed.note})")
    names = ", ".join(sorted({gpu.name or gpu.id for gpu in listed.gpus}))
    free = f"{pool.free()} of {len(listed.gpus)} GPUs free"
    return Check(id="local.gpus", status="ok", evidence=f"{free} ({names})")


def gpus_unknown(error: PlatformUnavailable) -> Check:
    return Check(id="local.gpus", status="unknown", evidence=error.message, remedy=error.hint)


def _nearest(path: Path) -> Path:
    """The path, or the closest of its parents that exists."""
    return next(folder for folder in _upwards(path) if folder.exists())


def _upwards(path: Path) -> Iterator[Path]:
    yield path
    yield from path.parents
