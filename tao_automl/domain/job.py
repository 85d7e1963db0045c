"""A job is one execution of a trial (or of an evaluation) on a platform. A retry is a new job of the same trial."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class JobState(Enum):
    """The one vocabulary of all platforms; the platform's own word is in `JobStatus.detail`."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    LOST = "LOST"  # an answer: the platform knows that the job is gone, and not how it ended

    @property
    def ended(self) -> bool:
        return self not in (JobState.PENDING, JobState.RUNNING)


class FailureClass(Enum):
    """Why something failed. Only INFRASTRUCTURE is retried without being asked."""

    INFRASTRUCTURE = "infrastructure"
    DATA_VISIBILITY = "data_visibility"
    IMAGE = "image"
    CREDENTIAL = "credential"
    SPEC = "spec"
    RESOURCES = "resources"
    MODEL_CODE = "model_code"
    METRIC_MISSING = "metric_missing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """All that a platform needs to run one job, in terms of the job's own folder.

    The command runs with the job's folder as working directory. Paths in `command` and in `files` are relative to it,
    `code` is linked or copied there under the name ``code``, results belong under ``results``, and the folder of
    another job of the same run is ``../<its key>``.

    Attributes:
        key: identifies the job for ever; creating a key twice creates one job.
        command: argv. A first word ``python`` means the platform's Python interpreter.
        files: relative path -> text, written before the start.
        code: absolute path of the folder whose content the command runs, or None.
        inputs: spec key -> absolute path or URI that must be readable where the job runs.
        env: literal environment variables. Never secrets.
        secrets: names of variables that are read from the caller's environment at submit.
        resume_from: key of the job whose results this one continues from, or None.
        image: container image, or None for native code.
        time_limit: seconds, or None.
    """

    key: str
    command: tuple[str, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    code: str | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    resume_from: str | None = None
    image: str | None = None
    gpus: int = 0
    nodes: int = 1
    time_limit: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus:
    """What a platform says of one job. Times are seconds since the epoch, None where not known (yet)."""

    state: JobState
    detail: str = ""
    exit_code: int | None = None
    started_at: float | None = None
    ended_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureAnalysis:
    """Why a job failed: a class, the line that shows it (redacted), and what to do."""

    failure_class: FailureClass
    evidence: str
    advice: str
    retriable: bool = False
    log_path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogChunk:
    """Whole lines of a job's log from a cursor on, without line ends. `cursor` is where the next read begins;
    `more` tells that a further read would find text at once."""

    lines: tuple[str, ...]
    cursor: int
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFile:
    """A file below a job's results folder; `path` is relative to that folder, `/`-separated."""

    path: str
    size: int
    modified_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOutputs:
    """What a job left: `root` is the path or URI of its results folder, as a person would open it."""

    root: str
    files: tuple[OutputFile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One finding of a platform's preflight. `status` is ``ok``, ``failed`` (the user must act) or ``unknown``."""

    id: str
    status: str
    evidence: str
    remedy: str = ""
