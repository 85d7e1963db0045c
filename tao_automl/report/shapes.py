"""A result as a report needs it: typed, complete, and safe to print."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FAILED = "failure"
RUNNING = "running"
SUCCEEDED = "success"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A row of the search space. `key` is its name as in specifications, `name` the same fit to print, `label` the
    shortest end of the dotted name that is unique in the space. `elements` are those of a list, `expression` is what a
    derived parameter follows from."""

    key: str
    name: str
    label: str
    kind: str
    low: float | None
    high: float | None
    scale: str
    inferred: bool
    options: tuple[Any, ...]
    default: Any
    when: Mapping[str, Any]
    description: str
    elements: tuple["Parameter", ...] = ()
    expression: str = ""

    @property
    def numeric(self) -> bool:
        return not self.options and self.kind not in ("choice", "ordinal", "bool")

    @property
    def searched(self) -> bool:
        return self.kind not in ("fixed", "derived")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of time in which a trial held a slot; `end` is None while it does."""

    start: float
    end: float | None
    budget: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One recommendation. `index` is its place in the history, `rec` the name that people see.

    `value` was measured after `scored_at` units of training; `budget` is what the trial was granted.
    """

    index: int
    rec: str
    status: str
    value: float | None
    scored_at: float | None
    budget: float | None
    specs: Mapping[str, Any]
    curve: tuple[tuple[float, float], ...]
    spans: tuple[Span, ...]
    objectives: Mapping[str, float]
    origin: str
    parent: str
    job_id: str
    job_status: str
    failure_class: str
    failure_reason: str
    advice: str
    log_path: str
    adjustments: tuple[str, ...]

    @property
    def scored(self) -> bool:
        return self.value is not None and self.status != FAILED

    @property
    def start(self) -> float | None:
        return self.spans[0].start if self.spans else None

    @property
    def end(self) -> float | None:
        return self.spans[-1].end if self.spans else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The baseline or the final evaluation; `delta` is its comparison as recorded, None where there is none or where it
    has another direction than the search. `metric` is its metric's name if that is not the search's."""

    status: str
    metric: str
    value: float | None
    source: str
    reason: str
    record_path: str
    delta: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The winner."""

    rec: str
    value: float | None
    budget: float | None
    specs: Mapping[str, Any]
    checkpoint: str
    results_path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """Trials that failed for one cause; evidence and advice are those of the commonest reason."""

    cause: str
    count: int
    evidence: str
    advice: str
    recs: tuple[str, ...]
    log_path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How much was done, and what it took."""

    total: int | None
    elapsed_s: float | None
    eta_s: float | None
    gpu_hours: float | None
    epochs: float | None
    cost: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A whole result. `counts` maps a trial status to how many trials have it."""

    status: str
    reason: str
    metric: str
    maximize: bool
    skill: str
    platform: str
    workspace: str
    algorithm: str
    best: Best | None
    front: tuple[Best, ...]
    front_objectives: tuple[Mapping[str, float], ...]
    baseline: Evaluation
    final: Evaluation
    progress: Progress
    counts: Mapping[str, int]
    trials: tuple[Trial, ...]
    failures: tuple[Failures, ...]
    parameters: tuple[Parameter, ...]
    settings: Mapping[str, Any]

    @property
    def searched(self) -> tuple[Parameter, ...]:
        return tuple(parameter for parameter in self.parameters if parameter.searched)

    def is_best(self, trial: Trial) -> bool:
        return self.best is not None and trial.rec == self.best.rec

    def cost(self, value: float) -> float:
        """The metric with its sign such that less is better."""
        return -value if self.maximize else value

    def ranked(self) -> list[Trial]:
        """Scored trials, the winner first, then successful ones, then the others, each group by its metric."""
        scored = [trial for trial in self.trials if trial.scored]
        return sorted(scored, key=lambda t: (not self.is_best(t), t.status != SUCCEEDED, self.cost(t.value or 0.0)))
