"""Jobs as processes of this machine. They outlive the runner, and a Ctrl-C in its terminal.

A job's folder is `root/<key>`, its handle the key. Everything this module knows is in that folder, so that another
process can go on with it: `job.json` (asked for), `launched.json` (a wrapper is on its way), `claim/` (it came),
`exit.json` (how it ended). Whoever makes `claim/` decides: a wrapper that makes it runs the job; a platform that makes
it (to cancel, or to give up a wrapper that never came) keeps every wrapper from running it.

Without GPUs, `slots` bounds `capacity`, and a job gets cores / slots threads. With GPUs, a job that asks for some gets
them for itself or waits; a job that asks for none sees none.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from tao_automl.domain.job import Check, FailureAnalysis, JobOutputs, JobSpec, JobState, JobStatus, LogChunk
from tao_automl.errors import PlatformRejected, PlatformUnavailable
from tao_automl.platforms import local_checks
from tao_automl.platforms.failures import analyse
from tao_automl.platforms.gpu_lease import Gpu, GpuList, GpuLister, GpuPool, Lease, list_gpus, lock_folder, visible_gpus
from tao_automl.platforms.job_folder import JobFolder, is_key
from tao_automl.platforms.local_environment import check_environment, core_count, job_environment
from tao_automl.platforms.local_processes import WrapperProcess, end_leftovers, identities, send, wrapper_of
from tao_automl.platforms.local_spec import check_spec
from tao_automl.platforms.log_reader import read_log, tail_lines
from tao_automl.platforms.os_errors import translated
from tao_automl.platforms.redact import Redactor
from tao_automl.platforms.wrapper import wrapper_settings

_STUCK_SECONDS = 10.0  # beyond the grace period: then the wrapper itself is killed
_UNKNOWN = JobStatus(state=JobState.LOST, detail="no such job in this workspace")


class LocalPlatform:
    """Implements `PlatformSDK`; safe to use from several threads and, on the same root, from several processes.

    Args:
        root: folder of the job folders; made when the first job is created.
        python: the interpreter for commands that begin with ``python``.
        slots: how many jobs without a GPU run at a time; default: half of the cores, at least 1.
        gpus: ids (UUIDs or indices) of the GPUs to use; default: those that nvidia-smi lists and
            CUDA_VISIBLE_DEVICES allows. An empty sequence: none.
        clock: seconds since the epoch.
        grace_seconds: how long a cancelled job may take to end by itself; whole seconds, rounded up.
        start_seconds: after that long without a sign of life a launched job is LOST.
        environ: the caller's environment, where jobs inherit from and secrets are read.
        gpu_lister: asks the machine for its GPUs.
        gpu_locks: folder of the lock files; by default one for each user and host.
    """

    name = "local"
    poll_interval = 0.5

    def __init__(
        self,
        root: Path,
        *,
        python: str = sys.executable,
        slots: int | None = None,
        gpus: Sequence[str] | None = None,
        clock: Callable[[], float] = time.time,
        grace_seconds: float = 10.0,
        start_seconds: float = 60.0,
        environ: Mapping[str, str] | None = None,
        gpu_lister: GpuLister = list_gpus,
        gpu_locks: Path | None = None,
    ) -> None:
        self._root = Path(os.path.abspath(root))
        self._python = python
        self._cores = core_count()
        self._slots = max(1, self._cores // 2) if slots is None else max(1, slots)
        self._given_gpus = gpus
        self._clock = clock
        self._grace_seconds = grace_seconds
        self._start_seconds = start_seconds
        self._environ = os.environ if environ is None else environ
        self._gpu_lister = gpu_lister
        self._gpu_locks = gpu_locks
        self._lock = threading.RLock()
        self._waiting: dict[str, None] = {}  # prepared and not launched, in the order in which they came
        self._launched: set[str] = set()  # by this object
        self._refused: dict[str, PlatformRejected] = {}
        self._wrappers: dict[str, WrapperProcess] = {}
        self._ended: dict[str, JobStatus] = {}

    def create_job(self, spec: JobSpec) -> str:
        """See `PlatformSDK`. A job that waits for a GPU is started by a later call of any method of this class that
        looks at jobs."""
        if not is_key(spec.key) or not self._folder(spec.key).is_prepared():
            self._check(spec)
        with self._lock, translated(f"job {spec.key}"):
            folder = self._folder(spec.key)
            folder.prepare(spec, self._clock())
            if spec.key not in self._launched and folder.claimed_at() is None:
                self._waiting.setdefault(spec.key)
                self._start_waiting()
        if spec.key in self._refused:
            raise self._refused[spec.key]
        return spec.key

    def get_job_status(self, handles: Sequence[str]) -> Mapping[str, JobStatus]:
        with self._lock, translated("looking at the jobs"):
            self._start_waiting()
            wrappers = {handle: self._wrapper(handle) for handle in handles if handle not in self._ended}
            alive = identities({wrapper.pid for wrapper in wrappers.values() if wrapper is not None})
            return {handle: self._look(handle, wrappers.get(handle), alive) for handle in handles}

    def get_job_logs(self, handle: str, cursor: int = 0) -> LogChunk:
        if not is_key(handle):
            return LogChunk(lines=(), cursor=cursor)
        with translated(f"the log of job {handle}"):
            folder = self._folder(handle)
            ended = handle in self._ended or folder.ending() is not None
            return read_log(folder.log, cursor, ended=ended)

    def cancel_job(self, handle: str) -> None:
        if not is_key(handle):
            return
        folder = self._folder(handle)
        with self._lock, translated(f"cancelling job {handle}"):
            if not folder.is_prepared() or folder.ending() is not None:
                return
            folder.request_cancel()
            if folder.claim():
                folder.close("cancelled", ended_at=self._clock(), detail="cancelled before it started")
            elif (wrapper := self._wrapper(handle)) is not None:
                send(wrapper, signal.SIGTERM)

    def get_failure_analysis(self, handle: str) -> FailureAnalysis:
        status = self.get_job_status([handle])[handle]
        if status is _UNKNOWN:
            return analyse((), status)
        with translated(f"the log of job {handle}"):
            folder = self._folder(handle)
            spec = folder.spec()
            redactor = Redactor.from_environment(self._environ, spec.secrets if spec else ())
            return analyse(tail_lines(folder.log), status, redactor=redactor, log_path=str(folder.log))

    def get_job_outputs(self, handle: str) -> JobOutputs:
        if not is_key(handle):
            return JobOutputs(root="", files=())
        with translated(f"the results of job {handle}"):
            return self._folder(handle).outputs()

    def capacity(self, gpus: int) -> int | None:
        return len(self._gpus.gpus) // gpus if gpus > 0 else self._slots

    def check(self) -> Sequence[Check]:
        found = [local_checks.check_workspace(self._root), local_checks.check_disk(self._root)]
        found += [local_checks.check_python(self._python), local_checks.check_tools()]
        found.append(local_checks.check_slots(self._slots, self._cores))
        try:
            found.append(local_checks.check_gpus(self._gpus, self._pool))
        except PlatformUnavailable as error:
            found.append(local_checks.gpus_unknown(error))
        return tuple(found)

    def _check(self, spec: JobSpec) -> None:
        check_spec(spec, self._root)
        check_environment(spec, self._environ)
        have = len(self._gpus.gpus) if spec.gpus else 0
        if spec.gpus > have:
            note = f" ({self._gpus.note})" if self._gpus.note else ""
            hint = f"ask for at most {have} GPUs" if have else "ask for 0 GPUs to train on the CPU"
            raise PlatformRejected(f"gpus <= {have} must hold on this machine{note}, got gpus={spec.gpus}", hint)

    def _folder(self, key: str) -> JobFolder:
        return JobFolder(self._root / key)

    @cached_property
    def _gpus(self) -> GpuList:
        if self._given_gpus is not None:
            return GpuList(gpus=tuple(Gpu(id=gpu) for gpu in self._given_gpus), note="" if self._given_gpus else "off")
        return visible_gpus(self._gpu_lister(), self._environ)

    @cached_property
    def _pool(self) -> GpuPool:
        return GpuPool([gpu.id for gpu in self._gpus.gpus], self._gpu_locks or lock_folder(self._environ))

    # Starting ---------------------------------------------------------------------------------------------------

    def _start_waiting(self) -> None:
        """Launches what can be launched. A job that waits for GPUs is not overtaken by a smaller one."""
        gpus_wanted = False
        for key in tuple(self._waiting):
            spec = self._folder(key).spec()
            if spec is None or self._folder(key).claimed_at() is not None:
                del self._waiting[key]
            elif not (spec.gpus and gpus_wanted) and self._start(spec):
                del self._waiting[key]
            else:
                gpus_wanted = True

    def _start(self, spec: JobSpec) -> bool:
        """False if there are not enough free GPUs now."""
        lease = self._pool.lease(spec.gpus) if spec.gpus else Lease((), ())
        if lease is None:
            return False
        try:
            self._launch(spec, lease)
        except PlatformRejected as error:
            self._refuse(spec.key, error)
        finally:
            lease.close()
        return True

    def _launch(self, spec: JobSpec, lease: Lease) -> None:
        check_environment(spec, self._environ)
        folder = self._folder(spec.key)
        folder.note_launch(self._clock())
        with translated(f"starting job {spec.key}"):
            _start_detached(self._command(spec), folder.path, self._job_environment(spec, lease), lease.files)
        self._launched.add(spec.key)

    def _command(self, spec: JobSpec) -> list[str]:
        program, *arguments = spec.command
        return [self._python if program == "python" else program, *arguments]

    def _job_environment(self, spec: JobSpec, lease: Lease) -> dict[str, str]:
        share = spec.gpus / len(self._gpus.gpus) if spec.gpus else 1 / self._slots
        environment = job_environment(
            spec,
            self._environ,
            python=self._python,
            threads=max(1, int(self._cores * share)),
            devices=lease.ids if self._gpus.gpus else None,
        )
        folder = str(self._root / spec.key)
        return environment | wrapper_settings(spec, folder=folder, grace_seconds=self._grace_seconds)

    def _refuse(self, key: str, error: PlatformRejected) -> None:
        self._refused[key] = error
        if self._folder(key).claim():
            self._folder(key).close("rejected", ended_at=self._clock(), detail=f"not started: {error.message}")

    # Looking ----------------------------------------------------------------------------------------------------

    def _wrapper(self, handle: str) -> WrapperProcess | None:
        if handle not in self._wrappers and is_key(handle):
            found = wrapper_of(self._root / handle)
            if found is None:
                return None
            self._wrappers[handle] = found
        return self._wrappers.get(handle)

    def _look(self, handle: str, wrapper: WrapperProcess | None, alive: Mapping[int, str]) -> JobStatus:
        if handle in self._ended:
            return self._ended[handle]
        if not is_key(handle):
            return _UNKNOWN
        folder = self._folder(handle)
        status = folder.ending() or self._look_unended(folder, wrapper, alive)
        if status.state.ended and status is not _UNKNOWN:
            self._ended[handle] = status
        return status

    def _look_unended(
        self, folder: JobFolder, wrapper: WrapperProcess | None, alive: Mapping[int, str]
    ) -> JobStatus:
        if wrapper is None:
            return self._look_unstarted(folder)
        if alive.get(wrapper.pid) == wrapper.identity:
            self._insist_on_cancel(folder, wrapper)
            return JobStatus(state=JobState.RUNNING, detail=f"process {wrapper.pid}", started_at=wrapper.started_at)
        return folder.ending() or self._lose(folder, wrapper)  # it may have ended since

    def _look_unstarted(self, folder: JobFolder) -> JobStatus:
        key, since = folder.path.name, folder.claimed_at() or folder.launched_at()
        if since is None:
            if not folder.is_prepared():
                return _UNKNOWN
            self._waiting.setdefault(key)
            return JobStatus(state=JobState.PENDING, detail=f"waiting for {'a GPU' if self._gpus.gpus else 'its start'}")
        if self._clock() - since > self._start_seconds and wrapper_of(folder.path) is None:
            folder.claim()  # a wrapper that still comes finds it
            return self._close_unseen(folder, detail=f"the job did not start within {self._start_seconds:g} s")
        return JobStatus(state=JobState.PENDING, detail="starting")

    def _insist_on_cancel(self, folder: JobFolder, wrapper: WrapperProcess) -> None:
        """Says it again; kills a wrapper that cannot hear (stopped, say). The next look ends what it leaves."""
        requested = folder.cancel_requested_at()
        if requested is not None:
            stuck = self._clock() - requested > self._grace_seconds + _STUCK_SECONDS
            send(wrapper, signal.SIGKILL if stuck else signal.SIGTERM)

    def _lose(self, folder: JobFolder, wrapper: WrapperProcess) -> JobStatus:
        end_leftovers(wrapper, folder.path)
        return self._close_unseen(folder, started_at=wrapper.started_at)

    def _close_unseen(self, folder: JobFolder, *, started_at: float | None = None, detail: str = "") -> JobStatus:
        wanted = folder.cancel_requested_at() is not None
        return folder.close(
            "cancelled" if wanted else "lost",
            started_at=started_at,
            ended_at=self._clock(),
            detail="" if wanted else detail,
        )


def _start_detached(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], files: Sequence[int]
) -> None:
    """Starts the wrapper as nobody's child, in a session of its own; it inherits `files`."""
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
