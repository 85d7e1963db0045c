"""Step 2: read what the platform has to say: states, and metrics in new log text."""

from collections.abc import Generator, Iterator
from functools import partial
from typing import NamedTuple

from tao_automl.domain.events import CallbackFailed, Event, JobCancelRequested, JobEnded, JobStarted, MetricReported
from tao_automl.domain.experiment import Experiment, Job
from tao_automl.domain.finite import finite
from tao_automl.domain.job import FailureClass, JobState, JobStatus, LogChunk
from tao_automl.engine.evaluation import error_text
from tao_automl.engine.world import Extractor, World

CHUNKS_PER_TICK = 64  # bounds one tick's reading of one job's log; the next tick goes on


class Extracted(NamedTuple):
    """A piece of log, and what the user's `metric_extractor` made of it."""

    chunk: LogChunk
    value: object = None
    error: Exception | SystemExit | None = None


def observe(world: World, experiment: Experiment) -> Iterator[Event]:
    """One status call for all jobs in flight, and the new log text of each."""
    jobs = [job for key in experiment.open_jobs if (job := experiment.jobs[key]).handle is not None]
    if not jobs:
        return
    statuses = world.platform.get_job_status([str(job.handle) for job in jobs])
    for job in jobs:
        yield from _observe_job(world, experiment, job, statuses[str(job.handle)])


def _observe_job(world: World, experiment: Experiment, job: Job, status: JobStatus) -> Iterator[Event]:
    now = world.clock.now()
    if status.state is JobState.PENDING:
        return
    if job.started_at is None and (status.started_at or not status.state.ended):
        yield JobStarted(at=now, key=job.key, started_at=status.started_at or now)
    read_to_end = yield from _read_log(world, experiment, job)
    if not status.state.ended:
        yield from _enforce_time_limit(world, job, status, now)
    elif read_to_end:
        yield _ended(world, job, status, now)


def _read_log(world: World, experiment: Experiment, job: Job) -> Generator[Event, None, bool]:
    """Reports metrics. Returns whether all that the job had logged was read, and understood by the extractor."""
    epoch = _epochs_so_far(experiment, job)
    complained = ("metric_extractor", job.trial) in experiment.failed_callbacks
    for _ in range(CHUNKS_PER_TICK):
        extracted = _next_chunk(world, experiment, job)
        if extracted is None:
            return False
        if extracted.error and not complained:
            complained = True
            yield _extractor_failed(world, job, extracted.error)
        epoch = yield from _reports(world, experiment, job, extracted, epoch)
        world.cursors[job.key] = extracted.chunk.cursor
        if not extracted.chunk.more:
            return True
    return False


def _next_chunk(world: World, experiment: Experiment, job: Job) -> Extracted | None:
    """The next piece of log; None as long as the user's extractor thinks about it."""
    cursor = world.cursors.get(job.key, job.cursor)
    extractor = world.callbacks.metric_extractor
    question = ("metric_extractor", job.key, cursor)
    if extractor and world.workers.asked(question):
        answer = world.workers.answer(question, lambda: None)
        return answer.value if answer else None
    chunk = world.platform.get_job_logs(str(job.handle), cursor)
    if not extractor or not chunk.lines:
        return Extracted(chunk)
    answer = world.workers.answer(question, partial(_extract, extractor, chunk, experiment.facts.objective.metric))
    return answer.value if answer else None


def _extract(extractor: Extractor, chunk: LogChunk, metric: str) -> Extracted:
    try:
        return Extracted(chunk, extractor("\n".join(chunk.lines), metric))
    except (Exception, SystemExit) as error:  # noqa: BLE001  # a user's callback
        return Extracted(chunk, error=error)


def _epochs_so_far(experiment: Experiment, job: Job) -> int:
    """How far the job's reports have come, or those of the job that it continues."""
    before = experiment.jobs.get(job.spec.resume_from or "")
    report = job.last_report or (before.last_report if before else None)
    return report.epoch if report else 0


def _reports(
    world: World, experiment: Experiment, job: Job, extracted: Extracted, epoch: int
) -> Generator[Event, None, int]:
    """What the text reports after `epoch`. Returns the last epoch; reports that do not tell theirs count on."""
    now, cursor, seen = world.clock.now(), extracted.chunk.cursor, False
    for line in extracted.chunk.lines:
        if reading := world.jobs.read_metrics(line):
            epoch, seen = reading.epoch or min(epoch + 1, job.budget), True
            yield MetricReported(at=now, key=job.key, epoch=epoch, values=reading.values, cursor=cursor)
    if extracted.value is not None:
        epoch = epoch if seen else min(epoch + 1, job.budget)
        values = {experiment.facts.objective.metric: finite(extracted.value)}
        yield MetricReported(at=now, key=job.key, epoch=epoch, values=values, cursor=cursor)
    return epoch


def _extractor_failed(world: World, job: Job, error: BaseException) -> CallbackFailed:
    return CallbackFailed(at=world.clock.now(), callback="metric_extractor", trial=job.trial, message=error_text(error))


def _enforce_time_limit(world: World, job: Job, status: JobStatus, now: float) -> Iterator[Event]:
    limit, started = world.rules.max_trial_time, job.started_at or status.started_at
    if limit is not None and started is not None and not job.cancel and now - started > limit:
        reason = f"ran longer than max_trial_time ({limit:g} s)"
        yield JobCancelRequested(at=now, key=job.key, reason=reason, failure=FailureClass.RESOURCES)


def _ended(world: World, job: Job, status: JobStatus, now: float) -> JobEnded:
    handle = str(job.handle)
    outputs = world.platform.get_job_outputs(handle)
    failed = status.state in (JobState.FAILED, JobState.LOST)
    failure = world.platform.get_failure_analysis(handle) if failed else None
    world.cursors.pop(job.key, None)
    return JobEnded(
        at=now,
        key=job.key,
        state=status.state,
        ended_at=status.ended_at or now,
        detail=status.detail,
        exit_code=status.exit_code,
        failure=failure,
        results_path=outputs.root or None,
        checkpoint=world.jobs.checkpoint(outputs),
    )
