"""From the state of a run to what trackers and exports are told."""

from tao_automl.domain.events import Evaluation, Purpose, RunStatus
from tao_automl.domain.experiment import Experiment
from tao_automl.domain.finite import finite
from tao_automl.domain.goal import Metrics
from tao_automl.domain.leaders import Settlement
from tao_automl.domain.trial import Score, Trial, TrialState
from tao_automl.tracking.port import RunFacts, Summary, TrialRow


def run_facts(experiment: Experiment) -> RunFacts:
    """The facts of the run."""
    facts = experiment.facts
    return RunFacts(
        id=facts.id,
        skill=facts.skill,
        algorithm=facts.algorithm,
        platform=facts.platform,
        version=facts.version,
        directions={objective.metric: objective.direction.value for objective in facts.goal.objectives},
        constraints=tuple(constraint.text for constraint in facts.constraints),
        config=facts.arguments,
        space=facts.space,
        began_at=facts.at,
    )


def trial_row(experiment: Experiment, trial_id: int, settlement: int | None = None) -> TrialRow:
    """A trial as it stands; `settlement` is the number of the settlement that is told of, if it is one."""
    trial, best = experiment.trials[trial_id], experiment.best
    counts = experiment.leaders.of_trial.get(trial_id)
    return TrialRow(
        trial=trial_id,
        state=trial.state,
        origin=trial.origin.value,
        params=trial.params,
        budget=trial.budget,
        at=experiment.updated_at,
        parent=trial.parent,
        objectives=_objectives(experiment, counts),
        metrics=_finite(counts.event.values) if counts else {},
        scored_at=counts.budget if counts else None,
        excess=_excess(experiment, counts.score if counts else None),
        curve={epoch: _finite(values) for epoch, values in sorted(experiment.curves.get(trial_id, {}).items())},
        settlement=settlement,
        best=best.value if best else None,
        job=experiment.train_job.get(trial_id),
        failure=trial.failure.value if trial.failure else None,
        reason=trial.reason or None,
        started_at=experiment.started_at.get(trial_id),
        ended_at=experiment.ended_at.get(trial_id) if not trial.live else None,
    )


def summarised(experiment: Experiment) -> Summary:
    """How the run stands. One that is not finished is left by whoever asks: it is interrupted."""
    finished, best = experiment.finished, experiment.best
    status = finished.status if finished else RunStatus.INTERRUPTED
    word = finished or experiment.detached
    figures = {
        "best": best.value if best else None,
        "baseline": _value(experiment.baseline),
        "final_evaluation": _value(experiment.final),
        "trials": float(len(experiment.trials)),
        "succeeded": float(_count(experiment.trials, TrialState.COMPLETED)),
        "failed": float(_count(experiment.trials, TrialState.FAILED)),
    }
    return Summary(
        status=status.value,
        at=experiment.updated_at,
        reason=word.reason or None if word else None,
        best_trial=best.trial if best else None,
        figures=_finite(figures),
    )


def trained_trial(experiment: Experiment, key: str) -> int | None:
    """The trial that a training job is for."""
    job = experiment.jobs[key]
    return job.trial if job.purpose is Purpose.TRAIN else None


def _objectives(experiment: Experiment, counts: Settlement | None) -> dict[str, float]:
    if counts is None or counts.value is None:
        return {}
    first, *others = experiment.facts.goal.objectives
    measured = {objective.metric: objective.measure(counts.event.values) for objective in others}
    return _finite({first.metric: counts.value, **measured})


def _excess(experiment: Experiment, score: Score | None) -> dict[str, float]:
    if score is None:
        return {}
    return {c.text: excess for c, excess in zip(experiment.facts.constraints, score.excess, strict=False)}


def _value(evaluation: Evaluation | None) -> float | None:
    return evaluation.metric_value if evaluation else None


def _count(trials: list[Trial], state: TrialState) -> int:
    return sum(trial.state is state for trial in trials)


def _finite(values: Metrics) -> dict[str, float]:
    return {name: number for name, value in values.items() if (number := finite(value)) is not None}
