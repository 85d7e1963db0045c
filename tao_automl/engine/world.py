"""What a tick works with: the ports, the callbacks and the rules of one run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from tao_automl.domain.events import Purpose
from tao_automl.domain.experiment import Job
from tao_automl.domain.job import JobOutputs, JobSpec
from tao_automl.domain.json_types import JsonObject
from tao_automl.domain.ports import Clock, PlatformSDK, Searcher
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
    """Metrics found in a log line; None stands for a value that is not finite. `epoch` is None if the line does not
    tell it."""

    epoch: int | None
    values: Mapping[str, float | None]


class Jobs(Protocol):
    """Turns trials into jobs. What a skill means lives behind this, and nowhere else in the engine."""

    @property
    def gpus(self) -> int:
        """GPUs of one training job."""

    def training(self, key: str, params: JsonObject, budget: int, resume: Resume | None) -> JobSpec:
        """The job that trains a configuration up to `budget`."""

    def evaluation(self, key: str, purpose: Purpose, params: JsonObject, trained: Job) -> JobSpec | NotPossible:
        """The job that evaluates what `trained` left behind."""

    def checkpoint(self, outputs: JobOutputs) -> str | None:
        """The newest checkpoint among a job's outputs, relative to its results folder."""

    def read_metrics(self, line: str) -> Reading | None:
        """What a line of a job's log reports, if anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The limits of a run. Times are in seconds."""

    max_concurrent: int | None = None
    max_wall_time: float | None = None
    max_trial_time: float | None = None
    target_metric: float | None = None
    max_attempts: int = 3
    tolerated_failure_rate: float = 0.5
    evaluate_default: bool = True
    allow_proxy_metric: bool = False
    platform_patience: float = 3600.0
    retry_backoff: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Callbacks:
    """The user's functions, each optional; contract and failure rules in the docstring of `AutoMLRunner.run`."""

    metric_extractor: Extractor | None = None
    eval_fn: Callback | None = None
    baseline_fn: Callback | None = None
    final_eval_fn: Callback | None = None
    on_recommendation: Callback | None = None
    on_result: Callback | None = None


@dataclass(kw_only=True)
class World:
    """Everything outside of the journal. `poll_interval` overrides the platform's own. `cursors` is a cache: how far
    each job's log was read."""

    problem: Problem
    searcher: Searcher
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
