"""One process or several: finding out, starting them, and adding up over them."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import torch
import torch.distributed as dist
from torch import Tensor

from causal_lm.cli import FAULT_FILE
from causal_lm.errors import SpecError

LAUNCHER_LOCK = "TAO_CAUSAL_LM_LAUNCHER_LOCK"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    rank: int
    size: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this process is the one that prints and writes."""
        return self.rank == 0

    def add_up(self, value: Tensor) -> Tensor:
        """The sum over all processes, in place."""
        if self.size > 1:
            dist.all_reduce(value)
        return value

    def largest(self, value: float) -> float:
        if self.size == 1:
            return value
        box = torch.tensor(value, dtype=torch.float64, device=self.device)
        dist.all_reduce(box, op=dist.ReduceOp.MAX)
        return float(box)


def device_for(gpus: int, local_rank: int = 0) -> torch.device:
    """The GPU of this rank; the CPU if no GPU is wanted or none is there."""
    if gpus == 0 or not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", local_rank)


def alone(gpus: int) -> World:
    return World(rank=0, size=1, device=device_for(gpus))


def check_gpus(gpus: int) -> None:
    """More processes than GPUs is an error; several processes without any GPU train on the CPU."""
    available = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if available and gpus > available:
        raise SpecError(f"train.num_gpus is {gpus}, but this machine has {available}", "lower train.num_gpus")


@contextmanager
def join_world(gpus: int) -> Iterator[World]:
    """This process's place; under torchrun also the process group, for as long as the context lasts."""
    size, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    device = device_for(gpus, int(os.environ.get("LOCAL_RANK", "0")))
    if device.type == "cuda":
        torch.cuda.set_device(device)
    if size > 1:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield World(rank=rank, size=size, device=device)
    finally:
        if size > 1:
            dist.destroy_process_group()


def must_launch(gpus: int) -> bool:
    return gpus > 1 and "WORLD_SIZE" not in os.environ


def launch(script: Path, config: Path, processes: int) -> int:
    """Runs `script` in `processes` processes under torchrun and returns the exit code it should have by itself."""
    with tempfile.TemporaryDirectory(prefix="finetune-causal-lm-") as folder:
        fault_file, lock_file = Path(folder) / "fault.json", Path(folder) / "launcher.lock"
        with open(lock_file, "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            env = _environment(processes) | {FAULT_FILE: str(fault_file), LAUNCHER_LOCK: str(lock_file)}
            code = _wait(subprocess.Popen(_command(script, config, processes), env=env))
        if fault_file.exists():
            fault = json.loads(fault_file.read_text(encoding="utf-8"))
            print(fault["lines"], file=sys.stderr, flush=True)
            return int(fault["code"])
    return code


def end_with_launcher() -> None:
    """In a process that `launch` started: ends it when the launcher is gone, even if that was killed outright.

    torchrun puts workers into sessions of their own, so that killing the job's process group does not reach them. The
    launcher holds a lock as long as it lives; a thread here waits for it.
    """
    path = os.environ.get(LAUNCHER_LOCK)
    if path:
        threading.Thread(target=_end_after_lock, args=(path,), daemon=True).start()


def _end_after_lock(path: str) -> None:
    with open(path, "r+", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        os._exit(1)


def _command(script: Path, config: Path, processes: int) -> list[str]:
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    return [*run, str(script), "--config", str(config)]


def _environment(processes: int) -> dict[str, str]:
    threads = max(1, (os.cpu_count() or 1) // processes)
    return {"OMP_NUM_THREADS": str(threads), **os.environ}


def _wait(child: subprocess.Popen[bytes]) -> int:
    """The exit code; SIGTERM and SIGINT sent to this process alone reach the workers too, and then decide the code."""
    passed_on: list[int] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        passed_on.append(number)
        child.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        code = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if passed_on:
        return 128 + passed_on[0]
    return code if code >= 0 else 128 - code
