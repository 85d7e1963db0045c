"""Step 1: make the platform do what the journal wants."""

from collections.abc import Iterator

from tao_automl.domain.events import CheckpointsDeleted, Event, JobEnded, JobSubmitted
from tao_automl.domain.experiment import Experiment, Job
from tao_automl.domain.job import FailureAnalysis, FailureClass, JobState
from tao_automl.engine.world import World
from tao_automl.errors import PlatformRejected


def act(world: World, experiment: Experiment) -> Iterator[Event]:
    """Submits every intent that has no acknowledgement, cancels every open job that is no longer wanted, and deletes
    what was released.

    All are safe to repeat: a job is created once per key, cancelling twice is cancelling, gone is gone.
    """
    for key in experiment.open_jobs:
        job = experiment.jobs[key]
        if job.handle is None:
            yield from _submit(world, job)
        elif job.cancel:
            world.platform.cancel_job(job.handle)
    for key in experiment.to_delete:
        yield _delete(world, experiment.jobs[key])


def _delete(world: World, job: Job) -> CheckpointsDeleted:
    assert job.released
    detail = ""
    try:
        world.platform.delete_job_files(str(job.handle), job.released.paths)
    except PlatformRejected as error:
        detail = error.message
    return CheckpointsDeleted(at=world.clock.now(), key=job.key, detail=detail)


def _submit(world: World, job: Job) -> Iterator[Event]:
    now = world.clock.now()
    if now < job.not_before:
        if job.cancel:  # never offered to the platform: there is nothing to take back
            yield JobEnded(at=now, key=job.key, state=JobState.CANCELLED, ended_at=now, detail=job.cancel.reason)
        return
    try:
        handle = world.platform.create_job(job.spec)
    except PlatformRejected as error:
        yield JobEnded(
            at=now,
            key=job.key,
            state=JobState.FAILED,
            ended_at=now,
            detail="refused by the platform",
            failure=FailureAnalysis(failure_class=_class_of(error), evidence=error.message, advice=error.hint),
        )
    else:
        yield JobSubmitted(at=now, key=job.key, handle=handle)


def _class_of(error: PlatformRejected) -> FailureClass:
    """Platforms are plug-ins: a cause that is none of ours is unknown, not a crash."""
    return next((known for known in FailureClass if known.value == error.cause), FailureClass.UNKNOWN)
