"""The port of experiment trackers, and what they are told. `tao_automl.testing.tracker_contract` checks it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from tao_automl.domain.json_types import JsonObject
from tao_automl.domain.trial import TrialState


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """A search, as it was when it began.

    Attributes:
        id: the same for every runner of the search, for ever.
        directions: objective -> ``minimize`` or ``maximize``, the first objective first.
        constraints: what outcomes must keep, as text.
        config: what the run was asked for.
        space: one row a parameter, as in a launch review.
        began_at: seconds since the epoch, as all times here.
    """

    id: str
    skill: str
    algorithm: str
    platform: str
    version: str
    directions: Mapping[str, str]
    constraints: tuple[str, ...] = ()
    config: JsonObject = field(default_factory=dict)
    space: tuple[JsonObject, ...] = ()
    began_at: float = 0.0

    @property
    def name(self) -> str:
        """What people may call it."""
        return f"{self.skill}-{self.algorithm}-{self.id}"

    @property
    def metric(self) -> str:
        """The first objective."""
        return next(iter(self.directions))


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRow:
    """A trial, as it stands.

    Attributes:
        trial: its number, and its identity within the run.
        budget: how much training it was granted; `scored_at` is the budget behind `objectives`.
        objectives: by name, as reported; empty as long as there is no score. Those of its best settlement.
        metrics: all that was measured with them.
        excess: constraint -> by how much, as a share of its bound, it is broken; at most 0 if it is kept.
        curve: epoch -> metrics reported so far.
        settlement: counts the settlements of the run, from 0 on, if this is one; None in between.
        best: the first objective of the best trial of the run so far, if there is one best trial.
        at: when this was so.
    """

    trial: int
    state: TrialState
    origin: str
    params: JsonObject
    budget: int
    at: float
    parent: int | None = None
    objectives: Mapping[str, float] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    scored_at: int | None = None
    excess: Mapping[str, float] = field(default_factory=dict)
    curve: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    settlement: int | None = None
    best: float | None = None
    job: str | None = None
    failure: str | None = None
    reason: str | None = None
    started_at: float | None = None
    ended_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """How a run ended; or how its runner left it, with the status ``interrupted``.

    Attributes:
        figures: best, baseline and final evaluation, as far as there are any, and counts of trials.
    """

    status: str
    at: float
    reason: str | None = None
    best_trial: int | None = None
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def interrupted(self) -> bool:
        return self.status == "interrupted"


class Tracker(Protocol):
    """Shows a search in another system. Used by one thread. It may block and raise: neither hurts the run.

    A runner tells everything from the beginning, also when it resumes a run: what a tracker has already, it keeps, and
    does not show twice.
    """

    def begin(self, run: RunFacts) -> None:
        """Opens the tracked run of ``run.id``, or goes on with it. Called again if it raised."""

    def trial(self, row: TrialRow) -> None:
        """A trial began, reported, or was settled. Takes the place of what was told of the trial before."""

    def finish(self, summary: Summary) -> None:
        """The last word of this runner. Another one may go on with the run."""
