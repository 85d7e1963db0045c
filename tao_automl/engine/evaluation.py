"""What a metric is worth, and the two evaluations that frame a search: the baseline and the winner's."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from tao_automl.domain.events import BaselineSettled, Evaluation, Event, FinalEvaluationSettled, Purpose
from tao_automl.domain.experiment import Experiment, Job, Values
from tao_automl.domain.finite import finite
from tao_automl.domain.goal import Goal
from tao_automl.domain.job import FailureClass, JobState
from tao_automl.domain.leaders import Settlement
from tao_automl.domain.trial import TrialState
from tao_automl.engine.findings import findings, listed, suggestion
from tao_automl.engine.naming import BASE_MODEL, recommendation
from tao_automl.engine.requests import may_retry, request_base_evaluation, request_evaluation, retry
from tao_automl.engine.workers import Answer
from tao_automl.engine.world import NotPossible, World

DEFAULT_SCORE = "validation metric of the default configuration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The objective that was looked for; if it is not there, why, and as what kind of failure."""

    value: float | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    failure: FailureClass | None = None
    reason: str = ""


def measured(report: Values, goal: Goal, there: str = "") -> Found:
    """The first objective, with all that the goal needs, among the last words of a job. Explains itself with what was
    `there` instead; see `findings`."""
    values = {name: value for name, value in report.items() if value is not None}
    lacking = goal.lacking(values)
    if lacking:
        return _missing(lacking[0], report, values, there or f"found: {listed(report) or 'nothing'}")
    computed = {o.metric: o.measure(values) for o in goal.objectives}
    computed |= {constraint.left: constraint.measure(values) for constraint in goal.constraints}
    for formula, value in computed.items():
        if value is None:
            reason = f"`{formula}` cannot be computed from {', '.join(f'{k}={v:g}' for k, v in values.items())}"
            return Found(values=values, failure=FailureClass.MODEL_CODE, reason=reason)
    return Found(value=computed[goal.objectives[0].metric], values=values)


def _missing(metric: str, report: Values, values: Mapping[str, float], there: str) -> Found:
    if metric in report:
        return Found(values=values, failure=FailureClass.MODEL_CODE, reason=f"`{metric}` was reported, but not finite")
    reason = f"`{metric}` was not reported ({there}{suggestion(metric, report)})"
    return Found(values=values, failure=FailureClass.METRIC_MISSING, reason=reason)


def read_answer(answer: Answer, goal: Goal) -> Found:
    """A callback's answer: a number, ``(mean, sem)``, or a mapping from metrics to either."""
    missing = partial(Found, failure=FailureClass.METRIC_MISSING)
    metric, raw = goal.objectives[0].metric, answer.value
    if answer.error:
        return missing(reason=f"the callback raised {error_text(answer.error)}")
    if isinstance(raw, Mapping):
        given = {metric if name == "metric_value" and metric not in raw else str(name): v for name, v in raw.items()}
        found = measured(_numbers(given), goal)
        there = f"(found: {', '.join(map(str, raw)) or 'nothing'})"
        if found.value is not None or found.failure is FailureClass.MODEL_CODE:
            return found
        lacking = goal.lacking(found.values)[0]
        return missing(values=found.values, reason=f"the callback's answer has no finite `{lacking}` {there}")
    numbers = _numbers({metric: raw})
    if not numbers:
        return missing(reason=f"the callback answered {raw!r:.80}, which is no finite number")
    found = measured(numbers, goal)
    if found.value is None:
        wanted = ", ".join(goal.names)
        return missing(values=numbers, reason=f"the callback answered one number; a mapping with {wanted} is needed")
    return found


def _numbers(given: Mapping[str, Any]) -> dict[str, float]:
    """Finite numbers by name; of a pair ``(mean, sem)`` the second one as ``<name>_sem``."""
    numbers: dict[str, float] = {}
    for name, raw in given.items():
        if isinstance(raw, tuple) and len(raw) == 2:
            mean, sem = finite(raw[0]), finite(raw[1])
            numbers |= {name: mean, f"{name}_sem": sem} if mean is not None and sem is not None else {}
        elif (number := finite(raw)) is not None:
            numbers[name] = number
    return numbers


def error_text(error: BaseException) -> str:
    """One line for an exception of somebody else's code."""
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else '(no message)'}"


