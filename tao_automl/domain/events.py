"""The facts that a journal holds: a closed union of past-tense events. `at` is in seconds since the epoch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from tao_automl.domain.goal import Objective
from tao_automl.domain.job import FailureAnalysis, FailureClass, JobSpec, JobState
from tao_automl.domain.json_types import JsonObject
from tao_automl.domain.problem import Fidelity
from tao_automl.domain.trial import Origin, TrialState


class Purpose(Enum):
    """What a job is for."""

    TRAIN = "train"
    BASELINE = "baseline"  # evaluates the default configuration
    FINAL = "final"  # evaluates the winner


class RunStatus(Enum):
    """How a run ended, or stands."""

    RUNNING = "running"
    COMPLETED = "completed"  # the searcher had nothing more to ask
    STOPPED = "stopped"  # a limit, a target, or the user
    FAILED = "failed"
    INTERRUPTED = "interrupted"  # no runner is attached; resume continues


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The answer of a baseline or final evaluation, with a concrete `reason` where there is no value.

    `status` is one of measured, provided, reused_best, skipped, unavailable, metric_missing, callback_error, failure,
    not_run."""

    status: str
    metric_name: str
    metric_value: float | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    job_id: str | None = None
    record_path: str | None = None
    source: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentCreated:
    """The first event. `arguments` is all that is needed to build the same problem and searcher again."""

    at: float
    id: str
    version: str
    objective: Objective
    fidelity: Fidelity | None
    seed: int
    algorithm: str
    platform: str
    skill: str
    digest: str
    arguments: JsonObject
    space: tuple[JsonObject, ...]
    scored_by_callback: bool = False
    total_trials: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerAttached:
    """A runner process took the journal over."""

    at: float
    host: str
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerDetached:
    """The runner left on purpose, and left its jobs running."""

    at: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialStarted:
    at: float
    trial: int
    params: JsonObject
    signature: str
    budget: int
    origin: Origin
    parent: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialPromoted:
    at: float
    trial: int
    budget: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialStopRequested:
    """A searcher no longer wants the trial. Its job, if any, is to be cancelled."""

    at: float
    trial: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequested:
    """The intent to run a job. Durable before the platform is called; no sooner than `not_before`."""

    at: float
    trial: int
    purpose: Purpose
    budget: int
    attempt: int
    spec: JobSpec
    not_before: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSubmitted:
    """The platform has the job."""

    at: float
    key: str
    handle: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStarted:
    """The job was first seen running; `started_at` is the platform's word for when it began."""

    at: float
    key: str
    started_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricReported:
    """A job reported metrics after `epoch` units of training in all. A value that was reported but is not finite is
    None. `cursor` is the position in the job's log behind the report."""

    at: float
    key: str
    epoch: int
    values: Mapping[str, float | None]
    cursor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCancelRequested:
    """The runner wants the job ended; with a `failure` if that is to count against the trial."""

    at: float
    key: str
    reason: str
    failure: FailureClass | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEnded:
    """The last fact of a job. `checkpoint` is relative to `results_path`."""

    at: float
    key: str
    state: JobState
    ended_at: float
    detail: str = ""
    exit_code: int | None = None
    failure: FailureAnalysis | None = None
    results_path: str | None = None
    checkpoint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSettled:
    """The trial is done at its budget. `value` is the objective, absent if it failed or was never scored."""

    at: float
    trial: int
    state: TrialState
    value: float | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    failure: FailureClass | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineSettled:
    at: float
    evaluation: Evaluation


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalEvaluationSettled:
    at: float
    evaluation: Evaluation


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackFailed:
    """A user's callback raised. The run goes on as the contract says for that callback."""

    at: float
    callback: str
    trial: int | None
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchEnded:
    """Nothing more is proposed. Live trials drain, or are cancelled if `cancel` says so; then the best, if there is
    one, is evaluated if `evaluate_best` says so."""

    at: float
    status: RunStatus
    reason: str
    cancel: bool = False
    evaluate_best: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentFinished:
    """The last event."""

    at: float
    status: RunStatus
    reason: str


Event: TypeAlias = (
    ExperimentCreated
    | RunnerAttached
    | RunnerDetached
    | TrialStarted
    | TrialPromoted
    | TrialStopRequested
    | JobRequested
    | JobSubmitted
    | JobStarted
    | MetricReported
    | JobCancelRequested
    | JobEnded
    | TrialSettled
    | BaselineSettled
    | FinalEvaluationSettled
    | CallbackFailed
    | SearchEnded
    | ExperimentFinished
)
