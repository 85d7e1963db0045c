"""The names of jobs, and how users see a trial."""

from typing import Any

from tao_automl.domain.events import Purpose
from tao_automl.domain.experiment import Experiment, Job
from tao_automl.domain.trial import Trial


def job_key(experiment: Experiment, purpose: Purpose, trial: int, budget: int, attempt: int) -> str:
    """Unique for ever, readable, and short enough for the names of every platform (63 characters of a-z, 0-9, -)."""
    part = f"e{budget}" if purpose is Purpose.TRAIN else purpose.value
    return f"{experiment.facts.id}-t{trial:04d}-{part}-a{attempt}"


def recommendation(trial: Trial, job: Job | None) -> dict[str, Any]:
    """A trial as callbacks get it."""
    ended = job.ended if job else None
    return {
        "rec_id": trial.id,
        "id": trial.id,
        "specs": dict(trial.params),
        "budget": trial.budget,
        "job_id": job.key if job else None,
        "results_path": ended.results_path if ended else None,
        "checkpoint": ended.checkpoint if ended else None,
    }