def baseline(world: World, experiment: Experiment) -> Iterator[Event]:
    """What the search is compared with: what `baseline_fn` says, the base model as the evaluate action measures it, or
    the default configuration, trained in full."""
    answer: Event | Evaluation | _Pending | None = None
    if world.callbacks.baseline_fn:
        answer = _ask_baseline_fn(world, experiment)
    elif (base := _base_model(world, experiment)) is not None:
        answer = base
    elif not world.rules.evaluate_default:
        answer = _evaluation(experiment, "skipped", reason="evaluate_default=False")
    elif experiment.trials and not experiment.trials[0].live:
        answer = _measure_default(world, experiment)
    if isinstance(answer, Evaluation):
        yield BaselineSettled(at=world.clock.now(), evaluation=_with_what_came_before(experiment, answer))
    elif answer is not None and not isinstance(answer, _Pending):
        yield answer


def baseline_comes_first(world: World, experiment: Experiment) -> bool:
    """Whether there will be a baseline without any training."""
    return world.callbacks.baseline_fn is not None or _base_model(world, experiment) is not None


def final_evaluation(world: World, experiment: Experiment) -> Iterator[Event]:
    """The winners' values: from `final_eval_fn` or the evaluate action. Yields nothing while all are under way."""
    settled = partial(FinalEvaluationSettled, at=world.clock.now())
    winners, ended = experiment.winners, experiment.ended
    if not winners or ended is None or not ended.evaluate_best:
        reason = ended.reason if winners and ended else _no_winner(experiment)
        yield settled(evaluation=_evaluation(experiment, "not_run", reason=reason))
        return
    for winner in winners:
        if winner.trial not in experiment.finals:
            answer = _measure_final(world, experiment, winner)
            if isinstance(answer, Evaluation):
                yield settled(evaluation=answer, trial=winner.trial)
            elif answer is not None:
                yield answer


def final_evaluation_is_done(experiment: Experiment) -> bool:
    """Whether all winners have theirs, or it is known that there is none."""
    winners = {winner.trial for winner in experiment.winners}
    return bool(experiment.finals) and (None in experiment.finals or winners <= experiment.finals.keys())


def _no_winner(experiment: Experiment) -> str:
    if experiment.leaders.of_trial:
        return "no trial keeps the outcome constraints"
    return "no trial succeeded"


class _Pending:
    """An evaluation that is under way."""


def _ask_baseline_fn(world: World, experiment: Experiment) -> Evaluation | None:
    assert world.callbacks.baseline_fn
    call = partial(world.callbacks.baseline_fn, world.base_specs)
    return _from_callback(world, experiment, "baseline_fn", call, failed="failure")


def _base_model(world: World, experiment: Experiment) -> Event | Evaluation | _Pending | None:
    """The next step of evaluating the base model; None if that is not possible. One that cannot be evaluated, such as a
    model of other classes, leaves it to the default configuration to be the baseline."""
    key = experiment.evaluation_job.get((Purpose.BASELINE, BASE_MODEL))
    if key is None and experiment.trials:
        return None  # it comes before any training, or not at all
    if key is None:
        request = request_base_evaluation(world, experiment)
        return None if isinstance(request, NotPossible) else request
    answer = _read_or_retry(world, experiment, experiment.jobs[key], failed="failure") or _Pending()
    failed = isinstance(answer, Evaluation) and answer.metric_value is None
    return None if failed and world.rules.evaluate_default else answer


def _measure_default(world: World, experiment: Experiment) -> Event | Evaluation | None:
    trial, trained = experiment.trials[0], experiment.jobs[experiment.train_job[0]]
    settled = experiment.last_settlement[0]
    if trial.state is not TrialState.COMPLETED or settled.value is None:
        reason = f"the default configuration did not train: {trial.reason}"
        return _evaluation(experiment, "failure", job_id=trained.key, reason=reason)
    if (key := _scored_by(experiment, settled)) is not None:
        return _default_as_scored(experiment, settled, key, "evaluate action", "")
    answer = _run_evaluation(world, experiment, Purpose.BASELINE, trained, failed="failure")
    if not isinstance(answer, NotPossible):
        return answer
    return _default_as_scored(experiment, settled, trained.key, DEFAULT_SCORE, answer.reason)


def _with_what_came_before(experiment: Experiment, evaluation: Evaluation) -> Evaluation:
    """Says that the base model, which would have been the baseline, could not be evaluated."""
    key = experiment.evaluation_job.get((Purpose.BASELINE, BASE_MODEL))
    if key is None or evaluation.job_id == key:
        return evaluation
    before = f"the base model could not be evaluated ({key})"
    return replace(evaluation, reason="; ".join(filter(None, [before, evaluation.reason])))


