"""The history of a result, its active jobs, and the records of jobs."""

from collections.abc import Mapping
from typing import Any

from tao_automl.domain.events import Purpose
from tao_automl.domain.experiment import Experiment, Job, Values
from tao_automl.domain.leaders import Settlement
from tao_automl.domain.pace import Pace
from tao_automl.domain.trial import Score, Trial, TrialState
from tao_automl.runner.outcomes import adjustments, checkpoint, job_of, outcome, results_path

HISTORY_STATUS = {
    TrialState.RUNNING: "running",
    TrialState.COMPLETED: "success",
    TrialState.FAILED: "failure",
    TrialState.STOPPED: "stopped",
    TrialState.ABANDONED: "cancelled",
}


def history(experiment: Experiment) -> list[dict[str, Any]]:
    """One entry a trial, in order."""
    jobs: dict[int, list[Job]] = {}
    for job in experiment.jobs.values():
        if job.purpose is Purpose.TRAIN:
            jobs.setdefault(job.trial, []).append(job)
    return [_entry(experiment, trial, jobs.get(trial.id, [])) for trial in experiment.trials]


def _entry(experiment: Experiment, trial: Trial, jobs: list[Job]) -> dict[str, Any]:
    job = jobs[-1] if jobs else None
    settlement = experiment.leaders.of_trial.get(trial.id) or experiment.last_settlement.get(trial.id)
    score, at, values = _standing(experiment, trial, settlement)
    holder = job_of(experiment, settlement) or job
    failure = job.ended.failure if job and job.ended else None
    return {
        "rec_id": trial.id,
        "origin": trial.origin.value,
        "parent": trial.parent,
        "job_id": job.key if job else None,
        "job_status": job.state.value if job else None,
        "status": HISTORY_STATUS[trial.state],
        "metric": score.value if score else None,
        **outcome(experiment, score, values),
        "metric_budget": at,
        "budget": trial.budget,
        "specs": dict(trial.params),
        "curve": _curve(experiment, trial.id),
        "jobs": [_span(job) for job in jobs],
        "checkpoint": checkpoint(experiment, holder),
        "results_path": results_path(holder),
        "started_at": experiment.started_at.get(trial.id),
        "ended_at": experiment.ended_at.get(trial.id),
        "failure_class": trial.failure.value if trial.failure else None,
        "failure_reason": trial.reason or None,
        "advice": failure.advice if failure else None,
        "log_path": failure.log_path if failure else None,
        "adjustments": adjustments(job),
        "feedback": experiment.feedback.get(trial.id),
    }


def _standing(
    experiment: Experiment, trial: Trial, settlement: Settlement | None
) -> tuple[Score | None, int | None, Values]:
    """The outcome that the trial was settled with, and its budget; as long as there is none, its latest report."""
    if settlement and settlement.score:
        return settlement.score, settlement.budget, settlement.event.values
    curve = experiment.curves.get(trial.id, {})
    budget = next(reversed(list(trial.scores)), None)
    reported = {name: value for name, value in curve.get(budget or 0, {}).items() if value is not None}
    values = settlement.event.values if settlement and settlement.event.values else reported
    return (trial.scores[budget] if budget is not None else None), budget, values


def _curve(experiment: Experiment, trial: int) -> list[list[Any]]:
    """``[epoch, first objective]`` of each epoch that told it; null where it was not finite."""
    objective = experiment.facts.objective
    curve = sorted(experiment.curves.get(trial, {}).items())
    return [[epoch, objective.measure(values)] for epoch, values in curve if values.keys() >= set(objective.names)]


def _span(job: Job) -> dict[str, Any]:
    ended = job.ended.ended_at if job.ended else None
    return {"job_id": job.key, "budget": job.budget, "started_at": job.started_at, "ended_at": ended}


def active_jobs(experiment: Experiment, pace: Pace, now: float) -> list[dict[str, Any]]:
    """One entry a job that has not ended, in order of request: what it is for, and how far it is."""
    return [_active(experiment, experiment.jobs[key], pace, now) for key in experiment.open_jobs]


def _active(experiment: Experiment, job: Job, pace: Pace, now: float) -> dict[str, Any]:
    trial = experiment.trials[job.trial] if job.trial >= 0 else None
    return {
        "rec_id": trial.id if trial else None,
        "job_id": job.key,
        "handle": job.handle,
        "purpose": job.purpose.value,
        "status": job.state.value,
        "attempt": job.attempt,
        "budget": job.budget,
        "at": job.last_report.epoch if job.last_report else None,
        "metric": experiment.facts.objective.measure(job.latest),
        "best_metric": _best_so_far(experiment, trial),
        "values": {name: value for name, value in job.latest.items() if value is not None},
        "specs": dict(trial.params) if trial else {},
        "elapsed_s": job.seconds(now),
        "eta_s": pace.left(job, now),
        "requested_at": job.requested_at,
        "started_at": job.started_at,
    }


def _best_so_far(experiment: Experiment, trial: Trial | None) -> float | None:
    """The best value that the trial has reported or was settled with."""
    objective = experiment.facts.objective
    curve: Mapping[int, Values] = experiment.curves.get(trial.id, {}) if trial else {}
    reported = [value for values in curve.values() if (value := objective.measure(values)) is not None]
    scored = [score.value for score in trial.scores.values()] if trial else []
    return min(
        (scored if experiment.facts.scored_after_training else reported) or scored, key=objective.cost, default=None
    )


def job_records(experiment: Experiment, now: float) -> list[dict[str, Any]]:
    """One record a job, in order of request."""
    return [job_record(experiment, job, now) for job in experiment.jobs.values()]


def job_record(experiment: Experiment, job: Job, now: float) -> dict[str, Any]:
    """What is known of one job. The evaluation of the base model is no trial's."""
    ended = job.ended
    failure = ended.failure if ended else None
    return {
        "job_id": job.key,
        "handle": job.handle,
        "rec_id": job.trial if job.trial >= 0 else None,
        "purpose": job.purpose.value,
        "platform": experiment.facts.platform,
        "budget": job.budget,
        "attempt": job.attempt,
        "resumed_from": job.spec.resume_from,
        "status": job.state.value,
        "requested_at": job.requested_at,
        "started_at": job.started_at,
        "ended_at": ended.ended_at if ended else None,
        "seconds": job.seconds(now),
        "gpus": job.spec.gpus,
        "nodes": job.spec.nodes,
        "image": job.spec.image,
        "exit_code": ended.exit_code if ended else None,
        "results_path": results_path(job),
        "checkpoint": ended.checkpoint if ended else None,
        "values": {name: value for name, value in job.latest.items() if value is not None},
        "adjustments": adjustments(job),
        "failure_class": failure.failure_class.value if failure else None,
        "failure_reason": failure.evidence if failure else None,
        "advice": failure.advice if failure else None,
        "log_path": failure.log_path if failure else None,
    }
