"""What the live display knows of a run: kept up to date by events, in constant time each, and copied to be drawn."""

import threading
import time
from collections import deque
from dataclasses import dataclass
from itertools import islice

from tao_automl.cli.narrate import Line, is_important, narrate
from tao_automl.domain.events import (
    BaselineSettled,
    Evaluation,
    Event,
    ExperimentCreated,
    JobEnded,
    JobRequested,
    TrialSettled,
)
from tao_automl.domain.experiment import Experiment, Job
from tao_automl.domain.leaders import Settlement
from tao_automl.domain.pace import Pace, time_left, trials_to_come
from tao_automl.domain.trial import Origin, Trial
from tao_automl.runner.winners import nearest

MOST_ROWS = 60
MOST_LINES = 12


@dataclass(frozen=True, slots=True)
class ActiveJob:
    """A job that has not ended, and the trial that it is for: none, if it evaluates the base model."""

    job: Job
    trial: Trial | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where the run stands. Nothing in it changes, so another thread may read it."""

    facts: ExperimentCreated
    trials: int
    to_come: int | None
    running: int
    failed: int
    best: Settlement | None
    best_trial: Trial | None
    front: tuple[Settlement, ...]  # of several objectives
    nearest: Settlement | None  # if every scored trial breaks a constraint
    default: Trial | None
    baseline: Evaluation | None
    status: str
    seconds: float
    began: float | None  # the start, moved by all pauses; None while no runner is attached

    @property
    def done(self) -> int:
        return self.trials - self.running

    def elapsed(self, now: float) -> float:
        return self.seconds if self.began is None else max(0.0, now - self.began)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that one drawing needs. `left` is what each of the active jobs still needs, `eta` what the search does."""

    now: float
    standing: Standing | None = None
    jobs: int = 0
    active: tuple[ActiveJob, ...] = ()
    left: tuple[float | None, ...] = ()
    eta: float | None = None
    lines: tuple[Line, ...] = ()


class Board:
    """Hears of events in the runner's thread; is read in the display's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active: dict[str, ActiveJob] = {}
        self._lines: deque[Line] = deque(maxlen=MOST_LINES)
        self._standing: Standing | None = None
        self._pace = Pace(by_units=False)

    def hear(self, event: Event, experiment: Experiment) -> None:
        """Takes one event in."""
        line = narrate(event, experiment) if is_important(event) else None
        with self._lock:
            if self._standing is None:
                self._pace = Pace.of(experiment)
            elif isinstance(event, JobEnded):
                self._pace.take(experiment.jobs[event.key])
            for key in self._touched(event, experiment):
                self._update(key, experiment)
            if line:
                self._lines.append(line)
            self._standing = _standing(experiment, event, self._standing)

    def snapshot(self, now: float | None = None) -> Snapshot:
        """A copy to draw."""
        now = time.time() if now is None else now
        with self._lock:
            active = tuple(islice(self._active.values(), MOST_ROWS))
            left = tuple(self._pace.left(each.job, now) for each in active)
            eta = self._eta(now)
            standing, jobs, lines = self._standing, len(self._active), tuple(self._lines)
        return Snapshot(now, standing, jobs, active, left, eta, lines)

    def _eta(self, now: float) -> float | None:
        standing = self._standing
        if standing is None:
            return None
        jobs = [each.job for each in self._active.values()]
        elapsed = standing.elapsed(now)
        return time_left(standing.facts, self._pace, jobs, to_come=standing.to_come, elapsed=elapsed, now=now)

    def _touched(self, event: Event, experiment: Experiment) -> list[str]:
        """The jobs that an event is about; at first all open ones, for a run that goes on has jobs already."""
        if self._standing is None:
            return list(experiment.open_jobs)
        key = event.spec.key if isinstance(event, JobRequested) else getattr(event, "key", None)
        return [] if key is None else [key]

    def _update(self, key: str, experiment: Experiment) -> None:
        if key not in experiment.open_jobs:
            self._active.pop(key, None)
            return
        job = experiment.jobs[key]
        self._active[key] = ActiveJob(job, experiment.trials[job.trial] if job.trial >= 0 else None)


def _standing(experiment: Experiment, event: Event, before: Standing | None) -> Standing:
    trials, best = experiment.trials, experiment.best
    front, near = _winners(experiment, event, before)
    return Standing(
        facts=experiment.facts,
        trials=len(trials),
        to_come=trials_to_come(experiment),
        running=len(experiment.live),
        failed=experiment.failures,
        best=best,
        best_trial=trials[best.trial] if best else None,
        front=front,
        nearest=near,
        default=trials[0] if trials and trials[0].origin is Origin.DEFAULT else None,
        baseline=experiment.baseline,
        status="winding up" if experiment.ended and not experiment.finished else experiment.status.value,
        seconds=experiment.elapsed(event.at),
        began=experiment.facts.at + experiment.idle_seconds if experiment.attached else None,
    )


def _winners(
    experiment: Experiment, event: Event, before: Standing | None
) -> tuple[tuple[Settlement, ...], Settlement | None]:
    """The Pareto front, and the nearest trial: they change only where a trial is settled, or judged again."""
    if before and not isinstance(event, TrialSettled | BaselineSettled):
        return before.front, before.nearest
    several = len(experiment.facts.goal.objectives) > 1
    return tuple(experiment.leaders.front()) if several else (), nearest(experiment)
