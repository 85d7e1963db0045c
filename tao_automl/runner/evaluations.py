"""The baseline and the final evaluation in a result, and how they compare.

Two values are compared if they are of one metric, and were measured in one way on one set of data. There are two ways:
what trainings report of their validation data ("search"), and the skill's evaluate action on the evaluation data
("evaluation"). The user's `baseline_fn`, `eval_fn` and `final_eval_fn` stand in for the latter.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tao_automl.domain.events import Evaluation, RunStatus
from tao_automl.domain.experiment import Experiment
from tao_automl.domain.goal import Objective
from tao_automl.domain.leaders import Settlement
from tao_automl.engine.evaluation import DEFAULT_SCORE

BASELINE, FINAL = "evaluations/baseline.json", "evaluations/final.json"
SEARCH, EVALUATION = "search", "evaluation"
NOISE = 2.0  # standard errors within which a difference may be chance


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """A value, and how it was measured. `direction` is the objective's unless the metric is another one."""

    objective: Objective
    value: float
    values: Mapping[str, float]
    ways: frozenset[str]
    source: str
    sem: float | None


def baseline_entry(experiment: Experiment, status: RunStatus, workspace: Path) -> dict[str, Any]:
    """With the comparison to the winner: to its final evaluation, or to its value in the search."""
    entry = _entry(experiment, experiment.baseline, workspace / BASELINE, _not_run(experiment, status, "baseline"))
    before = _measured(experiment, experiment.baseline)
    best = experiment.best
    compared = _first_comparable(before, _of_best(experiment, best)) if best else None
    return entry | {"rec_id": _baseline_trial(experiment), "comparison_to_best": compared}


def final_entry(experiment: Experiment, status: RunStatus, workspace: Path) -> dict[str, Any]:
    """The winner's, with the comparison to the baseline. Of several objectives the whole front is in `members`, and
    the entry itself is that of the member that is best in the first objective."""
    why = _not_run(experiment, status, "final evaluation")
    members = [_member(experiment, winner, workspace, why) for winner in experiment.winners]
    first = _leading(experiment)
    if first is None:
        only = _entry(experiment, experiment.final, workspace / FINAL, why)
        return only | {"rec_id": None, "comparison_to_baseline": None, "members": []}
    entry = next(member for member in members if member["rec_id"] == first.trial)
    return entry | {"members": members if len(experiment.facts.goal.objectives) > 1 else []}


def compare_to_baseline(experiment: Experiment, settlement: Settlement) -> dict[str, Any] | None:
    """How a trial's value in the search, or its final evaluation, compares with the baseline."""
    return _first_comparable(_measured(experiment, experiment.baseline), _of_best(experiment, settlement))


def _member(experiment: Experiment, winner: Settlement, workspace: Path, why: str) -> dict[str, Any]:
    evaluation = experiment.finals.get(winner.trial) or experiment.finals.get(None)
    before, after = _measured(experiment, experiment.baseline), _measured(experiment, evaluation)
    entry = _entry(experiment, evaluation, workspace / FINAL, why)
    return entry | {"rec_id": winner.trial, "comparison_to_baseline": _compare(before, after)}


def _leading(experiment: Experiment) -> Settlement | None:
    scored = [winner for winner in experiment.winners if winner.score]
    return min(scored, key=lambda winner: winner.score.cost if winner.score else math.inf, default=None)


def _baseline_trial(experiment: Experiment) -> int | None:
    """The trial that the baseline is the measure of; None for the base model, and for what a callback says."""
    baseline = experiment.baseline
    job = experiment.jobs.get(baseline.job_id) if baseline and baseline.job_id else None
    return job.trial if job and job.trial >= 0 else None


