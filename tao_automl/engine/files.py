"""Reads the metrics that jobs leave in files: what grows while they run, the rest at their end.

Within a job, a metric that an earlier source has reported is not overwritten by a later one: the log comes first, then
the files in the order of `Jobs.metric_files`. A new runner reads a file from its beginning again, and leaves out as
many readings as the journal says that it has given.
"""

from collections.abc import Generator, Iterator
from pathlib import PurePosixPath

from tao_automl.domain.events import Event, Purpose
from tao_automl.domain.experiment import Experiment
from tao_automl.domain.job import JobOutputs
from tao_automl.engine.reporter import LOG, Reporter
from tao_automl.engine.world import FileSource, FollowedFile, JobFiles, Reading, World

CHUNKS_PER_TICK = 64  # bounds one tick's reading of one file, or of one log; the next tick goes on
MOST_FILES = 8  # of one job
FIRST_WAIT = 1.0  # seconds between two looks for files while a job runs; doubled each time …
LONGEST_WAIT = 60.0  # … up to here


def follow_files(world: World, experiment: Experiment, reporter: Reporter) -> Iterator[Event]:
    """What is new in files that grow. Nothing is asked of the platform if there are none of that kind."""
    if not any(source.grows for source in world.jobs.metric_files):
        return
    files = _files_of(world, reporter)
    if reporter.now >= files.look_at:
        _add(world, experiment, reporter, world.platform.get_job_outputs(str(reporter.job.handle)), grows=True)
        files.wait = min(LONGEST_WAIT, 2 * files.wait) if files.wait else FIRST_WAIT
        files.look_at = reporter.now + files.wait
    for file in _in_order(files):
        yield from _read_on(world, files, file, reporter)


def finish_files(
    world: World, experiment: Experiment, reporter: Reporter, outputs: JobOutputs, *, succeeded: bool
) -> Generator[Event, None, bool]:
    """The rest, of a job that has ended. Returns whether all was read."""
    files = _files_of(world, reporter)
    _add(world, experiment, reporter, outputs, grows=None if succeeded else True)
    for file in _in_order(files):
        if file.closed or (file.source.last_resort and not _lacks_something(world, experiment, reporter)):
            continue
        if not (yield from _read_on(world, files, file, reporter)):
            return False
        for reading in file.reader.close():
            yield from _reported(files, file, reading, reporter)
        file.closed = True
    return True


def _files_of(world: World, reporter: Reporter) -> JobFiles:
    return world.files.setdefault(reporter.job.key, JobFiles())


def _add(world: World, experiment: Experiment, reporter: Reporter, outputs: JobOutputs, *, grows: bool | None) -> None:
    """Takes up the files among a job's outputs that were not known yet; with `grows`, only such files."""
    files, before = _files_of(world, reporter), _epochs_before(experiment, reporter)
    for rank, source in enumerate(world.jobs.metric_files):
        if grows is not None and source.grows is not grows:
            continue
        for path in _matching(outputs, source):
            if path not in files.found and len(files.found) < MOST_FILES:
                reader = source.open(before, reporter.job.budget)
                files.found[path] = FollowedFile(path=path, rank=rank, source=source, reader=reader)


def _matching(outputs: JobOutputs, source: FileSource) -> list[str]:
    """The files nearest to the results folder first; of a last resort, the newest one."""
    pattern = source.pattern.removeprefix("**/")
    matching = [file for file in outputs.files if PurePosixPath(file.path).match(pattern)]
    if source.last_resort:
        return [max(matching, key=lambda file: (file.modified_at, file.path)).path] if matching else []
    return sorted((file.path for file in matching), key=_depth)


def _epochs_before(experiment: Experiment, reporter: Reporter) -> int:
    """How far the job had come that this one continues."""
    before = experiment.jobs.get(reporter.job.spec.resume_from or "")
    return before.last_report.epoch if before and before.last_report else 0


def _depth(path: str) -> tuple[int, str]:
    return path.count("/"), path


def _in_order(files: JobFiles) -> list[FollowedFile]:
    """Those first that are believed most: the same order for whoever finds the same files."""
    return sorted(files.found.values(), key=lambda file: (file.rank, *_depth(file.path)))


def _read_on(world: World, files: JobFiles, file: FollowedFile, reporter: Reporter) -> Generator[Event, None, bool]:
    """Reports what is new in a file. Returns whether all of it was read."""
    for _ in range(CHUNKS_PER_TICK):
        chunk = world.platform.get_job_file(str(reporter.job.handle), file.path, file.cursor)
        file.cursor = chunk.cursor
        for line in chunk.lines:
            if reading := file.reader.read(line):
                yield from _reported(files, file, reading, reporter)
        if not chunk.more:
            return True
    return False


def _reported(files: JobFiles, file: FollowedFile, reading: Reading, reporter: Reporter) -> Iterator[Event]:
    """The reading, unless the journal has it, less what an earlier source has reported."""
    file.readings += 1
    before = reporter.job.sources.get(file.path)
    if before and file.readings <= before.cursor:
        return
    known = reporter.told_by(_earlier(files, file, reporter))
    values = {name: value for name, value in reading.values.items() if name not in known}
    if values:
        epoch = reading.epoch or reporter.job.budget
        yield reporter.report(epoch, values, file.readings, file.path)


def _earlier(files: JobFiles, file: FollowedFile, reporter: Reporter) -> list[str]:
    if file.source.last_resort:
        return [source for source in reporter.sources if source != file.path]
    order = [other.path for other in _in_order(files)]
    return [LOG, *order[: order.index(file.path)]]


def _lacks_something(world: World, experiment: Experiment, reporter: Reporter) -> bool:
    """Whether a metric that the job is to report was not found yet."""
    told, facts = reporter.told_by(reporter.sources), experiment.facts
    if reporter.job.purpose is Purpose.TRAIN:
        return not told >= set(facts.goal.names)
    objectives = world.jobs.evaluation_objectives(facts.objective)
    return not any(told >= set(objective.names) for objective in objectives)
