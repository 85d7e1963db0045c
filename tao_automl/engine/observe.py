"""Step 2: read what the platform has to say: states, and metrics in new log text and in files."""

from collections.abc import Generator, Iterator
from functools import partial
from typing import NamedTuple

from tao_automl.domain.events import CallbackFailed, Event, JobCancelRequested, JobEnded, JobStarted
from tao_automl.domain.experiment import Experiment, Job
from tao_automl.domain.finite import finite
from tao_automl.domain.job import FailureClass, JobOutputs, JobState, JobStatus, LogChunk
from tao_automl.engine.evaluation import error_text
from tao_automl.engine.files import CHUNKS_PER_TICK, finish_files, follow_files
from tao_automl.engine.reporter import LOG, Reporter
from tao_automl.engine.world import Extractor, World


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
    reporter = Reporter(job=job, now=now)
    if status.state is JobState.PENDING:
        return
    if job.started_at is None and (status.started_at or not status.state.ended):
        yield JobStarted(at=now, key=job.key, started_at=status.started_at or now)
    read_to_end = yield from _read_log(world, experiment, reporter)
    if not status.state.ended:
        yield from follow_files(world, experiment, reporter)
        yield from _enforce_time_limit(world, job, status, now)
    elif read_to_end:
        outputs = world.platform.get_job_outputs(str(job.handle))
        succeeded = status.state is JobState.SUCCEEDED
        if (yield from finish_files(world, experiment, reporter, outputs, succeeded=succeeded)):
            yield _ended(world, job, status, outputs, now)


def _read_log(world: World, experiment: Experiment, reporter: Reporter) -> Generator[Event, None, bool]:
    """Reports metrics. Returns whether all that the job had logged was read, and understood by the extractor."""
    job = reporter.job
    epoch = _epochs_so_far(experiment, job)
    complained = ("metric_extractor", job.trial) in experiment.failed_callbacks
    for _ in range(CHUNKS_PER_TICK):
        extracted = _next_chunk(world, experiment, job)
        if extracted is None:
            return False
        if extracted.error and not complained:
            complained = True
            yield _extractor_failed(world, job, extracted.error)
        epoch = yield from _reports(world, experiment, reporter, extracted, epoch)
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
    """How far the reports in the job's log have come, or those of the job that it continues."""
    before = experiment.jobs.get(job.spec.resume_from or "")
    report = job.sources.get(LOG) or (before.last_report if before else None)
    return report.epoch if report else 0


def _reports(
    world: World, experiment: Experiment, reporter: Reporter, extracted: Extracted, epoch: int
) -> Generator[Event, None, int]:
    """What the text reports after `epoch`. Returns the last epoch; reports that do not tell theirs count on."""
    budget, cursor, seen = reporter.job.budget, extracted.chunk.cursor, False
    for line in extracted.chunk.lines:
        if reading := world.jobs.read_metrics(line):
            epoch, seen = reading.epoch or min(epoch + 1, budget), True
            yield reporter.report(epoch, reading.values, cursor)
    if extracted.value is not None:
        epoch = epoch if seen else min(epoch + 1, budget)
        values = {experiment.facts.objective.metric: finite(extracted.value)}
        yield reporter.report(epoch, values, cursor)
    return epoch


def _extractor_failed(world: World, job: Job, error: BaseException) -> CallbackFailed:
    return CallbackFailed(at=world.clock.now(), callback="metric_extractor", trial=job.trial, message=error_text(error))


def _enforce_time_limit(world: World, job: Job, status: JobStatus, now: float) -> Iterator[Event]:
    limit, started = world.rules.max_trial_time, job.started_at or status.started_at
    if limit is not None and started is not None and not job.cancel and now - started > limit:
        reason = f"ran longer than max_trial_time ({limit:g} s)"
        yield JobCancelRequested(at=now, key=job.key, reason=reason, failure=FailureClass.RESOURCES)


def _ended(world: World, job: Job, status: JobStatus, outputs: JobOutputs, now: float) -> JobEnded:
    failed = status.state in (JobState.FAILED, JobState.LOST)
    failure = world.platform.get_failure_analysis(str(job.handle)) if failed else None
    world.cursors.pop(job.key, None)
    world.files.pop(job.key, None)
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
