"""Starts local jobs: checks them, keeps those that wait for GPUs in order, and launches their wrappers."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from tao_automl.domain.job import JobSpec
from tao_automl.errors import PlatformRejected, PlatformUnavailable
from tao_automl.platforms.gpu_lease import Gpu, GpuList, GpuLister, GpuPool, Lease, list_gpus, lock_folder, visible_gpus
from tao_automl.platforms.job_folder import JobFolder
from tao_automl.platforms.local_environment import check_environment, core_count, job_environment
from tao_automl.platforms.local_spec import check_spec
from tao_automl.platforms.os_errors import translated
from tao_automl.platforms.wrapper import wrapper_settings


@dataclass(kw_only=True)
class Launcher:
    """The starting half of the local platform; its fields are explained there. Not thread-safe by itself."""

    root: Path
    python: str = sys.executable
    slots: int | None = None
    given_gpus: Sequence[str] | None = None
    clock: Callable[[], float] = time.time
    grace_seconds: float = 10.0
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    gpu_lister: GpuLister = list_gpus
    gpu_locks: Path | None = None
    cores: int = field(default_factory=core_count)
    trouble: dict[str, PlatformRejected | PlatformUnavailable] = field(default_factory=dict)
    _waiting: dict[str, None] = field(default_factory=dict)  # prepared, not launched; in the order of their coming
    _launched: set[str] = field(default_factory=set)

    @cached_property
    def cpu_slots(self) -> int:
        return max(1, self.cores if self.slots is None else self.slots)

    @cached_property
    def gpus(self) -> GpuList:
        """Asked for once. Raises PlatformUnavailable while the driver does not answer."""
        if self.given_gpus is not None:
            return GpuList(gpus=tuple(Gpu(id=gpu) for gpu in self.given_gpus), note="none are to be used")
        return visible_gpus(self.gpu_lister(), self.environ)

    @cached_property
    def pool(self) -> GpuPool:
        return GpuPool([gpu.id for gpu in self.gpus.gpus], self.gpu_locks or lock_folder(self.environ))

    def check(self, spec: JobSpec) -> None:
        """Raises PlatformRejected if this machine can never run the job."""
        check_spec(spec, self.root)
        check_environment(spec, self.environ)
        have = len(self.gpus.gpus) if spec.gpus else 0
        if spec.gpus > have:
            note = "" if have else f" ({self.gpus.note})"
            hint = f"ask for at most {have} GPUs" if have else "ask for 0 GPUs to train on the CPU"
            raise PlatformRejected(f"gpus <= {have} must hold on this machine{note}, got gpus={spec.gpus}", hint)

    def enqueue(self, key: str) -> None:
        """Wants the prepared job to be started; once is enough."""
        if key not in self._launched:
            self._waiting.setdefault(key)

    def start_waiting(self) -> None:
        """Launches what can be launched. A job that waits for GPUs is not overtaken by a smaller one; what kept a job
        from starting is in `trouble`."""
        gpus_wanted = False
        for key in tuple(self._waiting):
            spec = self._wanted(key)
            if spec is None or (not (spec.gpus and gpus_wanted) and self._start(spec)):
                del self._waiting[key]
            else:
                gpus_wanted = gpus_wanted or spec.gpus > 0

    def _wanted(self, key: str) -> JobSpec | None:
        folder = JobFolder(self.root / key)
        return folder.spec() if folder.claimed_at() is None else None

    def _start(self, spec: JobSpec) -> bool:
        """Whether the job need not wait any longer: it is launched, or refused for good."""
        self.trouble.pop(spec.key, None)
        try:
            with translated(f"starting job {spec.key}"):
                return self._lease_and_launch(spec)
        except PlatformUnavailable as error:
            self.trouble[spec.key] = error
            return False
        except PlatformRejected as error:
            self.trouble[spec.key] = error
            self._refuse(spec.key, error)
            return True

    def _lease_and_launch(self, spec: JobSpec) -> bool:
        """False if too few GPUs are free now."""
        check_environment(spec, self.environ)
        lease = self.pool.lease(spec.gpus) if spec.gpus else Lease((), ())
        if lease is None:
            return False
        try:
            folder = JobFolder(self.root / spec.key)
            folder.note_launch(self.clock())
            start_detached(self._command(spec), folder.path, self._environment(spec, lease), lease.files)
        finally:
            lease.close()
        self._launched.add(spec.key)
        return True

    def _refuse(self, key: str, error: PlatformRejected) -> None:
        folder = JobFolder(self.root / key)
        if folder.claim():
            folder.close("rejected", ended_at=self.clock(), detail=f"not started: {error.message}")

    def _command(self, spec: JobSpec) -> list[str]:
        program, *arguments = spec.command
        return [self.python if program == "python" else program, *arguments]

    def _environment(self, spec: JobSpec, lease: Lease) -> dict[str, str]:
        share = spec.gpus / len(self.gpus.gpus) if spec.gpus else 1 / self.cpu_slots
        environment = job_environment(
            spec,
            self.environ,
            python=self.python,
            threads=max(1, int(self.cores * share)),
            devices=lease.ids if self.gpus.gpus else None,
        )
        folder = str(self.root / spec.key)
        return environment | wrapper_settings(spec, folder=folder, grace_seconds=self.grace_seconds)


def start_detached(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], files: Sequence[int] = ()
) -> None:
    """Starts the folder's wrapper as nobody's child and in a session of its own; it inherits the open `files`."""
    with (folder / "wrapper.log").open("ab") as complaints:
        child = subprocess.Popen(
            ["/bin/sh", "-c", '/bin/sh wrapper.sh "$@" &', "sh", *command],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
            start_new_session=True,
            pass_fds=files,
        )
    child.wait()
