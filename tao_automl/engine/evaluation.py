"""What a metric is worth, and the two evaluations that frame a search: the baseline and the winner's."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tao_automl.domain.events import BaselineSettled, Evaluation, Event, FinalEvaluationSettled, Purpose
from tao_automl.domain.experiment import Experiment, Job, Values
from tao_automl.domain.finite import finite
from tao_automl.domain.job import FailureClass, JobState
from tao_automl.domain.trial import TrialState
from tao_automl.engine.naming import recommendation
from tao_automl.engine.requests import may_retry, request_evaluation, retry
from tao_automl.engine.workers import Answer
from tao_automl.engine.world import NotPossible, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The objective that was looked for; if it is not there, why, and as what kind of failure."""

    value: float | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    failure: FailureClass | None = None
    reason: str = ""


def measured(report: Values, metric: str) -> Found:
    """The metric among the last words of a job. Explains itself with what was there instead."""
    values = {name: value for name, value in report.items() if value is not None}
    if metric in values:
        return Found(value=values[metric], values=values)
    if metric in report:
        return Found(values=values, failure=FailureClass.MODEL_CODE, reason=f"`{metric}` was reported, but not finite")
    there = f"found: {', '.join(sorted(report))}" if report else "no metric was found in the log"
    reason = f"`{metric}` was not reported ({there})"
    return Found(values=values, failure=FailureClass.METRIC_MISSING, reason=reason)


def read_answer(answer: Answer, metric: str) -> Found:
    """A callback's answer: a number, ``(mean, sem)``, or a mapping with the metric in it."""
    missing = partial(Found, failure=FailureClass.METRIC_MISSING)
    if answer.error:
        return missing(reason=f"the callback raised {error_text(answer.error)}")
    raw = answer.value
    if isinstance(raw, Mapping):
        numbers = {str(name): number for name, item in raw.items() if (number := finite(item)) is not None}
        value = numbers.get(metric, numbers.get("metric_value"))
        if value is not None:
            return Found(value=value, values=numbers)
        reason = f"the callback's answer has no finite `{metric}` (found: {', '.join(map(str, raw)) or 'nothing'})"
        return missing(values=numbers, reason=reason)
    if isinstance(raw, tuple) and len(raw) == 2:
        mean, sem = finite(raw[0]), finite(raw[1])
        if mean is not None and sem is not None:
            return Found(value=mean, values={metric: mean, f"{metric}_sem": sem})
    elif (number := finite(raw)) is not None:
        return Found(value=number, values={metric: number})
    return missing(reason=f"the callback answered {raw!r:.80}, which is no finite number")


def error_text(error: BaseException) -> str:
    """One line for an exception of somebody else's code."""
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else '(no message)'}"


def baseline(world: World, experiment: Experiment) -> Iterator[Event]:
    """The value of the untuned model: from `baseline_fn`, from the evaluate action, or from trial 0 itself."""
    evaluation: Evaluation | None = None
    if world.callbacks.baseline_fn:
        evaluation = _ask_baseline_fn(world, experiment)
    elif not world.rules.evaluate_default:
        evaluation = _evaluation(experiment, "skipped", reason="evaluate_default=False")
    elif experiment.trials and not experiment.trials[0].live:
        answer = _measure_baseline(world, experiment)
        if answer is not None and not isinstance(answer, Evaluation):
            yield answer
        else:
            evaluation = answer
    if evaluation:
        yield BaselineSettled(at=world.clock.now(), evaluation=evaluation)


def final_evaluation(world: World, experiment: Experiment) -> Iterator[Event]:
    """The winner's value: from `final_eval_fn` or the evaluate action. Yields nothing while one is under way."""
    answer = _measure_final(world, experiment)
    if isinstance(answer, Evaluation):
        yield FinalEvaluationSettled(at=world.clock.now(), evaluation=answer)
    elif answer is not None:
        yield answer


def _ask_baseline_fn(world: World, experiment: Experiment) -> Evaluation | None:
    assert world.callbacks.baseline_fn
    call = partial(world.callbacks.baseline_fn, world.base_specs)
    return _from_callback(world, experiment, "baseline_fn", call, failed="failure")


