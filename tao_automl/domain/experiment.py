"""The state of a run: a fold over its events. It remembers and indexes; it decides nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import assert_never

from tao_automl.domain.events import (
    BaselineSettled,
    CallbackFailed,
    Evaluation,
    Event,
    ExperimentCreated,
    ExperimentFinished,
    FinalEvaluationSettled,
    JobCancelRequested,
    JobEnded,
    JobRequested,
    JobStarted,
    JobSubmitted,
    MetricReported,
    Purpose,
    RunnerAttached,
    RunnerDetached,
    RunStatus,
    SearchEnded,
    TrialPromoted,
    TrialSettled,
    TrialStarted,
    TrialStopRequested,
)
from tao_automl.domain.job import JobSpec, JobState
from tao_automl.domain.trial import Score, Trial, TrialState
from tao_automl.errors import JournalCorrupt

Values = Mapping[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as the journal knows it."""

    trial: int
    purpose: Purpose
    budget: int
    attempt: int
    spec: JobSpec
    requested_at: float
    not_before: float = 0.0
    handle: str | None = None
    started_at: float | None = None
    cursor: int = 0
    last_report: MetricReported | None = None
    latest: Values = field(default_factory=dict)  # the last word on each metric that it ever reported
    cancel: JobCancelRequested | None = None
    ended: JobEnded | None = None

    @property
    def key(self) -> str:
        return self.spec.key

    @property
    def state(self) -> JobState:
        if self.ended:
            return self.ended.state
        return JobState.RUNNING if self.started_at is not None else JobState.PENDING

    def seconds(self, now: float) -> float:
        """How long it has run, or ran."""
        if self.started_at is None:
            return 0.0
        return max(0.0, (self.ended.ended_at if self.ended else now) - self.started_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """One budget that a trial was settled at, and by which job."""

    trial: int
    budget: int
    job: str | None
    event: TrialSettled


class Experiment:
    """Everything that the events so far say. Built with `fold`, kept up to date with `apply`.

    Attributes are for reading. `trials[i].id == i`. `open_jobs` and `live` are ordered by the time of request.
    """

    def __init__(self) -> None:
        self.seq = 0
        self.created: ExperimentCreated | None = None
        self.attached: RunnerAttached | None = None
        self.detached: RunnerDetached | None = None  # how the last runner left, if it said so and none came since
        self.trials: list[Trial] = []
        self.live: dict[int, None] = {}
        self.jobs: dict[str, Job] = {}
        self.open_jobs: dict[str, None] = {}
        self.train_job: dict[int, str] = {}  # trial -> its latest training job
        self.evaluation_job: dict[Purpose, str] = {}
        self.curves: dict[int, dict[int, Values]] = {}  # trial -> epoch -> reported metrics
        self.stop_requests: dict[int, str] = {}
        self.started_at: dict[int, float] = {}
        self.ended_at: dict[int, float] = {}
        self.last_settlement: dict[int, Settlement] = {}
        self.best_of: dict[int, Settlement] = {}  # trial -> the settlement with its best value
        self.best: Settlement | None = None
        self.failures = 0
        self.baseline: Evaluation | None = None
        self.final: Evaluation | None = None
        self.failed_callbacks: dict[tuple[str, int | None], CallbackFailed] = {}
        self.ended: SearchEnded | None = None
        self.finished: ExperimentFinished | None = None
        self.updated_at = 0.0
        self.idle_seconds = 0.0

    @property
    def facts(self) -> ExperimentCreated:
        """The first event. Raises JournalCorrupt if the journal is empty."""
        if self.created is None:
            raise JournalCorrupt("the journal is empty", "start a run in this workspace, or name another")
        return self.created

    @property
    def status(self) -> RunStatus:
        """As recorded: a runner that was killed leaves RUNNING behind."""
        if self.finished:
            return self.finished.status
        return RunStatus.RUNNING if self.attached else RunStatus.INTERRUPTED

    @property
    def running_trials(self) -> list[Trial]:
        return [self.trials[i] for i in self.live]

    def elapsed(self, now: float) -> float:
        """Seconds that the run took, pauses between two runners not counted."""
        last = self.updated_at if self.finished or not self.attached else now
        return max(0.0, last - self.facts.at - self.idle_seconds)

    def apply(self, event: Event) -> None:
        """Takes one more event in."""
        self.seq += 1
        previous, self.updated_at = self.updated_at, event.at
        match event:
            case ExperimentCreated():
                self.created = event
            case RunnerAttached():
                self.attached, self.detached = event, None
                self.idle_seconds += max(0.0, event.at - previous)
            case RunnerDetached():
                self.attached, self.detached = None, event
            case TrialStarted() | TrialPromoted() | TrialStopRequested() | TrialSettled():
                self._apply_to_trial(event)
            case JobRequested() | JobSubmitted() | JobStarted() | MetricReported() | JobCancelRequested() | JobEnded():
                self._apply_to_job(event)
            case BaselineSettled():
                self.baseline = event.evaluation
            case FinalEvaluationSettled():
                self.final = event.evaluation
            case CallbackFailed():
                self.failed_callbacks.setdefault((event.callback, event.trial), event)
            case SearchEnded():
                self.ended = event
            case ExperimentFinished():
                self.finished = event
                self.attached = None
            case _:
                assert_never(event)

    def _apply_to_trial(self, event: TrialStarted | TrialPromoted | TrialStopRequested | TrialSettled) -> None:
        match event:
            case TrialStarted():
                self._start(event)
            case TrialPromoted():
                trial = self.trials[event.trial]
                self.trials[event.trial] = replace(trial, budget=event.budget, state=TrialState.RUNNING)
                self.live[event.trial] = None
                self.ended_at.pop(event.trial, None)
            case TrialStopRequested():
                self.stop_requests[event.trial] = event.reason
            case TrialSettled():
                self._settle(event)
            case _:
                assert_never(event)

    def _apply_to_job(
        self, event: JobRequested | JobSubmitted | JobStarted | MetricReported | JobCancelRequested | JobEnded
    ) -> None:
        match event:
            case JobRequested():
                self._request(event)
            case JobSubmitted():
                self.jobs[event.key] = replace(self.jobs[event.key], handle=event.handle)
            case JobStarted():
                self.jobs[event.key] = replace(self.jobs[event.key], started_at=event.started_at)
            case MetricReported():
                self._report(event)
            case JobCancelRequested():
                self.jobs[event.key] = replace(self.jobs[event.key], cancel=event)
            case JobEnded():
                self.jobs[event.key] = replace(self.jobs[event.key], ended=event)
                self.open_jobs.pop(event.key, None)
            case _:
                assert_never(event)

    def _start(self, event: TrialStarted) -> None:
        if event.trial != len(self.trials):
            raise JournalCorrupt(f"trials are numbered in order: expected {len(self.trials)}, got {event.trial}")
        self.trials.append(
            Trial(
                id=event.trial,
                params=event.params,
                signature=event.signature,
                budget=event.budget,
                origin=event.origin,
                parent=event.parent,
            )
        )
        self.live[event.trial] = None
        self.started_at[event.trial] = event.at

    def _request(self, event: JobRequested) -> None:
        key = event.spec.key
        self.jobs[key] = Job(
            trial=event.trial,
            purpose=event.purpose,
            budget=event.budget,
            attempt=event.attempt,
            spec=event.spec,
            requested_at=event.at,
            not_before=event.not_before,
        )
        self.open_jobs[key] = None
        if event.purpose is Purpose.TRAIN:
            self.train_job[event.trial] = key
        else:
            self.evaluation_job[event.purpose] = key

    def _report(self, event: MetricReported) -> None:
        job = self.jobs[event.key]
        latest = {**job.latest, **event.values}
        self.jobs[event.key] = replace(job, cursor=event.cursor, last_report=event, latest=latest)
        if job.purpose is not Purpose.TRAIN:
            return
        curve = self.curves.setdefault(job.trial, {})
        curve[event.epoch] = {**curve.get(event.epoch, {}), **event.values}
        value = event.values.get(self.facts.objective.metric)
        granted = self.facts.fidelity and event.epoch <= job.budget  # what counts beyond it counts something else
        if value is not None and granted and not self.facts.scored_by_callback:
            self._score(job.trial, event.epoch, value)

    def _score(self, trial_id: int, budget: int, value: float) -> None:
        trial = self.trials[trial_id]
        score = Score(value=value, cost=self.facts.objective.cost(value), seq=self.seq)
        scores = {**trial.scores, budget: score}
        if next(reversed(scores)) != max(scores):
            scores = dict(sorted(scores.items()))
        self.trials[trial_id] = replace(trial, scores=scores)

    def _settle(self, event: TrialSettled) -> None:
        if event.value is not None:
            self._score(event.trial, self.trials[event.trial].budget, event.value)
        trial = replace(self.trials[event.trial], state=event.state, failure=event.failure, reason=event.reason)
        self.trials[event.trial] = trial
        self.live.pop(event.trial, None)
        self.stop_requests.pop(event.trial, None)
        self.ended_at[event.trial] = event.at
        settlement = Settlement(trial=trial.id, budget=trial.budget, job=self.train_job.get(trial.id), event=event)
        self.last_settlement[trial.id] = settlement
        self.failures += event.state is TrialState.FAILED
        if event.state is TrialState.COMPLETED and event.value is not None:
            self._keep_best(settlement)

    def _keep_best(self, new: Settlement) -> None:
        mine = self.best_of.get(new.trial)
        if mine is None or self._better(new, mine):
            self.best_of[new.trial] = new
        if self.best is None or self._better(new, self.best):
            self.best = new

    def _better(self, new: Settlement, old: Settlement) -> bool:
        before, after = old.event.value, new.event.value
        return before is not None and after is not None and self.facts.objective.improvement(before, after) > 0


def fold(events: Iterable[Event]) -> Experiment:
    """The experiment that `events`, from the first on, describe."""
    experiment = Experiment()
    for event in events:
        experiment.apply(event)
    return experiment
