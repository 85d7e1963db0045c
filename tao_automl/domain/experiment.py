"""The state of a run: a fold over its events. It remembers and indexes; it decides nothing."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import assert_never

from tao_automl.domain.events import (
    BaselineSettled,
    CallbackFailed,
    CheckpointsDeleted,
    CheckpointsReleased,
    Evaluation,
    Event,
    ExperimentCreated,
    ExperimentFinished,
    FeedbackGiven,
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
from tao_automl.domain.goal import Goal, Metrics
from tao_automl.domain.job import FailureClass, JobSpec, JobState
from tao_automl.domain.json_types import JsonObject, JsonValue
from tao_automl.domain.leaders import Leaders, Settlement
from tao_automl.domain.trial import Score, Trial, TrialState
from tao_automl.errors import JournalCorrupt

Values = Metrics
_NUMBERS = re.compile(r"[0-9a-f]*\d[0-9a-f]*")
CONFIGURATION_FAILURES = frozenset(
    [
        FailureClass.SPEC,
        FailureClass.DATA_VISIBILITY,
        FailureClass.IMAGE,
        FailureClass.CREDENTIAL,
        FailureClass.METRIC_MISSING,
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What one source of a job's metrics has reported: up to which epoch, how far it was read, and the last word on
    each metric."""

    epoch: int
    cursor: int
    latest: Values


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
    last_report: MetricReported | None = None
    sources: Mapping[str, Source] = field(default_factory=dict)  # by `MetricReported.source`
    latest: Values = field(default_factory=dict)  # the last word on each metric that it ever reported
    cancel: JobCancelRequested | None = None
    ended: JobEnded | None = None
    adjustments: tuple[JsonObject, ...] = ()
    released: CheckpointsReleased | None = None  # files of which nothing is needed any more

    @property
    def key(self) -> str:
        return self.spec.key

    @property
    def cursor(self) -> int:
        """How far its log was read."""
        log = self.sources.get("")
        return log.cursor if log else 0

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

    def gpu_seconds(self, now: float) -> float:
        """The same, for each of its GPUs on each of its nodes."""
        return self.seconds(now) * self.spec.gpus * self.spec.nodes