def _default_as_scored(experiment: Experiment, settled: Settlement, job: str, source: str, reason: str) -> Evaluation:
    return _evaluation(
        experiment,
        "measured",
        metric_value=settled.value,
        values=settled.event.values,
        job_id=job,
        source=source,
        reason=reason,
    )


def _measure_final(world: World, experiment: Experiment, winner: Settlement) -> Event | Evaluation | None:
    trained = experiment.jobs[str(winner.job)]
    if world.callbacks.final_eval_fn:
        rec = recommendation(experiment.trials[winner.trial], trained) | {"metric_value": winner.value}
        call = partial(world.callbacks.final_eval_fn, rec, trained.key)
        return _from_callback(world, experiment, "final_eval_fn", call, failed="callback_error", trial=winner.trial)
    if _scored_by(experiment, winner) is not None:
        return _already_evaluated(world, experiment, winner)
    answer = _run_evaluation(world, experiment, Purpose.FINAL, trained, failed="unavailable")
    if isinstance(answer, NotPossible):
        return _evaluation(experiment, "unavailable", reason=answer.reason)
    return answer


def _already_evaluated(world: World, experiment: Experiment, winner: Settlement) -> Evaluation:
    """The search has optimised what the evaluate action measures: another look at the same data tells nothing new."""
    if not world.rules.reuse_best_evaluation:
        reason = "the search was scored on the evaluation data; give `final_eval_fn`, or set `reuse_best_evaluation`"
        return _evaluation(experiment, "unavailable", reason=reason)
    return _evaluation(
        experiment,
        "reused_best",
        metric_value=winner.value,
        values=winner.event.values,
        job_id=_scored_by(experiment, winner),
        source="evaluate action, during the search",
        reason="the same data as the search was scored on: not an independent measure",
    )


def _scored_by(experiment: Experiment, settled: Settlement) -> str | None:
    """The job of the evaluate action that has scored the trial at that budget, if one has."""
    wanted = (Purpose.EVALUATE, settled.trial, settled.budget)
    jobs = reversed(experiment.jobs.values())
    return next((job.key for job in jobs if (job.purpose, job.trial, job.budget) == wanted), None)


def _run_evaluation(
    world: World, experiment: Experiment, purpose: Purpose, trained: Job, *, failed: str
) -> Event | Evaluation | NotPossible | None:
    """Asks for the evaluation job, waits for it, retries it, or reads its answer."""
    key = experiment.evaluation_job.get((purpose, trained.trial))
    if key is None:
        return request_evaluation(world, experiment, purpose, trained)
    return _read_or_retry(world, experiment, experiment.jobs[key], failed=failed)


def _read_or_retry(world: World, experiment: Experiment, job: Job, *, failed: str) -> Event | Evaluation | None:
    if job.ended is None:
        return None
    if job.ended.state is JobState.SUCCEEDED:
        return _read_evaluation(world, experiment, job)
    if may_retry(world, experiment, job):
        return retry(world, experiment, job)
    failure = job.ended.failure
    reason = failure.evidence if failure else job.ended.detail or job.ended.state.value
    reason = f"the evaluation job ended {job.ended.state.value}: {reason}"
    return _evaluation(experiment, failed, job_id=job.key, reason=reason)


def _read_evaluation(world: World, experiment: Experiment, job: Job) -> Evaluation:
    """By the first objective that the evaluation measured; what is missing if it measured none is the first one."""
    objectives, there = world.jobs.evaluation_objectives(experiment.facts.objective), findings(world, job)
    answers = [(objective, measured(job.latest, Goal(objectives=(objective,)), there)) for objective in objectives]
    objective, found = next((answer for answer in answers if answer[1].value is not None), answers[0])
    return Evaluation(
        status="measured" if found.value is not None else "metric_missing",
        metric_name=objective.metric,
        direction=objective.direction,
        metric_value=found.value,
        values=found.values,
        job_id=job.key,
        source="evaluate action",
        reason=found.reason,
    )


def _first(experiment: Experiment) -> Goal:
    """An evaluation needs the first objective; what else it reports is kept."""
    return Goal(objectives=(experiment.facts.objective,))


def _from_callback(
    world: World, experiment: Experiment, name: str, call: Any, *, failed: str, trial: int | None = None
) -> Evaluation | None:
    answer = world.workers.answer((name, trial), call)
    if answer is None:
        return None
    found = read_answer(answer, _first(experiment))
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
    if (
        baseline
        and experiment.facts.goal.relative
        and any(constraint.bound(experiment.baseline_values) is None for constraint in experiment.facts.constraints)
    ):
        return f"no baseline for an outcome constraint that asks for it: {baseline.reason or 'it lacks the metric'}"
    return None