def _measure_baseline(world: World, experiment: Experiment) -> Event | Evaluation | None:
    trial, trained = experiment.trials[0], experiment.jobs[experiment.train_job[0]]
    if trial.state is not TrialState.COMPLETED or trial.score is None:
        reason = f"the default configuration did not train: {trial.reason}"
        return _evaluation(experiment, "failure", job_id=trained.key, reason=reason)
    answer = _run_evaluation(world, experiment, Purpose.BASELINE, trained, failed="failure")
    if not isinstance(answer, NotPossible):
        return answer
    return _evaluation(
        experiment,
        "measured",
        metric_value=trial.score.value,
        job_id=trained.key,
        source="validation metric of the default configuration",
        reason=answer.reason,
    )


def _measure_final(world: World, experiment: Experiment) -> Event | Evaluation | None:
    best, ended = experiment.best, experiment.ended
    if best is None or best.job is None or ended is None:
        return _evaluation(experiment, "not_run", reason="no trial succeeded")
    if not ended.evaluate_best:
        return _evaluation(experiment, "not_run", reason=ended.reason)
    trained = experiment.jobs[best.job]
    if world.callbacks.final_eval_fn:
        rec = recommendation(experiment.trials[best.trial], trained) | {"metric_value": best.event.value}
        call = partial(world.callbacks.final_eval_fn, rec, trained.key)
        return _from_callback(world, experiment, "final_eval_fn", call, failed="callback_error")
    answer = _run_evaluation(world, experiment, Purpose.FINAL, trained, failed="unavailable")
    if isinstance(answer, NotPossible):
        return _evaluation(experiment, "unavailable", reason=answer.reason)
    return answer


def _run_evaluation(
    world: World, experiment: Experiment, purpose: Purpose, trained: Job, *, failed: str
) -> Event | Evaluation | NotPossible | None:
    """Asks for the evaluation job, waits for it, retries it, or reads its answer."""
    key = experiment.evaluation_job.get(purpose)
    if key is None:
        return request_evaluation(world, experiment, purpose, trained)
    job = experiment.jobs[key]
    if job.ended is None:
        return None
    if job.ended.state is JobState.SUCCEEDED:
        return _read_evaluation(experiment, job)
    if may_retry(world, experiment, job):
        return retry(world, experiment, job)
    failure = job.ended.failure
    reason = failure.evidence if failure else job.ended.detail or job.ended.state.value
    reason = f"the evaluation job ended {job.ended.state.value}: {reason}"
    return _evaluation(experiment, failed, job_id=key, reason=reason)


def _read_evaluation(experiment: Experiment, job: Job) -> Evaluation:
    found = measured(job.latest, experiment.facts.objective.metric)
    return _evaluation(
        experiment,
        "measured" if found.value is not None else "metric_missing",
        metric_value=found.value,
        values=found.values,
        job_id=job.key,
        source="evaluate action",
        reason=found.reason,
    )


def _from_callback(world: World, experiment: Experiment, name: str, call: Any, *, failed: str) -> Evaluation | None:
    answer = world.workers.answer(name, call)
    if answer is None:
        return None
    found = read_answer(answer, experiment.facts.objective.metric)
    more = answer.value if isinstance(answer.value, Mapping) else {}
    return _evaluation(
        experiment,
        "provided" if found.value is not None else failed,
        metric_value=found.value,
        values=found.values,
        job_id=_text_or_none(more.get("job_id")),
        record_path=_text_or_none(more.get("record_path")),
        source=name,
        reason=found.reason,
    )


def _text_or_none(value: object) -> str | None:
    return None if value is None else str(value)


def _evaluation(experiment: Experiment, status: str, **fields: Any) -> Evaluation:
    return Evaluation(status=status, metric_name=experiment.facts.objective.metric, **fields)


def blocker(world: World, experiment: Experiment) -> str | None:
    """Why the search must not go on without a baseline, unless the user said that it may."""
    baseline = experiment.baseline
    if baseline and baseline.status in ("failure", "metric_missing") and not world.rules.allow_proxy_metric:
        return f"no baseline: {baseline.reason}"
    return None
