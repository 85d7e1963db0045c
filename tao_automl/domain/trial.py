"""A trial is one configuration. Searchers read trials and answer with decisions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from tao_automl.domain.job import FailureClass
from tao_automl.domain.json_types import JsonObject


class TrialState(Enum):
    """Where a trial stands. RUNNING covers all that is still owed to it: a queue, a job, a retry, an evaluation."""

    RUNNING = "running"
    COMPLETED = "completed"  # has a score at its budget; may be promoted, then it is RUNNING again
    FAILED = "failed"  # has no score at its budget, and will get none
    STOPPED = "stopped"  # a searcher stopped it; the scores so far are valid
    ABANDONED = "abandoned"  # the run ended first; says nothing about the configuration


class Origin(Enum):
    """Who chose the configuration."""

    DEFAULT = "default"  # the skill's own defaults: trial 0
    SEARCH = "search"
    USER = "user"


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The outcome at one budget.

    Attributes:
        value: the first objective, as reported.
        cost: the same, to be minimised.
        seq: the number of the event that reported it; orders scores in time.
        costs: one an objective, if there are several.
        excess: one an outcome constraint: by how much, as a share of its bound, it is broken; at most 0 if it is kept.
        sem: the standard error of `value`, if it is known.
    """

    value: float
    cost: float
    seq: int
    costs: tuple[float, ...] = ()
    excess: tuple[float, ...] = ()
    sem: float | None = None

    @property
    def violation(self) -> float:
        """How far it is from what all outcome constraints ask for; 0 if it keeps them."""
        return sum(excess for excess in self.excess if excess > 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One configuration and all that is known of it.

    `params` holds active parameters only. `budget` is what the trial has been granted, in units of the fidelity.
    `scores` maps a budget to the objective after that much training, in increasing order of budget. A failed trial
    has no score for its failure: failure is data of its own.
    """

    id: int
    params: JsonObject
    signature: str
    budget: int
    state: TrialState = TrialState.RUNNING
    origin: Origin = Origin.SEARCH
    parent: int | None = None
    scores: Mapping[int, Score] = field(default_factory=dict)
    failure: FailureClass | None = None
    reason: str = ""

    @property
    def score(self) -> Score | None:
        """The score at the largest budget that has one."""
        return next(reversed(self.scores.values()), None)  # type: ignore[call-overload]  # typeshed

    @property
    def live(self) -> bool:
        return self.state is TrialState.RUNNING


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Train a new configuration up to `budget`; from the checkpoint of trial `parent`, if given."""

    params: JsonObject
    budget: int
    parent: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Promote:
    """Train a COMPLETED trial further, up to the larger `budget`."""

    trial: int
    budget: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Stop a RUNNING trial; its scores so far stay valid."""

    trial: int
    reason: str


Decision: TypeAlias = Start | Promote | Stop