def _entry(experiment: Experiment, evaluation: Evaluation | None, record: Path, why: str) -> dict[str, Any]:
    """An evaluation as JSON. `failure_reason` says why there is no value, `note` what to know of one that there is."""
    recorded = evaluation is not None
    if evaluation is None:
        evaluation = Evaluation(status="not_run", metric_name=experiment.facts.objective.metric, reason=why)
    found = _measured(experiment, evaluation)
    return {
        "status": evaluation.status,
        "metric_name": evaluation.metric_name,
        "metric_value": evaluation.metric_value,
        "sem": found.sem if found else None,
        "objective_values": _objective_values(experiment, found) if found else {},
        "values": dict(evaluation.values),
        "job_id": evaluation.job_id,
        "record_path": evaluation.record_path or (str(record) if recorded else None),
        "source": evaluation.source,
        "failure_reason": (evaluation.reason or evaluation.status) if found is None else None,
        "note": evaluation.reason or None if found else None,
    }


def _not_run(experiment: Experiment, status: RunStatus, what: str) -> str:
    """Why there is none (yet)."""
    if status is RunStatus.RUNNING:
        return f"the run has not come to its {what} yet"
    if status is RunStatus.INTERRUPTED:
        return f"the run was interrupted before its {what}; resume continues it"
    ended = experiment.ended or experiment.finished
    return f"the run ended before its {what}" + (f": {ended.reason}" if ended else "")


def _measured(experiment: Experiment, evaluation: Evaluation | None) -> _Measured | None:
    """What a baseline or a final evaluation found."""
    if evaluation is None or evaluation.metric_value is None:
        return None
    objective = experiment.facts.objective
    metric, direction = evaluation.metric_name, evaluation.direction or objective.direction
    formula = objective.formula if metric == objective.metric else None
    way = SEARCH if evaluation.source == DEFAULT_SCORE else EVALUATION
    return _Measured(
        objective=replace(objective, metric=metric, direction=direction, formula=formula),
        value=evaluation.metric_value,
        values=evaluation.values,
        ways=frozenset([way]),
        source=evaluation.source or evaluation.status,
        sem=evaluation.values.get(f"{metric}_sem"),
    )


def _of_best(experiment: Experiment, winner: Settlement) -> list[_Measured]:
    """The measures of a winner, the final evaluation first."""
    facts, found = experiment.facts, _measured(experiment, experiment.finals.get(winner.trial))
    if winner.value is None or winner.score is None:
        return [found] if found else []
    by = "eval_fn" if facts.scored_by_callback else "evaluate action" if facts.scored_by_evaluation else ""
    searched = _Measured(
        objective=facts.objective,
        value=winner.value,
        values={**winner.event.values, facts.objective.metric: winner.value},
        ways=frozenset([SEARCH, EVALUATION] if by else [SEARCH]),
        source=by or "validation metric",
        sem=winner.score.sem,
    )
    return [*([found] if found else []), searched]


def _first_comparable(before: _Measured | None, found: list[_Measured]) -> dict[str, Any] | None:
    return next((compared for after in found if (compared := _compare(before, after))), None)


def _compare(before: _Measured | None, after: _Measured | None) -> dict[str, Any] | None:
    """After against before; None if the two cannot be compared."""
    if before is None or after is None or before.objective.metric != after.objective.metric:
        return None
    if not before.ways & after.ways:
        return None
    delta, sem = after.value - before.value, _sem_of_difference(before, after)
    return {
        "delta": delta,
        "improved": before.objective.improvement(before.value, after.value) > 0,
        "direction": before.objective.direction.value,
        "basis": f"{after.source}, against {before.source}",
        "sem": sem,
        "within_noise": _within_noise(before, after, delta, sem),
    }


def _sem_of_difference(before: _Measured, after: _Measured) -> float | None:
    known = [sem for sem in (before.sem, after.sem) if sem is not None]
    return math.hypot(*known) if known else None


def _within_noise(before: _Measured, after: _Measured, delta: float, sem: float | None) -> bool | None:
    """Whether chance explains the difference. If one of the errors is not known, only a yes is certain."""
    if sem is None:
        return None
    within = abs(delta) <= NOISE * sem
    return within if within or None not in (before.sem, after.sem) else None


def _objective_values(experiment: Experiment, found: _Measured) -> dict[str, float]:
    """Of all objectives that the evaluation measured."""
    values = {**found.values, found.objective.metric: found.value}
    return {
        objective.metric: value
        for objective in experiment.facts.goal.objectives
        if (value := objective.measure(values)) is not None
    }
