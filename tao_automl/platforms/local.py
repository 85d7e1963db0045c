"""Jobs as processes of this machine. They outlive the runner, and a Ctrl-C in its terminal.

A job's folder is `root/<key>`, its handle the key. All that is known of a job is in that folder, so that another
process can go on with it: `job.json` (asked for), `launched.json` (a wrapper is on its way), `claim/` (it came),
`exit.json` (how it ended). Whoever makes `claim/` decides: a wrapper that makes it runs the job; a platform that makes
it (to cancel, or to give up a wrapper that never came) keeps every wrapper from running it.

Without GPUs, `slots` bounds `capacity`, and a job gets cores / slots threads. With GPUs, a job that asks for some gets
them for itself or waits; a job that asks for none sees none.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tao_automl.domain.job import Check, FailureAnalysis, JobOutputs, JobSpec, JobState, JobStatus, LogChunk
from tao_automl.errors import PlatformUnavailable
from tao_automl.platforms import local_checks
from tao_automl.platforms.failures import analyse
from tao_automl.platforms.gpu_lease import GpuLister, list_gpus
from tao_automl.platforms.job_folder import JobFolder, is_key
from tao_automl.platforms.local_launcher import Launcher
from tao_automl.platforms.local_processes import WrapperProcess, end_leftovers, identities, send, wrapper_of
from tao_automl.platforms.log_reader import READ_LIMIT, read_log, tail_lines
from tao_automl.platforms.os_errors import translated
from tao_automl.platforms.redact import Redactor

_STUCK_SECONDS = 10.0  # beyond the grace period; then the wrapper itself is killed
_UNKNOWN = JobStatus(state=JobState.LOST, detail="no such job in this workspace")


class LocalPlatform:
    """Implements `PlatformSDK`; safe to use from several threads and, on the same root, from several processes.

    Args:
        root: folder of the job folders; made when the first job is created.
        python: the interpreter for commands that begin with ``python``.
        slots: how many jobs without a GPU run at a time; default: one a core.
        gpus: ids (UUIDs or indices) of the GPUs to use; default: those that nvidia-smi lists and
            CUDA_VISIBLE_DEVICES allows. An empty sequence: none.
        clock: seconds since the epoch.
        grace_seconds: how long a cancelled job may take to end by itself; rounded up to whole seconds.
        start_seconds: a launched job that gave no sign of life for so long is LOST.
        environ: the caller's environment, from which jobs inherit and secrets are read; default: this process's.
        gpu_lister: asks the machine for its GPUs.
        gpu_locks: folder of the lock files; by default one for each user and host.
    """

    name = "local"
    poll_interval = 0.2
    runs_images = False

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
        self._clock = clock
        self._grace_seconds = grace_seconds
        self._start_seconds = start_seconds
        self._launcher = Launcher(
            root=self._root,
            python=python,
            slots=slots,
            given_gpus=gpus,
            clock=clock,
            grace_seconds=grace_seconds,
            environ=os.environ if environ is None else environ,
            gpu_lister=gpu_lister,
            gpu_locks=gpu_locks,
        )
        self._lock = threading.RLock()
        self._wrappers: dict[str, WrapperProcess] = {}
        self._ended: dict[str, JobStatus] = {}

    def create_job(self, spec: JobSpec) -> str:
        """See `PlatformSDK`. A job that has to wait for a GPU is started by a later `get_job_status`."""
        with self._lock, translated(f"creating job {spec.key}"):
            if not is_key(spec.key) or not self._folder(spec.key).is_prepared():
                self._launcher.check(spec)
            folder = self._folder(spec.key)
            folder.prepare(spec, self._clock())
            if folder.claimed_at() is None:
                self._launcher.enqueue(spec.key)
                self._launcher.start_waiting()
            if (trouble := self._launcher.trouble.get(spec.key)) is not None:
                raise trouble
            return spec.key

    def get_job_status(self, handles: Sequence[str]) -> Mapping[str, JobStatus]:
        with self._lock, translated("looking at the jobs"):
            self._launcher.start_waiting()
            wrappers = {handle: self._wrapper(handle) for handle in handles if handle not in self._ended}
            alive = identities({wrapper.pid for wrapper in wrappers.values() if wrapper is not None})
            return {handle: self._look(handle, wrappers.get(handle), alive) for handle in handles}

    def get_job_logs(self, handle: str, cursor: int = 0) -> LogChunk:
        if not is_key(handle):
            return LogChunk(lines=(), cursor=cursor)
        with translated(f"reading the log of job {handle}"):
            folder = self._folder(handle)
            ended = handle in self._ended or folder.ending() is not None
            return read_log(folder.log, cursor, ended=ended)

    def get_job_file(self, handle: str, path: str, cursor: int = 0) -> LogChunk:
        if not is_key(handle):
            return LogChunk(lines=(), cursor=cursor)
        with translated(f"reading {path} of job {handle}"):
            folder = self._folder(handle)
            ended = handle in self._ended or folder.ending() is not None
            found = folder.result_file(path)
            if found is None:
                return LogChunk(lines=(), cursor=cursor)
            return read_log(found, cursor, ended=ended, line_limit=READ_LIMIT)

    def cancel_job(self, handle: str) -> None:
        if not is_key(handle):
            return
        with self._lock, translated(f"cancelling job {handle}"):
            folder = self._folder(handle)
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
        with translated(f"reading the log of job {handle}"):
            folder = self._folder(handle)
            spec = folder.spec()
            redactor = Redactor.from_environment(self._launcher.environ, spec.secrets if spec else ())
            return analyse(tail_lines(folder.log), status, redactor=redactor, log_path=str(folder.log))

    def get_job_outputs(self, handle: str) -> JobOutputs:
        if not is_key(handle):
            return JobOutputs(root="", files=())
        with translated(f"listing the results of job {handle}"):
            return self._folder(handle).outputs()

    def delete_job_files(self, handle: str, paths: Sequence[str]) -> None:
        if is_key(handle):
            with translated(f"deleting files of job {handle}"):
                self._folder(handle).delete(paths)

    def capacity(self, gpus: int) -> int | None:
        return len(self._launcher.gpus.gpus) // gpus if gpus > 0 else self._launcher.cpu_slots

    def check(self) -> Sequence[Check]:
        launcher = self._launcher
        found = [local_checks.check_workspace(self._root), local_checks.check_disk(self._root)]
        found += [local_checks.check_python(launcher.python), local_checks.check_tools()]
        found.append(local_checks.check_slots(launcher.cpu_slots, launcher.cores))
        try:
            found.append(local_checks.check_gpus(launcher.gpus, launcher.pool))
        except PlatformUnavailable as error:
            found.append(local_checks.gpus_unknown(error))
        return tuple(found)

    def _folder(self, key: str) -> JobFolder:
        return JobFolder(self._root / key)

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

    def _look_unended(self, folder: JobFolder, wrapper: WrapperProcess | None, alive: Mapping[int, str]) -> JobStatus:
        if wrapper is None:
            return self._look_unstarted(folder)
        if alive.get(wrapper.pid) != wrapper.identity:
            return folder.ending() or self._lose(folder, wrapper)  # it may have ended since
        self._insist_on_cancel(folder, wrapper)
        return JobStatus(state=JobState.RUNNING, detail=f"process {wrapper.pid}", started_at=wrapper.started_at)

    def _look_unstarted(self, folder: JobFolder) -> JobStatus:
        claimed, launched = folder.claimed_at(), folder.launched_at()
        since = launched if claimed is None else claimed
        if since is None:
            return self._look_waiting(folder) if folder.is_prepared() else _UNKNOWN
        late = self._clock() - since > self._start_seconds
        if late and (claimed is not None or folder.claim()):  # claimed: no wrapper that still comes runs it
            return self._close_unseen(folder, detail=f"the job did not start within {self._start_seconds:g} s")
        return JobStatus(state=JobState.PENDING, detail="starting")

    def _look_waiting(self, folder: JobFolder) -> JobStatus:
        key = folder.path.name
        self._launcher.enqueue(key)
        trouble = self._launcher.trouble.get(key)
        return JobStatus(state=JobState.PENDING, detail=trouble.message if trouble else "waiting for a GPU")

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
        reason = "lost" if folder.cancel_requested_at() is None else "cancelled"
        return folder.close(reason, started_at=started_at, ended_at=self._clock(), detail=detail)
