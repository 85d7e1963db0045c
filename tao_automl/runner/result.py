"""The result of a run: typed, a mapping, and JSON. The same shape while it runs, after it, and from another process."""

import dataclasses
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tao_automl.domain.events import RunStatus
from tao_automl.domain.experiment import Experiment, Job
from tao_automl.domain.pace import Pace, time_left, trials_to_come
from tao_automl.domain.trial import TrialState
from tao_automl.runner.evaluations import baseline_entry, compare_to_baseline, final_entry
from tao_automl.runner.outcomes import tracking_metrics
from tao_automl.runner.trial_entries import active_jobs, history
from tao_automl.runner.winners import best_entry, front_entries, nearest, why_no_best, winner_entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Result(Mapping[str, Any]):
    """What `AutoMLRunner.run` returns and `query_status` reads. Keys and attributes are the same; values are JSON.

    Attributes:
        status: running, completed, stopped, failed or interrupted.
        failure_reason: why it failed, stopped or was interrupted, else None.
        best: the winner (rec_id, job_id, specs, metric_value, objective_values, budget, checkpoint, results_path,
            spec_path, adjustments, feasible, ...), or None; then `best_reason` says why.
        pareto_front: the same of each of the trials that no other dominates, if there are several objectives.
        nearest: the same of the trial that comes nearest, if every one breaks a constraint; else None.
        baseline: status, metric_name, metric_value, job_id, record_path, failure_reason, comparison_to_best.
        final_evaluation: the same of the winner, with comparison_to_baseline; of a Pareto front with `members`.
        progress: completed, succeeded, failed, running, total, best_metric, best_rec_id, algorithm, elapsed_s, eta_s,
            gpu_hours, cost. For `eta_s` see `tao_automl.domain.pace.time_left`.
        history: one entry a recommendation, in order. `metric` is the best value it was settled with, after
            `metric_budget` units of training; `budget` is what it was granted.
        active: one entry a job that has not ended.
        failures_by_cause: failure class -> number of trials; callback_errors: the callbacks that raised.
        search_space: the searched parameters; settings: what was asked for.
        metric, direction: the first objective; objectives, outcome_constraints, tracking_metrics: all there are.
        unit: what budgets count, such as ``epoch``; None if every training is a whole one.
    """

    status: str
    failure_reason: str | None
    best: dict[str, Any] | None
    best_reason: str | None
    pareto_front: list[dict[str, Any]]
    nearest: dict[str, Any] | None
    baseline: dict[str, Any]
    final_evaluation: dict[str, Any]
    progress: dict[str, Any]
    history: list[dict[str, Any]]
    active: list[dict[str, Any]]
    algorithm_state: dict[str, Any]
    failures_by_cause: dict[str, int]
    callback_errors: list[dict[str, Any]]
    search_space: list[dict[str, Any]]
    settings: dict[str, Any]
    metric: str
    direction: str
    objectives: list[dict[str, Any]]
    outcome_constraints: list[dict[str, Any]]
    tracking_metrics: list[str]
    unit: str | None
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


