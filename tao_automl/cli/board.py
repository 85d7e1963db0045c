"""What the live display knows of a run: kept up to date by events, in constant time each, and copied to be drawn."""

import threading
import time
from collections import deque
from dataclasses import dataclass
from itertools import islice

from tao_automl.cli.narrate import Line, is_important, narrate
from tao_automl.domain.events import Evaluation, Event, ExperimentCreated, JobRequested, Purpose
from tao_automl.domain.experiment import Experiment, Job
from tao_automl.domain.leaders import Settlement
from tao_automl.domain.trial import Origin, Trial

MOST_ROWS = 60
MOST_LINES = 12


@dataclass(frozen=True, slots=True)
class ActiveJob:
    """A job that has not ended, and the trial that it is for; trained from `first_epoch` on."""

    job: Job
    trial: Trial
    first_epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where the run stands. Nothing in it changes, so another thread may read it."""

    facts: ExperimentCreated
    trials: int
    running: int
    failed: int
    best: Settlement | None
    best_trial: Trial | None
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

    def eta(self, now: float) -> float | None:
        """Linear in trials, as in the result; None before two are done, and when it is not known how many there are."""
        total = self.facts.total_trials
        if total is None or self.done < 2:
            return None
        return max(0.0, self.elapsed(now) / self.done * (total - self.done))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that one drawing needs."""

    now: float
    standing: Standing | None = None
    jobs: int = 0
    active: tuple[ActiveJob, ...] = ()
    lines: tuple[Line, ...] = ()


class Board:
    """Hears of events in the runner's thread; is read in the display's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active: dict[str, ActiveJob] = {}
        self._lines: deque[Line] = deque(maxlen=MOST_LINES)
        self._standing: Standing | None = None

    def hear(self, event: Event, experiment: Experiment) -> None:
        """Takes one event in."""
        line = narrate(event, experiment) if is_important(event) else None
        with self._lock:
            for key in self._touched(event, experiment):
                self._update(key, experiment)
            if line:
                self._lines.append(line)
            self._standing = _standing(experiment, event.at)

    def snapshot(self, now: float | None = None) -> Snapshot:
        """A copy to draw."""
        with self._lock:
            active = tuple(islice(self._active.values(), MOST_ROWS))
            standing, jobs, lines = self._standing, len(self._active), tuple(self._lines)
        return Snapshot(time.time() if now is None else now, standing, jobs, active, lines)

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
        settled = experiment.last_settlement.get(job.trial) if job.purpose is Purpose.TRAIN else None
        first_epoch = settled.budget if settled and settled.event.value is not None else 0
        self._active[key] = ActiveJob(job, experiment.trials[job.trial], first_epoch)


def _standing(experiment: Experiment, at: float) -> Standing:
    trials, best = experiment.trials, experiment.best
    return Standing(
        facts=experiment.facts,
        trials=len(trials),
        running=len(experiment.live),
        failed=experiment.failures,
        best=best,
        best_trial=trials[best.trial] if best else None,
        default=trials[0] if trials and trials[0].origin is Origin.DEFAULT else None,
        baseline=experiment.baseline,
        status="winding up" if experiment.ended and not experiment.finished else experiment.status.value,
        seconds=experiment.elapsed(at),
        began=experiment.facts.at + experiment.idle_seconds if experiment.attached else None,
    )
