"""What a tick works with: the ports, the callbacks and the rules of one run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from tao_automl.domain.events import Purpose
from tao_automl.domain.experiment import Job
from tao_automl.domain.goal import Objective
from tao_automl.domain.job import JobOutputs, JobSpec
from tao_automl.domain.json_types import JsonObject
from tao_automl.domain.ports import Clock, PlatformSDK, Searcher, Stopper
from tao_automl.domain.problem import Problem
from tao_automl.engine.workers import Workers

Extractor = Callable[[str, str], object]
Callback = Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """Where a job continues from: another job of the run, and a checkpoint below that job's results folder."""

    job: str
    checkpoint: str


@dataclass(frozen=True, slots=True)
class NotPossible:
    """Why there can be no such job."""

    reason: str


@dataclass(frozen=True, slots=True)
class Reading:
    """Metrics found in a log line, or in a file; None stands for a value that is not finite. `epoch` is None if it is
    not told."""

    epoch: int | None
    values: Mapping[str, float | None]


class FileReader(Protocol):
    """Makes readings of one file's lines, which it is given in order from the first one on. The same lines give the
    same readings."""

    def read(self, line: str) -> Reading | None:
        """What is known once this line is."""

    def close(self) -> Sequence[Reading]:
        """What is known once there will be no more lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSource:
    """Files below a job's results folder that report metrics.

    Attributes:
        pattern: a glob that matches at any depth.
        open: ``(before, budget)`` -> a reader, for a job that trains on from `before` up to `budget` epochs in all.
        grows: whether it is worth reading while the job runs; else it is read once, if the job succeeds.
        last_resort: it is only asked if a metric that is needed is found nowhere else, and then its newest file.
    """

    pattern: str
    open: Callable[[int, int], FileReader]
    grows: bool = False
    last_resort: bool = False


@dataclass(kw_only=True, slots=True)
class FollowedFile:
    """How far a file was read: the platform's cursor, and how many readings it has given. `rank` is that of its
    source."""

    path: str
    rank: int
    source: FileSource
    reader: FileReader
    cursor: int = 0
    readings: int = 0
    closed: bool = False


@dataclass(kw_only=True, slots=True)
class JobFiles:
    """The metric files of a job that were found so far, and when they are looked for again."""

    found: dict[str, FollowedFile] = field(default_factory=dict)
    look_at: float = 0.0
    wait: float = 0.0


class Jobs(Protocol):
    """Turns trials into jobs. What a skill means lives behind this, and nowhere else in the engine."""

    @property
    def gpus(self) -> int:
        """GPUs of one training job."""

    def training(self, key: str, params: JsonObject, budget: int, resume: Resume | None) -> JobSpec:
        """The job that trains a configuration up to `budget`."""

    def evaluation(self, key: str, purpose: Purpose, params: JsonObject, trained: Job) -> JobSpec | NotPossible:
        """The job that evaluates what `trained` left behind."""

    def base_evaluation(self, key: str) -> JobSpec | NotPossible:
        """The job that evaluates the base model, before any training."""

    def adjustments(self, params: JsonObject) -> Sequence[JsonObject]:
        """The changes that `training` makes to a configuration so that it can run."""

    def checkpoint(self, outputs: JobOutputs) -> str | None:
        """The newest checkpoint among a job's outputs, relative to its results folder."""

    def checkpoints(self, outputs: JobOutputs) -> Sequence[str]:
        """All checkpoints among a job's outputs, relative to its results folder."""

    def read_metrics(self, line: str) -> Reading | None:
        """What a line of a job's log reports, if anything."""

    @property
    def metric_files(self) -> Sequence[FileSource]:
        """Where metrics are reported besides the log, those first that are believed most."""

    def evaluation_objectives(self, objective: Objective) -> Sequence[Objective]:
        """What an evaluation may measure for an objective; the first that it reports counts."""


class Retention(Enum):
    """Which checkpoints outlive their use. What a promotion, a resume or a winner needs is never deleted."""

    ALL = "all"
    TERMINAL = "terminal"  # the last one of each trial, and that of its best score
    BEST = "best"  # as `terminal` while the search runs; once it has completed, the winners'


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The limits of a run. Times are in seconds.

    Attributes:
        patience: settled trials without an improvement after which the search ends.
        price_per_gpu_hour: what `max_cost` counts with.
        reuse_best_evaluation: a winner that was scored by the evaluate action is not evaluated again.
    """

    max_concurrent: int | None = None
    max_wall_time: float | None = None
    max_trial_time: float | None = None
    max_gpu_hours: float | None = None
    max_cost: float | None = None
    price_per_gpu_hour: float | None = None
    patience: int | None = None
    target_metric: float | None = None
    max_attempts: int = 3
    tolerated_failure_rate: float = 0.5
    evaluate_default: bool = True
    allow_proxy_metric: bool = False
    platform_patience: float = 3600.0
    retry_backoff: float = 10.0
    retention: Retention = Retention.ALL
    reuse_best_evaluation: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Callbacks:
    """The user's functions, each optional; contract and failure rules in the docstring of `AutoMLRunner.run`."""

    metric_extractor: Extractor | None = None
    eval_fn: Callback | None = None
    baseline_fn: Callback | None = None
    final_eval_fn: Callback | None = None
    feedback_fn: Callback | None = None
    on_recommendation: Callback | None = None
    on_result: Callback | None = None


@dataclass(kw_only=True)
class World:
    """Everything outside of the journal. `poll_interval` overrides the platform's own.

    Caches: `cursors`, how far each job's log was read; `files`, the same of its metric files; `tidied`, after how many
    settlements checkpoints were last looked through; `waiting`, the number of events and the free slots at which the
    searcher last had nothing to do.
    """

    problem: Problem
    searcher: Searcher
    stopper: Stopper | None = None
    platform: PlatformSDK
    jobs: Jobs
    clock: Clock
    workers: Workers
    rules: Rules = field(default_factory=Rules)
    callbacks: Callbacks = field(default_factory=Callbacks)
    base_specs: JsonObject = field(default_factory=dict)
    cancel_requested: Callable[[], bool] = lambda: False
    poll_interval: float | None = None
    cursors: dict[str, int] = field(default_factory=dict)
    files: dict[str, JobFiles] = field(default_factory=dict)
    tidied: int = -1
    waiting: tuple[int, int] | None = None