class Experiment:
    """Everything that the events so far say. Built with `fold`, kept up to date with `apply`.

    Attributes are for reading. `trials[i].id == i`. `open_jobs` and `live` are ordered by the time of request.
    `baseline_values` is what constraints mean by the baseline. `same_failures` counts the last failures in a row that
    had one and the same cause in the configuration.
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
        self.evaluation_job: dict[tuple[Purpose, int], str] = {}  # of a purpose and a trial: the latest job
        self.curves: dict[int, dict[int, Values]] = {}  # trial -> epoch -> reported metrics
        self.stop_requests: dict[int, str] = {}
        self.started_at: dict[int, float] = {}
        self.ended_at: dict[int, float] = {}
        self.last_settlement: dict[int, Settlement] = {}
        self.leaders = Leaders(Goal(objectives=()))
        self.failures = 0
        self.same_failures = 0
        self.baseline: Evaluation | None = None
        self.baseline_values: Values = {}
        self.finals: dict[int | None, Evaluation] = {}  # trial -> its final evaluation
        self.feedback: dict[int, JsonValue] = {}  # trial -> what the user had to say
        self.awaits_feedback: dict[int, None] = {}  # settled trials that nothing was said about since
        self.to_delete: dict[str, None] = {}  # jobs with released files
        self.ended_gpu_seconds = 0.0
        self.failed_callbacks: dict[tuple[str, int | None], CallbackFailed] = {}
        self.ended: SearchEnded | None = None
        self.finished: ExperimentFinished | None = None
        self.updated_at = 0.0
        self.idle_seconds = 0.0
        self._goal = Goal(objectives=())
        self._last_failure: tuple[FailureClass | None, str] | None = None

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
    def best(self) -> Settlement | None:
        """The winner so far; see `Leaders`."""
        return self.leaders.best

    @property
    def winners(self) -> list[Settlement]:
        """The winner, or the Pareto front."""
        if len(self._goal.objectives) > 1:
            return self.leaders.front()
        return [self.best] if self.best else []

    @property
    def final(self) -> Evaluation | None:
        """The final evaluation of the winner, or of the first of the Pareto front."""
        return next(iter(self.finals.values()), None)

    def gpu_hours(self, now: float) -> float:
        """GPU-hours that jobs have held, those of running ones included."""
        jobs = (self.jobs[key] for key in self.open_jobs)
        return (self.ended_gpu_seconds + sum(job.gpu_seconds(now) for job in jobs)) / 3600

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
                self.created, self._goal, self.leaders = event, event.goal, Leaders(event.goal)
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
                self._take_baseline(event.evaluation)
            case FinalEvaluationSettled():
                self.finals[event.trial] = event.evaluation
            case FeedbackGiven():
                self.feedback[event.trial] = event.feedback
                self.awaits_feedback.pop(event.trial, None)
            case CheckpointsReleased():
                self.jobs[event.key] = replace(self.jobs[event.key], released=event)
                self.to_delete[event.key] = None
            case CheckpointsDeleted():
                self.to_delete.pop(event.key, None)
            case CallbackFailed():
                self.failed_callbacks.setdefault((event.callback, event.trial), event)
                if event.callback == "feedback_fn" and event.trial is not None:
                    self.awaits_feedback.pop(event.trial, None)
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
                self.ended_gpu_seconds += self.jobs[event.key].gpu_seconds(event.ended_at)
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
            adjustments=event.adjustments,
        )
        self.open_jobs[key] = None
        if event.purpose is Purpose.TRAIN:
            self.train_job[event.trial] = key
        else:
            self.evaluation_job[event.purpose, event.trial] = key

    def _report(self, event: MetricReported) -> None:
        job = self.jobs[event.key]
        latest = {**job.latest, **event.values}
        before = job.sources.get(event.source)
        said = {**(before.latest if before else {}), **event.values}
        sources = {**job.sources, event.source: Source(epoch=event.epoch, cursor=event.cursor, latest=said)}
        self.jobs[event.key] = replace(job, sources=sources, last_report=event, latest=latest)
        if job.purpose is not Purpose.TRAIN:
            return
        curve = self.curves.setdefault(job.trial, {})
        curve[event.epoch] = values = {**curve.get(event.epoch, {}), **event.values}
        granted = self.facts.fidelity and event.epoch <= job.budget  # what counts beyond it counts something else
        if granted and not self.facts.scored_after_training and not event.values.keys().isdisjoint(self._goal.names):
            self._score(job.trial, event.epoch, values)

    def _score(self, trial_id: int, budget: int, values: Values) -> Score | None:
        """Scores the trial at a budget, if the values suffice."""
        score = self._goal.score(values, self.seq, self.baseline_values)
        if score is None:
            return None
        trial = self.trials[trial_id]
        scores = {**trial.scores, budget: score}
        if next(reversed(scores)) != max(scores):
            scores = dict(sorted(scores.items()))
        self.trials[trial_id] = replace(trial, scores=scores)
        return score

    def _settle(self, event: TrialSettled) -> None:
        budget, score = self.trials[event.trial].budget, None
        if event.value is not None:
            score = self._score(event.trial, budget, self._settled_values(event))
        trial = replace(self.trials[event.trial], state=event.state, failure=event.failure, reason=event.reason)
        self.trials[event.trial] = trial
        self.live.pop(event.trial, None)
        self.stop_requests.pop(event.trial, None)
        self.ended_at[event.trial] = event.at
        self._count_failures(event)
        settlement = Settlement(
            trial=trial.id,
            budget=budget,
            job=self.train_job.get(trial.id),
            event=event,
            score=score if event.state is TrialState.COMPLETED else None,
        )
        self.last_settlement[trial.id] = settlement
        if event.state is not TrialState.ABANDONED:
            self.awaits_feedback[trial.id] = None
        self.leaders.take(settlement)

    def _settled_values(self, event: TrialSettled) -> Values:
        return {**event.values, self.facts.objective.metric: event.value}

    def _count_failures(self, event: TrialSettled) -> None:
        """Failures in a row that are one and the same, up to the numbers in their evidence."""
        if event.state is TrialState.COMPLETED:
            self.same_failures, self._last_failure = 0, None
        if event.state is not TrialState.FAILED:
            return
        self.failures += 1
        cause = (event.failure, _NUMBERS.sub("#", event.reason))
        alike = event.failure in CONFIGURATION_FAILURES and cause == self._last_failure
        self.same_failures, self._last_failure = (self.same_failures + 1 if alike else 1), cause

    def _take_baseline(self, evaluation: Evaluation) -> None:
        """Constraints that compare with the baseline can be judged now. The default configuration, if it is the
        baseline, was measured in the same way as all trials are: its own values come first."""
        self.baseline = evaluation
        first = self.last_settlement.get(0)
        self.baseline_values = {
            **evaluation.values,
            evaluation.metric_name: evaluation.metric_value,
            **(self._settled_values(first.event) if first and first.score else {}),
        }
        if self._goal.relative:
            self._judge_again()

    def _judge_again(self) -> None:
        settled, self.leaders = self.last_settlement, Leaders(self._goal)
        for trial_id, settlement in sorted(settled.items()):
            for epoch, values in self.curves.get(trial_id, {}).items():
                if epoch in self.trials[trial_id].scores:
                    self._score(trial_id, epoch, values)
            if settlement.score:
                score = self._score(trial_id, settlement.budget, self._settled_values(settlement.event))
                settled[trial_id] = replace(settlement, score=score)
            self.leaders.take(settled[trial_id])


def fold(events: Iterable[Event]) -> Experiment:
    """The experiment that `events`, from the first on, describe."""
    experiment = Experiment()
    for event in events:
        experiment.apply(event)
    return experiment
