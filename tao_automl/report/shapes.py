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
    tracking: Mapping[str, float]
    feasible: bool | None
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
    has another direction than the search. `metric` is its metric's name if that is not the search's. `by_chance`: the
    difference lies within the noise. `rec` is the trial that was evaluated, if it was one."""

    rec: str
    status: str
    metric: str
    value: float | None
    source: str
    reason: str
    note: str
    record_path: str
    objectives: Mapping[str, float]
    sem: float | None
    delta: float | None
    by_chance: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The winner, or a member of the Pareto front."""

    rec: str
    value: float | None
    objectives: Mapping[str, float]
    tracking: Mapping[str, float]
    sem: float | None
    budget: float | None
    specs: Mapping[str, Any]
    checkpoint: str
    results_path: str
    spec_path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What is optimised, and which way it gets better."""

    metric: str
    maximize: bool


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
    """A whole result. `counts` maps a trial status to how many trials have it. `unit` is what budgets count, empty if
    every training is a whole one. `metric` and `maximize` are the first of the `objectives`."""

    status: str
    reason: str
    metric: str
    maximize: bool
    objectives: tuple[Objective, ...]
    constraints: tuple[str, ...]
    tracking: tuple[str, ...]
    unit: str
    skill: str
    platform: str
    workspace: str
    algorithm: str
    best: Best | None
    why_no_best: str
    front: tuple[Best, ...]
    baseline: Evaluation
    final: Evaluation
    finals: tuple[Evaluation, ...]  # of the Pareto front
    progress: Progress
    counts: Mapping[str, int]
    trials: tuple[Trial, ...]
    failures: tuple[Failures, ...]
    parameters: tuple[Parameter, ...]
    settings: Mapping[str, Any]

    @property
    def searched(self) -> tuple[Parameter, ...]:
        return tuple(parameter for parameter in self.parameters if parameter.searched)

    @property
    def several(self) -> bool:
        """Whether there are several objectives."""
        return len(self.objectives) > 1

    def is_best(self, trial: Trial) -> bool:
        """Whether it is the winner, or one of the Pareto front."""
        return any(trial.rec == best.rec for best in ((self.best,) if self.best else self.front))

    def cost(self, value: float) -> float:
        """The metric with its sign such that less is better."""
        return -value if self.maximize else value

    def ranked(self) -> list[Trial]:
        """Scored trials, the winners first, then successful ones, then the others, each group by its metric; those
        that break a constraint come last in their group."""
        scored = [trial for trial in self.trials if trial.scored]
        best = {trial.index for trial in scored if self.is_best(trial)}
        return sorted(
            scored,
            key=lambda t: (t.index not in best, t.status != SUCCEEDED, t.feasible is False, self.cost(t.value or 0.0)),
        )
