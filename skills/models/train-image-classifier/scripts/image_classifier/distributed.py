"""One process or several: finding out, starting them, and adding up over them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import torch
import torch.distributed as dist
from torch import Tensor

from image_classifier.cli import FAULT_FILE, log
from image_classifier.errors import SpecError


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    rank: int
    size: int
    local_size: int
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

    def share(self, batch: Tensor) -> Tensor:
        """This process's part of a batch (or of a table with one row per image): every size-th row."""
        return batch[self.rank :: self.size]


def device_for(gpus: int, local_rank: int = 0) -> torch.device:
    """The GPU of this rank; the CPU if no GPU is wanted or none is there."""
    if gpus == 0 or not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", local_rank)


def check_gpus(gpus: int) -> None:
    available = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if available and gpus > available:
        raise SpecError(f"train.num_gpus is {gpus}, but this machine has {available}", "lower train.num_gpus")
    if gpus > 1 and not available:
        log(f"no GPU found: {gpus} processes will train on the CPU")


@contextmanager
def join_world(gpus: int) -> Iterator[World]:
    """This process's place; under torchrun also the process group, for as long as the context lasts."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    rank, local_rank = int(os.environ.get("RANK", "0")), int(os.environ.get("LOCAL_RANK", "0"))
    device = device_for(gpus, local_rank)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    if size > 1:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield World(rank=rank, size=size, local_size=int(os.environ.get("LOCAL_WORLD_SIZE", "1")), device=device)
    finally:
        if size > 1:
            dist.destroy_process_group()


def must_launch(gpus: int) -> bool:
    return gpus > 1 and "WORLD_SIZE" not in os.environ


def launch(script: Path, config: Path, processes: int) -> int:
    """Runs `script` in `processes` processes under torchrun and returns the exit code it should have by itself."""
    with tempfile.TemporaryDirectory(prefix="image-classifier-") as folder:
        fault_file = Path(folder) / "fault.json"
        child = subprocess.Popen(_command(script, config, processes), env=_environment(fault_file, processes))
        with _pass_on_signals(child):
            code = child.wait()
        if fault_file.exists():
            fault = json.loads(fault_file.read_text(encoding="utf-8"))
            print(fault["lines"], file=sys.stderr, flush=True)
            return int(fault["code"])
    return code if code >= 0 else 128 - code


def _command(script: Path, config: Path, processes: int) -> list[str]:
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    return [*run, str(script), "--config", str(config)]


def _environment(fault_file: Path, processes: int) -> dict[str, str]:
    threads = max(1, (os.cpu_count() or 1) // processes)
    return {"OMP_NUM_THREADS": str(threads), **os.environ, FAULT_FILE: str(fault_file)}


@contextmanager
def _pass_on_signals(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """SIGTERM and SIGINT sent to this process alone end the workers as well."""

    def pass_on(number: int, frame: FrameType | None) -> None:
        child.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
