"""The winner, or the Pareto front, or why there is neither; and the specs to train them again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tao_automl.bank import dump_spec, flatten, nest, parse_spec
from tao_automl.domain.events import Purpose
from tao_automl.domain.experiment import Experiment, Job
from tao_automl.domain.leaders import Settlement
from tao_automl.domain.ranking import ranks
from tao_automl.runner.outcomes import adjustments, checkpoint, job_of, outcome, results_path

BEST_SPEC = "best_spec"
OTHER_SPECS = "specs"


def winner_entry(experiment: Experiment, settlement: Settlement, workspace: Path) -> dict[str, Any]:
    """A winner, a member of the front, or the nearest trial, as the result has it."""
    job, trial = job_of(experiment, settlement), experiment.trials[settlement.trial]
    return {
        "rec_id": trial.id,
        "job_id": settlement.job,
        "specs": dict(trial.params),
        "metric_value": settlement.value,
        **outcome(experiment, settlement.score, settlement.event.values),
        "budget": settlement.budget,
        "checkpoint": checkpoint(experiment, job),
        "results_path": results_path(job),
        "spec_path": str(workspace / spec_name(experiment, settlement)) if job else None,
        "adjustments": adjustments(job),
    }


def best_entry(experiment: Experiment, workspace: Path) -> dict[str, Any] | None:
    return winner_entry(experiment, experiment.best, workspace) if experiment.best else None


def front_entries(experiment: Experiment, workspace: Path) -> list[dict[str, Any]]:
    """The Pareto front of several objectives, in order of the trials."""
    if not _many(experiment):
        return []
    return [winner_entry(experiment, settlement, workspace) for settlement in experiment.leaders.front()]


def nearest(experiment: Experiment) -> Settlement | None:
    """Where every scored trial breaks a constraint: the one that comes nearest to keeping them all."""
    if experiment.best or not experiment.facts.constraints:
        return None
    scored = [s for _, s in sorted(experiment.leaders.of_trial.items()) if s.score]
    scores = [s.score for s in scored if s.score]
    if not scores or not all(score.violation for score in scores):
        return None
    least = min(score.violation for score in scores)
    able = [(s, score) for s, score in zip(scored, scores, strict=True) if score.violation == least]
    order = ranks([score for _, score in able])
    return able[min(range(len(able)), key=order.__getitem__)][0]


def why_no_best(experiment: Experiment) -> str | None:
    """One sentence where the result has no `best`; None where it has one."""
    if experiment.best:
        return None
    if (near := nearest(experiment)) is not None:
        broken = outcome(experiment, near.score, near.event.values)["violations"]
        how = "; ".join(violation_text(entry) for entry in broken)
        return f"no trial keeps the outcome constraints; trial {near.trial} comes nearest: {how}"
    if experiment.leaders.of_trial and _many(experiment):
        names = ", ".join(objective.metric for objective in experiment.facts.goal.objectives)
        count = len(experiment.leaders.front())
        members = f"the {count} trials" if count > 1 else "the trial"
        return f"several objectives ({names}): see {members} of `pareto_front`, from which you choose"
    return "no trial has succeeded so far" if not experiment.finished else _none_succeeded(experiment)


def _none_succeeded(experiment: Experiment) -> str:
    return "no trial succeeded" if experiment.trials else "no trial was started"


def violation_text(entry: dict[str, Any]) -> str:
    """``latency <= 20: 25, 25% beyond``."""
    value = "" if entry["value"] is None else f": {entry['value']:.4g}"
    bound = "" if entry["bound"] is None else f" where {entry['bound']:.4g} is the bound"
    return f"{entry['constraint']}{value}{bound}, {100 * entry['excess']:.3g}% beyond"


def _many(experiment: Experiment) -> bool:
    return len(experiment.facts.goal.objectives) > 1


def spec_name(experiment: Experiment, settlement: Settlement) -> str:
    """The file in the workspace with the spec that trains this outcome again."""
    best = experiment.best is not None and experiment.best.trial == settlement.trial
    stem = BEST_SPEC if best else f"{OTHER_SPECS}/trial_{settlement.trial:04d}"
    return stem + _spec_file(_first_job(experiment, settlement)).suffix


def winning_specs(experiment: Experiment) -> Iterator[tuple[str, str]]:
    """File name and text of a complete spec for each winner (or for the nearest trial): training from the start, up to
    the budget of the outcome."""
    near = nearest(experiment)
    for settlement in experiment.winners or ([near] if near else []):
        text = _spec_text(experiment, settlement)
        if text is not None:
            yield spec_name(experiment, settlement), text


def _spec_text(experiment: Experiment, settlement: Settlement) -> str | None:
    first = _first_job(experiment, settlement)
    file = _spec_file(first)
    text = first.spec.files.get(str(file)) if first else None
    if first is None or text is None:
        return None
    spec: Any = parse_spec(file, text)
    values = flatten(spec)
    above = f"../{first.spec.resume_from}/"  # of another trial, whose weights this one began with
    resumed = [key for key, value in values.items() if isinstance(value, str) and value.startswith(above)]
    fidelity = experiment.facts.fidelity
    changes = {**dict.fromkeys(resumed), **({fidelity.key: settlement.budget} if fidelity else {})}
    return dump_spec(nest({**values, **changes}), file.suffix.removeprefix("."))


def _spec_file(job: Job | None) -> Path:
    """The name of a job's spec, which tells its format."""
    files = job.spec.files if job else {}
    return Path(next((name for name in files if name.startswith("spec.")), "spec.yaml"))


def _first_job(experiment: Experiment, settlement: Settlement) -> Job | None:
    """The first training of the trial: it resumed from nothing of its own."""
    jobs = (job for job in experiment.jobs.values() if job.purpose is Purpose.TRAIN and job.trial == settlement.trial)
    return next(jobs, None) if settlement.job else None
