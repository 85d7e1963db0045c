"""Everything replaceable, on one screen. The docstrings are the contract; `tao_automl.testing` checks it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from tao_automl.domain.events import Event
from tao_automl.domain.job import Check, FailureAnalysis, JobOutputs, JobSpec, JobStatus, LogChunk
from tao_automl.domain.trial import Decision, Stop, Trial


class Searcher(Protocol):
    """Chooses configurations. A pure function of its settings and the history: the same history gives the same
    decisions in any process. It never sleeps, and remembers nothing between two calls."""

    def ask(self, history: Sequence[Trial], slots: int) -> Sequence[Decision]:
        """At most `slots` Start and Promote decisions, best first, and any number of Stop decisions.

        An empty answer while trials run means "not yet"; while none runs it means "done"."""


class Stopper(Protocol):
    """Ends trials early, whoever proposed them. A pure function of the history."""

    def stops(self, history: Sequence[Trial]) -> Sequence[Stop]:
        """The running trials that are not worth training on, with the reason."""


class PlatformSDK(Protocol):
    """Runs jobs. Any call may raise PlatformUnavailable: "I could not ask", which says nothing about a job.

    A platform that cannot start containers has `runs_images = False`; others need not say so."""

    name: str
    poll_interval: float  # seconds between two looks that this platform is comfortable with

    def create_job(self, spec: JobSpec) -> str:
        """The handle of the job with `spec.key`, which is created if there is none. Never creates it twice.
        Raises PlatformRejected if the platform refuses it for good."""

    def get_job_status(self, handles: Sequence[str]) -> Mapping[str, JobStatus]:
        """One look at many jobs; every handle is answered. A job that the platform does not know is LOST."""

    def get_job_logs(self, handle: str, cursor: int = 0) -> LogChunk:
        """New whole lines from `cursor` on (0: from the start). Never waits; bounded per call."""

    def get_job_file(self, handle: str, path: str, cursor: int = 0) -> LogChunk:
        """New whole lines, from `cursor` on, of a file below the job's results folder. Never waits; bounded per call.

        `path` is relative to that folder, as in `get_job_outputs`. What is not there (yet), is no regular file, or
        leads out of the folder (an absolute path, ``..``, a link) has no lines. Text is as the job wrote it: like a
        log, it is redacted where it is shown."""

    def cancel_job(self, handle: str) -> None:
        """Ends the job, and all of its processes, soon. Unknown or ended: nothing happens. Never waits."""

    def get_failure_analysis(self, handle: str) -> FailureAnalysis:
        """Why a job that FAILED or is LOST did so."""

    def get_job_outputs(self, handle: str) -> JobOutputs:
        """What lies in the job's results folder now; empty if there is none."""

    def delete_job_files(self, handle: str, paths: Sequence[str]) -> None:
        """Deletes files below the job's results folder. One that is not there is as good as deleted; a path that
        leads out of the folder is refused with PlatformRejected."""

    def capacity(self, gpus: int) -> int | None:
        """How many jobs of this shape can run at the same time; None if the platform queues without bound."""

    def check(self) -> Sequence[Check]:
        """Preflight: reachable, permitted, able to run a job. Changes nothing."""


class Journal(Protocol):
    """An append-only list of events. Whoever appends must know the whole list."""

    def append(self, events: Sequence[Event], *, expect: int) -> int:
        """All of `events` durably, or none. Returns the new length.
        Raises JournalConflict if the journal does not have exactly `expect` events."""

    def read(self, after: int = 0) -> Iterator[Event]:
        """The events from number `after` + 1 on, in order."""

    def close(self) -> None:
        """Gives up the right to append. Reading a closed journal is an error."""


class Clock(Protocol):
    """Time, injected so that tests need not wait."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def sleep(self, seconds: float) -> None:
        """Returns after about that long."""