def build_result(experiment: Experiment, workspace: Path, now: float, *, alive: bool = True) -> Result:
    """The result as the journal says it at time `now`. A run that has no runner (`alive`) is interrupted."""
    facts, near = experiment.facts, nearest(experiment)
    status = _status(experiment, alive)
    if status is RunStatus.INTERRUPTED:
        now = min(now, experiment.updated_at)  # nothing is known of the time since
    pace = Pace.of(experiment)
    return Result(
        status=status.value,
        failure_reason=_reason(experiment, status),
        best=best_entry(experiment, workspace),
        best_reason=why_no_best(experiment),
        pareto_front=_front(experiment, workspace),
        nearest=winner_entry(experiment, near, workspace) if near else None,
        baseline=baseline_entry(experiment, status, workspace),
        final_evaluation=final_entry(experiment, status, workspace),
        progress=_progress(experiment, pace, now),
        history=history(experiment),
        active=active_jobs(experiment, pace, now),
        algorithm_state=_algorithm_state(experiment),
        failures_by_cause=_failures_by_cause(experiment),
        callback_errors=_callback_errors(experiment),
        search_space=[dict(row) for row in facts.space],
        settings=dict(facts.arguments),
        metric=facts.objective.metric,
        direction=facts.objective.direction.value,
        objectives=_objectives(experiment),
        outcome_constraints=_constraints(experiment),
        tracking_metrics=tracking_metrics(experiment),
        unit=facts.fidelity.unit if facts.fidelity else None,
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


def _front(experiment: Experiment, workspace: Path) -> list[dict[str, Any]]:
    """Each member with its own comparison to the baseline."""
    entries = front_entries(experiment, workspace)
    settled = experiment.leaders.of_trial
    return [
        entry | {"comparison_to_baseline": compare_to_baseline(experiment, settled[entry["rec_id"]])}
        for entry in entries
    ]


def _objectives(experiment: Experiment) -> list[dict[str, Any]]:
    return [
        {
            "metric": o.metric,
            "direction": o.direction.value,
            "formula": o.formula,
            "weight": o.weight,
            "threshold": o.threshold,
        }
        for o in experiment.facts.goal.objectives
    ]


def _constraints(experiment: Experiment) -> list[dict[str, Any]]:
    """`bound` is the number on the right; None as long as it needs a baseline that is not known."""
    return [{"text": c.text, "bound": c.bound(experiment.baseline_values)} for c in experiment.facts.constraints]


def _algorithm_state(experiment: Experiment) -> dict[str, Any]:
    """`unimproved`: how many trials were settled since the last one that improved the result, as `patience` counts."""
    facts, leaders = experiment.facts, experiment.leaders
    return {
        "algorithm": facts.algorithm,
        "asked": len(experiment.trials),
        "seed": facts.seed,
        "settled": leaders.settled,
        "unimproved": leaders.settled - leaders.improved_at,
        "learned_from": len(facts.known),
    }


def _progress(experiment: Experiment, pace: Pace, now: float) -> dict[str, Any]:
    states = Counter(trial.state for trial in experiment.trials)
    running = states[TrialState.RUNNING]
    best = experiment.best
    elapsed, hours = experiment.elapsed(now), experiment.gpu_hours(now)
    open_jobs = [experiment.jobs[key] for key in experiment.open_jobs]
    return {
        "completed": len(experiment.trials) - running,
        "succeeded": states[TrialState.COMPLETED],
        "failed": states[TrialState.FAILED],
        "stopped": states[TrialState.STOPPED],
        "running": running,
        "total": experiment.facts.total_trials,
        "best_metric": best.value if best else None,
        "best_rec_id": best.trial if best else None,
        "algorithm": experiment.facts.algorithm,
        "elapsed_s": elapsed,
        "eta_s": _eta(experiment, pace, open_jobs, elapsed, now),
        "gpu_hours": hours,
        "trained_units": pace.trained(open_jobs),
        "cost": _cost(experiment, hours),
    }


def _eta(experiment: Experiment, pace: Pace, open_jobs: list[Job], elapsed: float, now: float) -> float | None:
    if experiment.finished:
        return 0.0
    to_come = trials_to_come(experiment)
    return time_left(experiment.facts, pace, open_jobs, to_come=to_come, elapsed=elapsed, now=now)


def _cost(experiment: Experiment, hours: float) -> float | None:
    """In the currency of `price_per_gpu_hour`; None if that was not given."""
    settings = experiment.facts.arguments.get("automl_settings")
    price = settings.get("price_per_gpu_hour") if isinstance(settings, Mapping) else None
    return hours * price if isinstance(price, int | float) else None


def _failures_by_cause(experiment: Experiment) -> dict[str, int]:
    failed = (trial.failure for trial in experiment.trials if trial.state is TrialState.FAILED)
    return dict(Counter(failure.value if failure else "unknown" for failure in failed))


def _callback_errors(experiment: Experiment) -> list[dict[str, Any]]:
    """The first error of each callback for each trial."""
    failed = experiment.failed_callbacks.values()
    return [{"callback": error.callback, "rec_id": error.trial, "message": error.message} for error in failed]
