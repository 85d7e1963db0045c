"""The names of jobs, and how users see a trial."""

from typing import Any

from tao_automl.domain.events import Purpose
from tao_automl.domain.experiment import Experiment, Job
from tao_automl.domain.trial import Trial

BASE_MODEL = -1  # the trial of a job that is no trial's: the evaluation of the untrained base model


def job_key(experiment: Experiment, purpose: Purpose, trial: int, budget: int, attempt: int) -> str:
    """Unique for ever, readable, and short enough for the names of every platform (63 characters of a-z, 0-9, -)."""
    whose = "base" if trial == BASE_MODEL else f"t{trial:04d}"
    part = {Purpose.TRAIN: f"e{budget}", Purpose.EVALUATE: f"evaluate{budget}"}.get(purpose, purpose.value)
    return f"{experiment.facts.id}-{whose}-{part}-a{attempt}"


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
