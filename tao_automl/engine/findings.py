"""What a job had to say, for whoever misses a metric in it."""

from collections.abc import Iterable

from tao_automl.domain.experiment import Job
from tao_automl.domain.nearest import nearest_names
from tao_automl.engine.reporter import LOG
from tao_automl.engine.world import World

MOST_NAMES = 20


def findings(world: World, job: Job) -> str:
    """Which metrics were found, and where; or where none was."""
    if not job.sources:
        places = ["the log", *(source.pattern for source in world.jobs.metric_files if not source.last_resort)]
        return f"no metric was found in {' or in '.join(places)}"
    return "found " + "; ".join(f"in {_place(path)}: {listed(said.latest)}" for path, said in job.sources.items())


def suggestion(metric: str, names: Iterable[str]) -> str:
    """What else may have been meant; empty if nothing resembles it."""
    near = nearest_names(metric, names)
    return f"; did you mean {', '.join(near)}?" if near else ""


def listed(names: Iterable[str]) -> str:
    """Names as a person would list them; they come from the job, so they are cut and counted."""
    shown = sorted(f"{name:.80}" for name in names)
    return ", ".join(shown[:MOST_NAMES]) + (f" and {len(shown) - MOST_NAMES} more" if len(shown) > MOST_NAMES else "")


def _place(path: str) -> str:
    return "the log" if path == LOG else path
