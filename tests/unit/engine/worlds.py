"""Worlds that nobody would think of: jobs that do anything, searchers that ask for anything, and what must hold."""

import json
import math
from collections.abc import Sequence
from random import Random
from typing import Any

from hypothesis import strategies as st
from lab import Script, params

from tao_automl.domain.events import CheckpointsReleased, Event, JobRequested, JobSubmitted, Purpose
from tao_automl.domain.experiment import Experiment
from tao_automl.domain.goal import Direction, Objective, OutcomeConstraint
from tao_automl.domain.job import JobSpec, JobState
from tao_automl.domain.trial import Decision, Origin, Promote, Start, Stop, Trial, TrialState
from tao_automl.engine.requests import resume_of
from tao_automl.engine.world import Retention, Rules
from tao_automl.errors import PlatformRejected
from tao_automl.testing.memory_platform import Behaviour
from tao_automl.testing.toy import INFRASTRUCTURE, MODEL_CODE, metric_line

ENDS = [JobState.SUCCEEDED, JobState.SUCCEEDED, JobState.FAILED, JobState.LOST, JobState.CANCELLED]
VALUES = st.sampled_from([0.5, 0.25, 2.0, -1.0, math.nan])
LATENCY = Objective(metric="latency", direction=Direction.MINIMIZE)
CONSTRAINTS = (
    OutcomeConstraint(left="latency", right="4", at_most=True),
    OutcomeConstraint(left="loss", right="0.9 * baseline", at_most=True),
)


def _line(epoch: int | None, value: float) -> str:
    return metric_line(epoch, loss=value, latency=abs(value) * 3)


behaviours = st.builds(
    Behaviour,
    seconds=st.sampled_from([0.0, 0.5, 2.0, 7.0, 60.0]),
    state=st.sampled_from(ENDS),
    lines=st.lists(st.tuples(st.sampled_from([1, 2, 3, 9, None]), VALUES), max_size=4).map(
        lambda pairs: [(0.4 + n, _line(epoch, value)) for n, (epoch, value) in enumerate(pairs)]
    ),
    outputs=st.sampled_from([(), ((0.3, "epoch_1.ckpt"),), ((0.3, "epoch_1.ckpt"), (0.4, "epoch_2.ckpt"))]),
    failure=st.sampled_from([INFRASTRUCTURE, MODEL_CODE]),
    queued=st.sampled_from([0.0, 0.0, 3.0]),
    rejection=st.sampled_from([None, None, None, PlatformRejected("no")]),
)
rules = st.builds(
    Rules,
    max_concurrent=st.integers(1, 3),
    max_wall_time=st.sampled_from([None, 25.0]),
    max_trial_time=st.sampled_from([None, 5.0]),
    max_gpu_hours=st.sampled_from([None, 0.01]),
    target_metric=st.sampled_from([None, 0.3]),
    patience=st.sampled_from([None, 3]),
    max_attempts=st.integers(1, 3),
    tolerated_failure_rate=st.sampled_from([0.1, 0.5, 1.0]),
    evaluate_default=st.booleans(),
    allow_proxy_metric=st.booleans(),
    retry_backoff=st.sampled_from([0.0, 4.0]),
    retention=st.sampled_from(Retention),
    reuse_best_evaluation=st.booleans(),
)


def busy(trials: int) -> Script:
    """Stops what has a bad score, promotes what has a good one, and starts new ones."""

    def ask(history: Any, slots: int) -> Any:
        stops = [Stop(trial=t.id, reason="bad") for t in history if t.live and t.score and t.score.cost >= 2]
        good = [t for t in history if t.state is TrialState.COMPLETED and t.score and t.score.cost < 0.4]
        placed: list[Any] = [Promote(trial=t.id, budget=t.budget + 1) for t in good if t.budget < 3]
        placed += [Start(params=params(n), budget=1) for n in range(len(history), trials)]
        return [*stops, *placed[:slots]]

    return Script(ask)


def restless(dice: Random, trials: int, chance: float = 0.4) -> Script:
    """Forks anything, promotes anything that may be promoted, and stops what runs, as the dice fall."""

    def ask(history: Sequence[Trial], slots: int) -> Sequence[Decision]:
        stops = [Stop(trial=t.id, reason="dice") for t in history if t.live and dice.random() < chance / 20]
        done = [t for t in history if t.state is TrialState.COMPLETED and t.budget < 3]
        placed: list[Decision] = [
            Promote(trial=t.id, budget=dice.randint(t.budget + 1, 3)) for t in done if dice.random() < chance
        ]
        for number in range(len(history), trials):
            parent = dice.choice(history).id if history and dice.random() < 0.7 else None
            placed.append(Start(params=params(number), budget=dice.randint(1, 3), parent=parent))
        dice.shuffle(placed)
        return [*stops, *placed[:slots]]

    return Script(ask)


class Impatient:
    """A stopper that stops what has reported something bad."""

    def stops(self, history: Sequence[Trial]) -> Sequence[Stop]:
        judged = (t for t in history if t.live and t.origin is Origin.SEARCH and t.score)
        return [Stop(trial=t.id, reason="early") for t in judged if t.score and t.score.cost >= 0.5]


class Auditor:
    """A listener that checks what must hold after every append."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.handles: set[str] = set()

    def __call__(self, event: Event, experiment: Experiment) -> None:
        trials, jobs = experiment.trials, experiment.jobs
        assert list(experiment.live) == [] or len(experiment.live) <= max(1, self.limit)
        assert set(experiment.live) == {t.id for t in trials if t.state is TrialState.RUNNING}
        assert list(experiment.open_jobs) == [key for key, job in jobs.items() if job.ended is None]
        assert all(list(t.scores) == sorted(t.scores) for t in trials)
        assert all(t.state is not TrialState.COMPLETED or t.budget in t.scores for t in trials)
        assert all(job.handle is not None or job.started_at is None for job in jobs.values())
        assert all(winner.score and not winner.score.violation for winner in experiment.winners)
        if isinstance(event, JobSubmitted):
            assert event.handle not in self.handles
            self.handles.add(event.handle)


class Keeper:
    """A listener that checks that nothing was released which somebody needs, or could still ask for."""

    def __init__(self) -> None:
        self.released: set[tuple[str, str]] = set()
        self.needed_at_end: set[tuple[str, str]] = set()

    def __call__(self, event: Event, experiment: Experiment) -> None:
        if isinstance(event, CheckpointsReleased):
            assert event.key not in experiment.open_jobs
            self.released |= {(event.key, path) for path in event.paths}
        if isinstance(event, JobRequested):
            assert event.spec.resume_from is None or reads(event.spec) not in self.released
        assert not self.released & self.needed(experiment)

    def needed(self, experiment: Experiment) -> set[tuple[str, str]]:
        open_jobs = (experiment.jobs[key].spec for key in experiment.open_jobs)
        needed = {reads(spec) for spec in open_jobs if spec.resume_from}
        last = [winner.job for winner in experiment.winners]
        if experiment.ended is None:
            last += experiment.train_job.values()
        for key in last:
            found = resume_of(experiment, experiment.jobs[str(key)])
            needed |= {(found.job, found.checkpoint)} if found else set()
        return needed


def reads(spec: JobSpec) -> tuple[str, str]:
    """The job and the checkpoint that a toy job begins from."""
    content = json.loads(spec.files["spec.json"])
    epoch = content["start"] if content["action"] == Purpose.TRAIN.value else content["epochs"]
    return str(spec.resume_from), f"epoch_{epoch}.ckpt"
