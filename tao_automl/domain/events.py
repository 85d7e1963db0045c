"""The facts that a journal holds: a closed union of past-tense events. `at` is in seconds since the epoch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from tao_automl.domain.goal import Direction, Goal, Objective, OutcomeConstraint
from tao_automl.domain.job import FailureAnalysis, FailureClass, JobSpec, JobState
from tao_automl.domain.json_types import JsonObject, JsonValue
from tao_automl.domain.problem import Fidelity
from tao_automl.domain.trial import Origin, TrialState


class Purpose(Enum):
    """What a job is for."""

    TRAIN = "train"
    EVALUATE = "evaluate"  # scores a trial
    BASELINE = "baseline"  # evaluates what the search is compared with: the base model, or the default configuration
    FINAL = "final"  # evaluates a winner


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
    not_run. `direction` is the metric's; None: that of the first objective."""

    status: str
    metric_name: str
    metric_value: float | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    job_id: str | None = None
    record_path: str | None = None
    source: str | None = None
    reason: str = ""
    direction: Direction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentCreated:
    """The first event. `arguments` is all that is needed to build the same problem and searcher again.

    Attributes:
        others, constraints: further objectives, and what outcomes must keep.
        scored_by_callback, scored_by_evaluation: trials are scored by `eval_fn`, or by the skill's evaluate action.
        known: what was learned from earlier runs, as it was when this one began.
    """

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
    others: tuple[Objective, ...] = ()
    constraints: tuple[OutcomeConstraint, ...] = ()
    scored_by_evaluation: bool = False
    known: tuple[JsonObject, ...] = ()

    @property
    def goal(self) -> Goal:
        return Goal(objectives=(self.objective, *self.others), constraints=self.constraints)

    @property
    def scored_after_training(self) -> bool:
        """Whether what trainings report says nothing of the objectives."""
        return self.scored_by_callback or self.scored_by_evaluation


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
    """The intent to run a job. Durable before the platform is called; no sooner than `not_before`.

    `trial` is -1 for the evaluation of the base model. `adjustments` are the changes that were made to the trial's
    configuration so that it can run.
    """

    at: float
    trial: int
    purpose: Purpose
    budget: int
    attempt: int
    spec: JobSpec
    not_before: float = 0.0
    adjustments: tuple[JsonObject, ...] = ()


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
    None.

    Attributes:
        source: the file below the job's results folder that reported; empty for the job's log.
        cursor: the position behind the report: in the log; of a file, how many reports it had given by then.
    """

    at: float
    key: str
    epoch: int
    values: Mapping[str, float | None]
    cursor: int
    source: str = ""


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
    """`trial` is the winner, or one of the Pareto front's; None if there is nothing to evaluate."""

    at: float
    evaluation: Evaluation
    trial: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackGiven:
    """What the user's `feedback_fn` had to say about a trial."""

    at: float
    trial: int
    feedback: JsonValue


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointsReleased:
    """Files below the results folder of an ended job that nothing can need any more. Only then are they deleted.
    `everything`: no checkpoint of the job is left."""

    at: float
    key: str
    paths: tuple[str, ...]
    everything: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointsDeleted:
    """What was released of the job is gone; or could not be deleted, which hurts nothing, and `detail` says why."""

    at: float
    key: str
    detail: str = ""


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
    | FeedbackGiven
    | CheckpointsReleased
    | CheckpointsDeleted
    | CallbackFailed
    | SearchEnded
    | ExperimentFinished
)
