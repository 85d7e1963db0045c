"""How fast the jobs of a run have been, and how long it will still take."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tao_automl.domain.events import ExperimentCreated, Purpose
from tao_automl.domain.experiment import Experiment, Job
from tao_automl.domain.job import JobState

DEFAULT_TRIAL = 0


@dataclass(slots=True)
class Pace:
    """What ended jobs took, from request to end: waiting in a queue counts. Takes each job in constant time.

    Attributes:
        by_units: trainings are measured in units of the fidelity; else each is one unit.
        seconds, units: of all trainings.
        others: purpose -> seconds and number of the evaluations.
        trials: those of the searcher that had a job, and seconds of all their jobs. A searcher may train most of them
            for a short time only, so the default configuration, which is trained in full, says little about them.
        reached: job -> how far its trial was trained when it ended.
    """

    by_units: bool
    seconds: float = 0.0
    units: int = 0
    others: dict[Purpose, tuple[float, int]] = field(default_factory=dict)
    trials: dict[int, float] = field(default_factory=dict)
    reached: dict[str, int] = field(default_factory=dict)
    first: float | None = None
    last: float = 0.0
    trial_seconds: float = 0.0

    @classmethod
    def of(cls, experiment: Experiment) -> "Pace":
        """Of all jobs so far."""
        pace = cls(by_units=experiment.facts.fidelity is not None)
        for job in experiment.jobs.values():
            pace.take(job)
        return pace

    def take(self, job: Job) -> None:
        """Takes one job in, if it has ended and was not taken yet."""
        if job.ended is None or job.key in self.reached:
            return
        seconds = max(0.0, job.ended.ended_at - job.requested_at)
        self.first = job.requested_at if self.first is None else min(self.first, job.requested_at)
        self.last = max(self.last, job.ended.ended_at)
        if job.purpose is Purpose.TRAIN:
            before = self.before(job)
            self.reached[job.key] = max(before, self._reached(job))
            self.seconds, self.units = self.seconds + seconds, self.units + self.reached[job.key] - before
        else:
            spent, count = self.others.get(job.purpose, (0.0, 0))
            self.others[job.purpose], self.reached[job.key] = (spent + seconds, count + 1), 0
        if job.purpose in (Purpose.TRAIN, Purpose.EVALUATE):
            self.trial_seconds += seconds
            if job.trial != DEFAULT_TRIAL:
                self.trials[job.trial] = self.trials.get(job.trial, 0.0) + seconds

    def before(self, job: Job) -> int:
        """How far its trial was trained when the job began."""
        return self.reached.get(job.spec.resume_from or "", 0)

    def left(self, job: Job, now: float) -> float | None:
        """What an open job still needs: at its own pace once it reports, else as ended ones took; None if unknown."""
        if job.purpose is not Purpose.TRAIN:
            spent, count = self.others.get(job.purpose, (0.0, 0))
            return max(0.0, spent / count - (now - job.requested_at)) if count else None
        before, report = self.before(job), job.last_report
        if self.by_units and report and report.epoch > before and job.started_at is not None:
            return job.seconds(now) / (report.epoch - before) * max(0, job.budget - report.epoch)
        expected = self._expected(job)
        return None if expected is None else max(0.0, expected - (now - job.requested_at))

    def _expected(self, job: Job) -> float | None:
        """Seconds of a whole training, as others took."""
        units = job.budget - self.before(job) if self.by_units else 1
        return self.seconds / self.units * units if self.units else None

    def _reached(self, job: Job) -> int:
        succeeded = job.ended is not None and job.ended.state is JobState.SUCCEEDED
        if not self.by_units:
            return int(succeeded)
        if succeeded:
            return job.budget
        return min(job.last_report.epoch, job.budget) if job.last_report else 0

    def trained(self, open_jobs: Iterable[Job]) -> int:
        """Units of training in all, those of open jobs included as far as they are reported."""
        reported = (
            (job.last_report.epoch, self.before(job)) for job in open_jobs if self._counts(job) and job.last_report
        )
        return self.units + sum(max(0, epoch - before) for epoch, before in reported)

    def _counts(self, job: Job) -> bool:
        return self.by_units and job.purpose is Purpose.TRAIN

    def a_trial(self, open_jobs: Iterable[Job]) -> float | None:
        """Seconds of jobs that the searcher spends on a trial, promotions included."""
        if self.trials:
            return sum(self.trials.values()) / len(self.trials)
        chosen = [job for job in open_jobs if job.purpose is Purpose.TRAIN and job.trial != DEFAULT_TRIAL]
        expected = [seconds for job in chosen if (seconds := self._expected(job)) is not None]
        return sum(expected) / len(expected) if expected else None

    @property
    def parallel(self) -> float:
        """How many jobs of trials there were at a time, on average."""
        span = self.last - self.first if self.first is not None else 0.0
        return self.trial_seconds / span if span > 0 else 0.0


def time_left(
    facts: ExperimentCreated, pace: Pace, jobs: Sequence[Job], *, to_come: int | None, elapsed: float, now: float
) -> float | None:
    """Seconds until the search has had its trials; None as long as no job has told how long one takes, and when it is
    not known how many trials there will be (`to_come`).

    What is left of `jobs`, the open ones, and for each trial to come the mean of those so far, is shared among as many
    slots as there are in use. A multi-fidelity search that will train later trials longer takes longer than that: the
    answer follows as they are trained. It is never more than `max_wall_time` permits.
    """
    if to_come is None:
        return None
    left = [seconds for job in jobs if (seconds := pace.left(job, now)) is not None]
    a_trial = pace.a_trial(jobs) if to_come else 0.0
    if a_trial is None or (jobs and not left and not pace.trials):
        return None
    slots = max(1.0, float(sum(job.purpose is not Purpose.FINAL for job in jobs)), pace.parallel)
    estimate = max([(sum(left) + to_come * a_trial) / slots, a_trial, *left])
    return min([estimate, *_until_limit(facts, elapsed)])


def _until_limit(facts: ExperimentCreated, elapsed: float) -> list[float]:
    settings = facts.arguments.get("automl_settings")
    limit = settings.get("max_wall_time") if isinstance(settings, Mapping) else None
    return [max(0.0, limit - elapsed)] if isinstance(limit, int | float) else []


def trials_to_come(experiment: Experiment) -> int | None:
    """How many trials the search will still start; None if it decides that on the way."""
    if experiment.ended or experiment.finished:
        return 0
    total = experiment.facts.total_trials
    return None if total is None else max(0, total - len(experiment.trials))
