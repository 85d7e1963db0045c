"""A platform without machines: jobs are schedules on an injected clock.

Nothing happens between two calls; each call first works out what would have happened until now. So a thousand jobs
cost as much as a thousand small objects, and a test decides to the second what a job does.
"""

import heapq
import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from tao_automl.domain.job import (
    Check,
    FailureAnalysis,
    FailureClass,
    JobOutputs,
    JobSpec,
    JobState,
    JobStatus,
    LogChunk,
    OutputFile,
)
from tao_automl.domain.ports import Clock
from tao_automl.errors import PlatformRejected, PlatformUnavailable

UNKNOWN_JOB = JobStatus(state=JobState.LOST, detail="unknown to the platform")
ROUNDING = 1e-6  # what is left of a second after the arithmetic of large times
PENDING = JobStatus(state=JobState.PENDING, detail="queued")


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What a job does once it has started, and how it ends if nobody interferes.

    Attributes:
        seconds: how long it runs; infinity: until it is cancelled.
        lines: its log, as (seconds after the start, text) in order of time.
        state: how it ends; LOST jobs have no exit code.
        outputs: (seconds after the start, path) of each file it writes below its results folder.
        files: path -> lines of a text file that it writes there, timed like those of its log.
        failure: the platform's analysis, if it does not end well.
        queued: seconds it waits at least, whatever is free.
        rejection: raised instead of creating the job.
    """

    seconds: float = 10.0
    lines: Sequence[tuple[float, str]] = ()
    state: JobState = JobState.SUCCEEDED
    exit_code: int | None = None
    detail: str = ""
    outputs: Sequence[tuple[float, str]] = ()
    files: Mapping[str, Sequence[tuple[float, str]]] = field(default_factory=dict)
    failure: FailureAnalysis | None = None
    queued: float = 0.0
    rejection: PlatformRejected | None = None


CANCELLED = Behaviour(state=JobState.CANCELLED, detail="cancelled")
VANISHED = Behaviour(state=JobState.LOST, detail="vanished")
EXIT_CODES = {JobState.SUCCEEDED: 0, JobState.FAILED: 1}

Behave = Callable[[JobSpec], Behaviour]


@dataclass(kw_only=True, eq=False, slots=True)
class MemoryJob:
    """A job of a `MemoryPlatform`. Times are None until they are known."""

    spec: JobSpec
    behaviour: Behaviour
    started_at: float | None = None
    ended_at: float | None = None
    status: JobStatus = PENDING
    times: list[float] = field(default_factory=list)
    cancelled: bool = False
    deleted: set[str] = field(default_factory=set)

    @property
    def ended(self) -> bool:
        return self.ended_at is not None

    def until(self, now: float) -> float:
        """How many seconds of its schedule have happened."""
        if self.started_at is None:
            return -1.0
        return (now if self.ended_at is None else self.ended_at) - self.started_at + ROUNDING


@dataclass(kw_only=True)
class MemoryPlatform:
    """See `tao_automl.domain.ports.PlatformSDK`. A handle is the job's key.

    Attributes:
        behave: says what a job will do; asked once, when the job is created.
        slots: how many jobs run at the same time; None: all of them.
        lines_per_call: bounds one answer of `get_job_logs`, and of `get_job_file`.
        cancel_seconds: how long a cancelled job lives on.
        down: names of the calls that raise PlatformUnavailable; ``{"*"}`` for all of them.
        launched: how often each key was really started. More than once is a bug of somebody.
        calls: how often each method was called.
        most_running: the most jobs that ever ran at the same time.
    """

    clock: Clock
    behave: Behave
    slots: int | None = None
    name: str = "memory"
    poll_interval: float = 1.0
    lines_per_call: int = 1000
    cancel_seconds: float = 0.0
    down: set[str] = field(default_factory=set)
    launched: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    most_running: int = 0
    jobs: dict[str, MemoryJob] = field(default_factory=dict)
    _queue: list[tuple[float, int, MemoryJob]] = field(default_factory=list)
    _ends: list[tuple[float, int, MemoryJob, Behaviour]] = field(default_factory=list)
    _running: int = 0
    _tickets: Iterator[int] = field(default_factory=count)
    _freed_at: float = 0.0  # when the last job ended

    def create_job(self, spec: JobSpec) -> str:
        self._enter("create_job")
        if spec.key not in self.jobs:
            behaviour = self.behave(spec)
            if behaviour.rejection:
                raise behaviour.rejection
            job = MemoryJob(spec=spec, behaviour=behaviour, times=[seconds for seconds, _ in behaviour.lines])
            self.jobs[spec.key] = job
            heapq.heappush(self._queue, (self.clock.now() + behaviour.queued, next(self._tickets), job))
            self._catch_up(self.clock.now())
        return spec.key

    def get_job_status(self, handles: Sequence[str]) -> Mapping[str, JobStatus]:
        self._enter("get_job_status")
        jobs = self.jobs
        return {handle: jobs[handle].status if handle in jobs else UNKNOWN_JOB for handle in handles}

    def get_job_logs(self, handle: str, cursor: int = 0) -> LogChunk:
        self._enter("get_job_logs")
        job = self.jobs.get(handle)
        if job is None:
            return LogChunk(lines=(), cursor=cursor)
        written = bisect_right(job.times, job.until(self.clock.now()))
        return self._chunk(job.behaviour.lines, written, cursor)

    def get_job_file(self, handle: str, path: str, cursor: int = 0) -> LogChunk:
        self._enter("get_job_file")
        job = self.jobs.get(handle)
        lines = job.behaviour.files.get(path, ()) if job else ()
        until = job.until(self.clock.now()) if job else -1.0
        return self._chunk(lines, sum(at <= until for at, _ in lines), cursor)

    def cancel_job(self, handle: str) -> None:
        self._enter("cancel_job")
        job = self.jobs.get(handle)
        if job is None or job.ended or job.cancelled:
            return
        job.cancelled, now = True, self.clock.now()
        if job.started_at is None:
            self._end(job, now, CANCELLED)
        else:
            heapq.heappush(self._ends, (now + self.cancel_seconds, next(self._tickets), job, CANCELLED))
            self._catch_up(now)

    def get_failure_analysis(self, handle: str) -> FailureAnalysis:
        self._enter("get_failure_analysis")
        job = self.jobs.get(handle)
        if job and job.behaviour.failure:
            return job.behaviour.failure
        lost = job is None or job.status.state is JobState.LOST
        return FailureAnalysis(
            failure_class=FailureClass.INFRASTRUCTURE if lost else FailureClass.MODEL_CODE,
            evidence="the job is gone" if lost else "the job failed",
            advice="",
            retriable=lost,
        )

    def get_job_outputs(self, handle: str) -> JobOutputs:
        self._enter("get_job_outputs")
        job = self.jobs.get(handle)
        if job is None or job.started_at is None:
            return JobOutputs(root="", files=())
        until, start = job.until(self.clock.now()), job.started_at
        texts = [(lines[0][0], path) for path, lines in job.behaviour.files.items() if lines]
        due = ((path, start + at) for at, path in (*job.behaviour.outputs, *texts) if at <= until)
        written = [(path, at) for path, at in due if path not in job.deleted]
        files = tuple(OutputFile(path=path, size=1, modified_at=at) for path, at in written)
        return JobOutputs(root=f"memory://{handle}/results", files=files)

    def delete_job_files(self, handle: str, paths: Sequence[str]) -> None:
        self._enter("delete_job_files")
        if any(path.startswith("/") or ".." in path.split("/") for path in paths):
            raise PlatformRejected(f"{handle}: {', '.join(paths)} do not all lie below its results")
        if handle in self.jobs:
            self.jobs[handle].deleted.update(paths)

    def capacity(self, gpus: int) -> int | None:
        self._enter("capacity")
        return self.slots

    def check(self) -> Sequence[Check]:
        self._enter("check")
        return (Check(id="memory", status="ok", evidence="there is always memory"),)

    def lose(self, handle: str) -> None:
        """From now on nobody knows how the job ended, nor will."""
        job, now = self.jobs[handle], self.clock.now()
        self._catch_up(now)
        if not job.ended:
            self._end(job, now, VANISHED)

    def finish(self, handle: str) -> None:
        """Lets the job end now, in the way that it was to end later."""
        self._catch_up(self.clock.now())
        if not self.jobs[handle].ended:
            self._end(self.jobs[handle], self.clock.now(), self.jobs[handle].behaviour)

    @property
    def running(self) -> list[str]:
        """The keys of the jobs that have not ended."""
        self._catch_up(self.clock.now())
        return [key for key, job in self.jobs.items() if not job.ended]

    def _chunk(self, lines: Sequence[tuple[float, str]], written: int, cursor: int) -> LogChunk:
        end = min(written, cursor + self.lines_per_call)
        texts = tuple(text for _, text in lines[cursor:end])
        return LogChunk(lines=texts, cursor=max(cursor, end), more=end < written)

    def _enter(self, call: str) -> None:
        self.calls[call] += 1
        if call in self.down or "*" in self.down:
            raise PlatformUnavailable(f"{call}: no route to the memory platform", "wait")
        self._catch_up(self.clock.now())

    def _catch_up(self, now: float) -> None:
        """Lets everything happen that happens until `now`, in order."""
        while True:
            end, start = self._next_end(), self._next_start()
            if start < end and start <= now:
                self._start(start)
            elif end <= now:
                _, _, job, how = heapq.heappop(self._ends)
                self._end(job, end, how)
            else:
                return

    def _next_end(self) -> float:
        while self._ends and self._ends[0][2].ended:
            heapq.heappop(self._ends)
        return self._ends[0][0] if self._ends else math.inf

    def _next_start(self) -> float:
        """When the head of the queue may run; a slot is not free before it was freed."""
        while self._queue and self._queue[0][2].ended:
            heapq.heappop(self._queue)
        if not self._queue or (self.slots is not None and self._running >= self.slots):
            return math.inf
        return self._queue[0][0] if self.slots is None else max(self._queue[0][0], self._freed_at)

    def _start(self, at: float) -> None:
        job = heapq.heappop(self._queue)[2]
        job.started_at = at
        job.status = JobStatus(state=JobState.RUNNING, started_at=at)
        heapq.heappush(self._ends, (at + job.behaviour.seconds, next(self._tickets), job, job.behaviour))
        self.launched[job.spec.key] += 1
        self._running += 1
        self.most_running = max(self.most_running, self._running)

    def _end(self, job: MemoryJob, at: float, how: Behaviour) -> None:
        job.ended_at = at
        exit_code = EXIT_CODES.get(how.state) if how.exit_code is None else how.exit_code
        job.status = JobStatus(
            state=how.state, detail=how.detail, exit_code=exit_code, started_at=job.started_at, ended_at=at
        )
        if job.started_at is not None:
            self._running -= 1
            self._freed_at = at
