"""The result of a run: typed, a mapping, and JSON. The same shape while it runs, after it, and from another process."""

import dataclasses
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tao_automl.domain.events import Evaluation, Purpose, RunStatus
from tao_automl.domain.experiment import Experiment, Job
from tao_automl.domain.leaders import Settlement
from tao_automl.domain.trial import Trial, TrialState

HISTORY_STATUS = {
    TrialState.RUNNING: "running",
    TrialState.COMPLETED: "success",
    TrialState.FAILED: "failure",
    TrialState.STOPPED: "stopped",
    TrialState.ABANDONED: "cancelled",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result(Mapping[str, Any]):
    """What `AutoMLRunner.run` returns and `query_status` reads. Keys and attributes are the same; values are JSON.

    Attributes:
        status: running, completed, stopped, failed or interrupted.
        failure_reason: why it failed, stopped or was interrupted, else None.
        best: the winner (rec_id, job_id, specs, metric_value, objective_values, budget, checkpoint, results_path,
            adjustments), or None.
        baseline: status, metric_name, metric_value, job_id, record_path, failure_reason, comparison_to_best.
        final_evaluation: the same of the winner, with comparison_to_baseline.
        progress: completed, succeeded, failed, running, total, best_metric, best_rec_id, algorithm, elapsed_s, eta_s,
            gpu_hours, cost.
        history: one entry a recommendation, in order. `metric` is the best value it was settled with, after
            `metric_budget` units of training; `budget` is what it was granted.
        failures_by_cause: failure class -> number of trials.
        search_space: the searched parameters; settings: what was asked for.
    """

    status: str
    failure_reason: str | None
    best: dict[str, Any] | None
    pareto_front: list[dict[str, Any]]
    baseline: dict[str, Any]
    final_evaluation: dict[str, Any]
    progress: dict[str, Any]
    history: list[dict[str, Any]]
    algorithm_state: dict[str, Any]
    failures_by_cause: dict[str, int]
    search_space: list[dict[str, Any]]
    settings: dict[str, Any]
    metric: str
    direction: str
    skill: str
    platform: str
    workspace: str

    def __getitem__(self, key: str) -> Any:
        if key not in self.__dataclass_fields__:
            raise KeyError(key)
        return getattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dataclass_fields__)

    def __len__(self) -> int:
        return len(self.__dataclass_fields__)

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts and lists."""
        return dataclasses.asdict(self)

    def to_json(self) -> str:
        """Strict JSON, with a line end."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def write_atomically(path: Path, text: str) -> None:
    """Replaces `path` by a file with this text: a reader sees the old one or the new one, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def build_result(experiment: Experiment, workspace: Path, now: float, *, alive: bool = True) -> Result:
    """The result as the journal says it at time `now`. A run that has no runner (`alive`) is interrupted."""
    facts = experiment.facts
    status = _status(experiment, alive)
    if status is RunStatus.INTERRUPTED:
        now = min(now, experiment.updated_at)  # nothing is known of the time since
    arguments = dict(facts.arguments)
    return Result(
        status=status.value,
        failure_reason=_reason(experiment, status),
        best=_best(experiment),
        pareto_front=[],
        baseline=_baseline(experiment, workspace),
        final_evaluation=_final(experiment, workspace),
        progress=_progress(experiment, now),
        history=_history(experiment),
        algorithm_state={"algorithm": facts.algorithm, "asked": len(experiment.trials), "seed": facts.seed},
        failures_by_cause=_failures_by_cause(experiment),
        search_space=[dict(row) for row in facts.space],
        settings=arguments,
        metric=facts.objective.metric,
        direction=facts.objective.direction.value,
        skill=facts.skill,
        platform=facts.platform,
        workspace=str(workspace),
    )


def _status(experiment: Experiment, alive: bool) -> RunStatus:
    status = experiment.status
    return RunStatus.INTERRUPTED if status is RunStatus.RUNNING and not alive else status


def _reason(experiment: Experiment, status: RunStatus) -> str | None:
    if status in (RunStatus.FAILED, RunStatus.STOPPED):
        return experiment.finished.reason if experiment.finished else None
    if status is RunStatus.INTERRUPTED:
        return experiment.detached.reason if experiment.detached else "the runner is gone, and left no word"
    return None


def _best(experiment: Experiment) -> dict[str, Any] | None:
    best = experiment.best
    if best is None:
        return None
    trial, job = experiment.trials[best.trial], _job(experiment, best)
    ended = job.ended if job else None
    return {
        "rec_id": trial.id,
        "job_id": best.job,
        "specs": dict(trial.params),
        "metric_value": best.event.value,
        "objective_values": {experiment.facts.objective.metric: best.event.value},
        "values": dict(best.event.values),
        "budget": best.budget,
        "checkpoint": f"{ended.results_path}/{ended.checkpoint}" if ended and ended.checkpoint else None,
        "results_path": ended.results_path if ended else None,
        "adjustments": [],
    }


def _job(experiment: Experiment, settlement: Settlement) -> Job | None:
    return experiment.jobs[settlement.job] if settlement.job else None


def _evaluation(evaluation: Evaluation | None, metric: str, record: Path) -> dict[str, Any]:
    if evaluation is None:
        return {
            "status": "not_run", "metric_name": metric, "metric_value": None, "job_id": None, "record_path": None,
            "source": None, "values": {}, "failure_reason": "the run has not come to it",
        }  # fmt: skip
    return {
        "status": evaluation.status,
        "metric_name": evaluation.metric_name,
        "metric_value": evaluation.metric_value,
        "job_id": evaluation.job_id,
        "record_path": evaluation.record_path or str(record),
        "source": evaluation.source,
        "values": dict(evaluation.values),
        "failure_reason": evaluation.reason or None,
    }


def _baseline(experiment: Experiment, workspace: Path) -> dict[str, Any]:
    record = workspace / "evaluations" / "baseline.json"
    entry = _evaluation(experiment.baseline, experiment.facts.objective.metric, record)
    return entry | {"comparison_to_best": _compare(experiment, entry["metric_value"], _comparable_best(experiment))}


def _comparable_best(experiment: Experiment) -> float | None:
    """The winner's value on the same data as the baseline's: its final evaluation, or its validation metric if the
    baseline is one."""
    baseline, final = experiment.baseline, experiment.final
    if baseline and baseline.source == "validation metric of the default configuration":
        return experiment.best.event.value if experiment.best else None
    return final.metric_value if final and baseline and final.metric_name == baseline.metric_name else None


def _final(experiment: Experiment, workspace: Path) -> dict[str, Any]:
    record = workspace / "evaluations" / "final.json"
    entry = _evaluation(experiment.final, experiment.facts.objective.metric, record)
    baseline = experiment.baseline
    same_data = baseline is not None and baseline.source != "validation metric of the default configuration"
    same_metric = baseline is not None and baseline.metric_name == entry["metric_name"]
    before = baseline.metric_value if baseline and same_data and same_metric else None
    return entry | {"comparison_to_baseline": _compare(experiment, before, entry["metric_value"])}


def _compare(experiment: Experiment, before: float | None, after: float | None) -> dict[str, Any] | None:
    if before is None or after is None:
        return None
    objective, baseline = experiment.facts.objective, experiment.baseline
    direction = baseline.direction if baseline and baseline.direction else objective.direction
    gain = replace(objective, direction=direction).improvement(before, after)
    return {"delta": after - before, "improved": gain > 0, "direction": direction.value}


def _progress(experiment: Experiment, now: float) -> dict[str, Any]:
    states = Counter(trial.state for trial in experiment.trials)
    running = states[TrialState.RUNNING]
    best = experiment.best
    elapsed = experiment.elapsed(now)
    return {
        "completed": len(experiment.trials) - running,
        "succeeded": states[TrialState.COMPLETED],
        "failed": states[TrialState.FAILED],
        "stopped": states[TrialState.STOPPED],
        "running": running,
        "total": experiment.facts.total_trials,
        "best_metric": best.event.value if best else None,
        "best_rec_id": best.trial if best else None,
        "algorithm": experiment.facts.algorithm,
        "elapsed_s": elapsed,
        "eta_s": _eta(experiment, elapsed, len(experiment.trials) - running),
        "gpu_hours": sum(job.seconds(now) * job.spec.gpus * job.spec.nodes for job in experiment.jobs.values()) / 3600,
        "trained_units": _trained_units(experiment),
        "cost": None,
    }


def _eta(experiment: Experiment, elapsed: float, done: int) -> float | None:
    """Linear in trials: the only assumption that holds for every algorithm. None before two trials are done."""
    total = experiment.facts.total_trials
    if experiment.finished:
        return 0.0
    if total is None or done < 2:
        return None
    return max(0.0, elapsed / done * (total - done))


def _trained_units(experiment: Experiment) -> int:
    """Epochs that were trained in all."""
    return sum(max(curve, default=0) for curve in experiment.curves.values())


def _history(experiment: Experiment) -> list[dict[str, Any]]:
    jobs: dict[int, list[Job]] = {}
    for job in experiment.jobs.values():
        if job.purpose is Purpose.TRAIN:
            jobs.setdefault(job.trial, []).append(job)
    return [_history_entry(experiment, trial, jobs.get(trial.id, [])) for trial in experiment.trials]


def _history_entry(experiment: Experiment, trial: Trial, jobs: list[Job]) -> dict[str, Any]:
    job = jobs[-1] if jobs else None
    settlement = experiment.leaders.of_trial.get(trial.id) or experiment.last_settlement.get(trial.id)
    metric = experiment.facts.objective.metric
    value, at = _value(trial, settlement)
    curve = experiment.curves.get(trial.id, {})
    return {
        "rec_id": trial.id,
        "origin": trial.origin.value,
        "parent": trial.parent,
        "job_id": job.key if job else None,
        "job_status": job.state.value if job else None,
        "status": HISTORY_STATUS[trial.state],
        "metric": value,
        "objective_values": {} if value is None else {metric: value},
        "values": dict(settlement.event.values) if settlement else {},
        "metric_budget": at,
        "budget": trial.budget,
        "specs": dict(trial.params),
        "curve": [[epoch, values[metric]] for epoch, values in sorted(curve.items()) if metric in values],
        "jobs": [_span(job) for job in jobs],
        "started_at": experiment.started_at.get(trial.id),
        "ended_at": experiment.ended_at.get(trial.id),
        "failure_class": trial.failure.value if trial.failure else None,
        "failure_reason": trial.reason or None,
        "advice": job.ended.failure.advice if job and job.ended and job.ended.failure else None,
        "log_path": job.ended.failure.log_path if job and job.ended and job.ended.failure else None,
        "adjustments": [],
        "feedback": None,
    }


def _span(job: Job) -> dict[str, Any]:
    ended = job.ended.ended_at if job.ended else None
    return {"job_id": job.key, "budget": job.budget, "started_at": job.started_at, "ended_at": ended}


def _value(trial: Trial, settlement: Settlement | None) -> tuple[float | None, int | None]:
    """The best value that a trial was settled with, and its budget; as long as there is none, its latest report."""
    if settlement and settlement.event.value is not None:
        return settlement.event.value, settlement.budget
    latest = next(reversed(trial.scores.items()), None)  # type: ignore[call-overload]
    return (latest[1].value, latest[0]) if latest else (None, None)


def _failures_by_cause(experiment: Experiment) -> dict[str, int]:
    failed = (trial.failure for trial in experiment.trials if trial.state is TrialState.FAILED)
    return dict(Counter(failure.value if failure else "unknown" for failure in failed))


def job_records(experiment: Experiment, now: float) -> list[dict[str, Any]]:
    """One record a job, in order of request."""
    return [
        {
            "job_id": job.key,
            "handle": job.handle,
            "rec_id": job.trial,
            "purpose": job.purpose.value,
            "budget": job.budget,
            "attempt": job.attempt,
            "status": job.state.value,
            "requested_at": job.requested_at,
            "started_at": job.started_at,
            "ended_at": job.ended.ended_at if job.ended else None,
            "seconds": job.seconds(now),
            "exit_code": job.ended.exit_code if job.ended else None,
            "results_path": job.ended.results_path if job.ended else None,
            "checkpoint": job.ended.checkpoint if job.ended else None,
            "failure_class": failure.failure_class.value if failure else None,
            "failure_reason": failure.evidence if failure else None,
        }
        for job in experiment.jobs.values()
        for failure in [job.ended.failure if job.ended else None]
    ]
