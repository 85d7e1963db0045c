"""Which checkpoints nothing can need any more. See `Retention`.

While the search runs, a searcher may promote or fork any trial, from the newest checkpoint of its latest job, and a
winner's checkpoint is that of the job with the trial's best score. So only these are kept for sure: everything else is
an intermediate state, or was continued by a later job that left its own.
"""

from collections.abc import Iterator

from tao_automl.domain.events import CheckpointsReleased, Event, Purpose, RunStatus
from tao_automl.domain.experiment import Experiment, Job
from tao_automl.domain.job import JobOutputs
from tao_automl.engine.world import Retention, World


def retain(world: World, experiment: Experiment) -> Iterator[Event]:
    """Releases what the last settlements made superfluous."""
    if world.tidied != experiment.leaders.settled and not experiment.ended:
        yield from releases(world, experiment)
        world.tidied = experiment.leaders.settled


def releases(world: World, experiment: Experiment) -> Iterator[CheckpointsReleased]:
    """What can be released now, and was not yet."""
    if world.rules.retention is Retention.ALL:
        return
    needed = _needed(world, experiment)
    for job in experiment.jobs.values():
        if job.purpose is Purpose.TRAIN and job.ended and job.trial not in experiment.live:
            keep_newest = job.key in needed
            if job.released is None or (not keep_newest and not job.released.everything):
                yield from _release(world, job, keep_newest=keep_newest)


def _needed(world: World, experiment: Experiment) -> set[str]:
    """The jobs whose newest checkpoint must stay, with those that stand in for one that left none."""
    ended = experiment.ended
    over = (ended is not None and ended.status is RunStatus.COMPLETED) or experiment.finished is not None
    if world.rules.retention is Retention.BEST and over and experiment.winners:
        first = {str(winner.job) for winner in experiment.winners}
    else:
        best = {str(settlement.job) for settlement in experiment.leaders.of_trial.values()}
        first = {*experiment.train_job.values(), *best}
    return {key for job in first for key in _with_stand_in(experiment, job)}


def _with_stand_in(experiment: Experiment, key: str) -> Iterator[str]:
    """The job, and as long as one left no checkpoint, the one that it continued from."""
    job = experiment.jobs.get(key)
    while job:
        yield job.key
        if job.ended and job.ended.checkpoint:
            return
        job = experiment.jobs.get(job.spec.resume_from or "")


def _release(world: World, job: Job, *, keep_newest: bool) -> Iterator[CheckpointsReleased]:
    if job.handle is None or job.ended is None or job.ended.checkpoint is None:
        return
    outputs = world.platform.get_job_outputs(job.handle)
    kept = _same_as(job.ended.checkpoint, outputs) if keep_newest else frozenset()
    paths = tuple(path for path in world.jobs.checkpoints(outputs) if path not in kept)
    yield CheckpointsReleased(at=world.clock.now(), key=job.key, paths=paths, everything=not keep_newest)


def _same_as(checkpoint: str, outputs: JobOutputs) -> frozenset[str]:
    """The checkpoint, and what may be the same file: one of the two may be a link to the other."""
    marks = {(file.size, file.modified_at) for file in outputs.files if file.path == checkpoint}
    return frozenset({checkpoint, *(f.path for f in outputs.files if (f.size, f.modified_at) in marks)})
