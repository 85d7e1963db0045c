"""What a trial's outcome is worth: objectives, constraints, and where its checkpoint lies."""

from typing import Any

from tao_automl.domain.experiment import Experiment, Job, Values
from tao_automl.domain.leaders import Settlement
from tao_automl.domain.trial import Score
from tao_automl.engine.requests import with_checkpoint


def outcome(experiment: Experiment, score: Score | None, values: Values) -> dict[str, Any]:
    """The keys of an entry that tell how good it is; `values` are all metrics that were reported with it."""
    return {
        "objective_values": experiment.facts.goal.values(score) if score else {},
        "sem": score.sem if score else None,
        "values": dict(values),
        "tracking": {name: values.get(name) for name in tracking_metrics(experiment)},
        "feasible": not score.violation if score else None,
        "violations": _violations(experiment, score, values) if score else [],
    }


def tracking_metrics(experiment: Experiment) -> list[str]:
    """The metrics that the user wants to see beside the objectives."""
    settings = experiment.facts.arguments.get("automl_settings")
    found = settings.get("tracking_metrics") if isinstance(settings, dict) else None
    return [str(name) for name in found] if isinstance(found, list | tuple) else []


def _violations(experiment: Experiment, score: Score, values: Values) -> list[dict[str, Any]]:
    """The constraints that it breaks: the value, the bound, and by which share of the bound it lies beyond it."""
    constraints = zip(experiment.facts.constraints, score.excess, strict=False)
    return [
        {
            "constraint": constraint.text,
            "value": constraint.measure(values),
            "bound": constraint.bound(experiment.baseline_values),
            "excess": excess,
        }
        for constraint, excess in constraints
        if excess > 0
    ]


def job_of(experiment: Experiment, settlement: Settlement | None) -> Job | None:
    """The training job that a settlement is the outcome of."""
    return experiment.jobs[settlement.job] if settlement and settlement.job else None


def results_path(job: Job | None) -> str | None:
    """Absolute path, or URI, of the job's results folder."""
    return job.ended.results_path if job and job.ended else None


def checkpoint(experiment: Experiment, job: Job | None) -> str | None:
    """Absolute path of the checkpoint that the job left, or of the earlier attempt whose end it repeated. None if
    there is none, or if it was deleted because nothing needed it any more."""
    holder = with_checkpoint(experiment, job) if job else None
    ended = holder.ended if holder else None
    if holder is None or ended is None or not (ended.checkpoint and ended.results_path):
        return None
    gone = holder.released and (holder.released.everything or ended.checkpoint in holder.released.paths)
    return None if gone else f"{ended.results_path}/{ended.checkpoint}"


def adjustments(job: Job | None) -> list[dict[str, Any]]:
    """The changes that were made to the configuration so that it can run."""
    return [dict(change) for change in job.adjustments] if job else []
