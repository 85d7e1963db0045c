"""Intents: the jobs that the journal asks the platform for."""

from dataclasses import replace

from tao_automl.domain.events import JobRequested, Purpose
from tao_automl.domain.experiment import Experiment, Job
from tao_automl.domain.json_types import JsonObject
from tao_automl.engine.naming import BASE_MODEL, job_key
from tao_automl.engine.world import NotPossible, Resume, World


def resume_of(experiment: Experiment, job: Job) -> Resume | None:
    """Where a successor of `job` can continue: the checkpoint that it left, or else the one that it began from."""
    fidelity = experiment.facts.fidelity
    if fidelity and not fidelity.resumable:
        return None
    holder: Job | None = job
    while holder:
        if holder.ended and holder.ended.checkpoint:
            return Resume(job=holder.key, checkpoint=holder.ended.checkpoint)
        holder = _continued(experiment, holder)
    return None


def _continued(experiment: Experiment, job: Job) -> Job | None:
    """The job that this one continues from."""
    return experiment.jobs.get(job.spec.resume_from or "")


def with_checkpoint(experiment: Experiment, trained: Job) -> Job:
    """The attempt that holds the result of `trained`: an earlier one, if that had only the end left to repeat."""
    holder = trained
    while not (holder.ended and holder.ended.checkpoint):
        before = _continued(experiment, holder)
        if before is None or (before.trial, before.budget) != (trained.trial, trained.budget):
            return trained
        holder = before
    return holder


def request_training(
    world: World, experiment: Experiment, *, trial: int, params: JsonObject, budget: int, after: Job | None
) -> JobRequested:
    """The first attempt to train a trial up to `budget`, from the checkpoint of the job `after` if it left one."""
    key = job_key(experiment, Purpose.TRAIN, trial, budget, 1)
    spec = world.jobs.training(key, params, budget, resume_of(experiment, after) if after else None)
    return JobRequested(
        at=world.clock.now(),
        trial=trial,
        purpose=Purpose.TRAIN,
        budget=budget,
        attempt=1,
        spec=spec,
        adjustments=tuple(world.jobs.adjustments(params)),
    )


def request_evaluation(
    world: World, experiment: Experiment, purpose: Purpose, trained: Job
) -> JobRequested | NotPossible:
    """The first attempt to evaluate what `trained` left behind."""
    key = job_key(experiment, purpose, trained.trial, trained.budget, 1)
    params = experiment.trials[trained.trial].params
    spec = world.jobs.evaluation(key, purpose, params, with_checkpoint(experiment, trained))
    if isinstance(spec, NotPossible):
        return spec
    return JobRequested(
        at=world.clock.now(), trial=trained.trial, purpose=purpose, budget=trained.budget, attempt=1, spec=spec
    )


def request_base_evaluation(world: World, experiment: Experiment) -> JobRequested | NotPossible:
    """The first attempt to evaluate the base model."""
    key = job_key(experiment, Purpose.BASELINE, BASE_MODEL, 0, 1)
    spec = world.jobs.base_evaluation(key)
    if isinstance(spec, NotPossible):
        return spec
    return JobRequested(
        at=world.clock.now(), trial=BASE_MODEL, purpose=Purpose.BASELINE, budget=0, attempt=1, spec=spec
    )


def may_retry(world: World, experiment: Experiment, job: Job) -> bool:
    """Whether the job failed for a reason that is nobody's fault, has attempts left, and is still wanted."""
    failure = job.ended.failure if job.ended else None
    unwanted = job.cancel or (experiment.ended is not None and experiment.ended.cancel)
    return bool(failure and failure.retriable and job.attempt < world.rules.max_attempts and not unwanted)


def retry(world: World, experiment: Experiment, job: Job) -> JobRequested:
    """The next attempt, from the last checkpoint that the failed one left, after a pause that doubles each time."""
    now, attempt = world.clock.now(), job.attempt + 1
    key = job_key(experiment, job.purpose, job.trial, job.budget, attempt)
    resume = resume_of(experiment, job)
    if job.purpose is Purpose.TRAIN and resume:
        spec = world.jobs.training(key, experiment.trials[job.trial].params, job.budget, resume)
    else:
        spec = replace(job.spec, key=key)
    return JobRequested(
        at=now,
        trial=job.trial,
        purpose=job.purpose,
        budget=job.budget,
        attempt=attempt,
        spec=spec,
        adjustments=job.adjustments,
        not_before=now + world.rules.retry_backoff * 2 ** (job.attempt - 1),
    )
