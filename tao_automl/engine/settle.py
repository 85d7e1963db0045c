"""Step 3: turn ended jobs into settled trials, retries, and a baseline."""

from collections.abc import Iterator
from functools import partial

from tao_automl.domain.events import CallbackFailed, Event, FeedbackGiven, Purpose, SearchEnded, TrialSettled
from tao_automl.domain.experiment import Experiment, Job, Values
from tao_automl.domain.job import FailureClass, JobState
from tao_automl.domain.trial import Trial, TrialState
from tao_automl.engine.evaluation import Found, baseline, error_text, measured, read_answer
from tao_automl.engine.feedback import FeedbackError, scrubbed
from tao_automl.engine.findings import findings
from tao_automl.engine.naming import recommendation
from tao_automl.engine.requests import may_retry, request_evaluation, retry
from tao_automl.engine.world import Callback, NotPossible, World


def settle(world: World, experiment: Experiment) -> Iterator[Event]:
    """Settles, or retries, every live trial whose training has ended."""
    for trial in experiment.running_trials:
        job = experiment.jobs[experiment.train_job[trial.id]]
        if job.ended:
            yield from _settle_trial(world, experiment, trial, job)
    if experiment.baseline is None and experiment.ended is None:
        yield from baseline(world, experiment)
    if world.callbacks.feedback_fn:
        yield from _ask_for_feedback(world, experiment, world.callbacks.feedback_fn)


def _ask_for_feedback(world: World, experiment: Experiment, feedback_fn: Callback) -> Iterator[Event]:
    for trial_id in experiment.awaits_feedback:
        settled = experiment.last_settlement[trial_id]  # the trial may have been promoted since
        job = experiment.jobs[str(settled.job)]
        rec = recommendation(experiment.trials[trial_id], job) | {"budget": settled.budget}
        answer = world.workers.answer(("feedback_fn", job.key), partial(feedback_fn, rec, job.key))
        if answer is None:
            continue
        try:
            if answer.error:
                raise FeedbackError(error_text(answer.error))
            yield FeedbackGiven(at=world.clock.now(), trial=trial_id, feedback=scrubbed(answer.value))
        except FeedbackError as error:
            yield CallbackFailed(at=world.clock.now(), callback="feedback_fn", trial=trial_id, message=str(error))


def _settle_trial(world: World, experiment: Experiment, trial: Trial, job: Job) -> Iterator[Event]:
    if job.ended and job.ended.state is JobState.SUCCEEDED:
        yield from _score(world, experiment, trial, job)
    else:
        yield from _settle_without_success(world, experiment, trial, job)


def _settle_without_success(world: World, experiment: Experiment, trial: Trial, job: Job) -> Iterator[Event]:
    """Of a trial whose training, or evaluation, did not succeed."""
    settled = partial(TrialSettled, at=world.clock.now(), trial=trial.id)
    ended = job.ended
    assert ended is not None
    if experiment.ended and experiment.ended.cancel:
        yield _abandoned(world, trial, experiment.ended)
    elif trial.id in experiment.stop_requests:
        yield settled(state=TrialState.STOPPED, reason=experiment.stop_requests[trial.id])
    elif job.cancel and job.cancel.failure:
        yield settled(state=TrialState.FAILED, failure=job.cancel.failure, reason=job.cancel.reason)
    elif may_retry(world, experiment, job):
        yield retry(world, experiment, job)
    elif ended.failure:
        reason = ended.failure.evidence or ended.detail
        yield settled(state=TrialState.FAILED, failure=ended.failure.failure_class, reason=reason)
    else:
        reason = f"cancelled from outside of this run {ended.detail}".strip()
        yield settled(state=TrialState.FAILED, failure=FailureClass.UNKNOWN, reason=reason)


def _abandoned(world: World, trial: Trial, ended: SearchEnded) -> TrialSettled:
    return TrialSettled(at=world.clock.now(), trial=trial.id, state=TrialState.ABANDONED, reason=ended.reason)


def _score(world: World, experiment: Experiment, trial: Trial, job: Job) -> Iterator[Event]:
    """The outcome of a training that succeeded: from `eval_fn`, from the evaluate action, or as reported."""
    if world.callbacks.eval_fn:
        yield from _score_by_callback(world, experiment, trial, job, world.callbacks.eval_fn)
    elif experiment.facts.scored_by_evaluation:
        yield from _score_by_evaluation(world, experiment, trial, job)
    else:
        yield _settled(world, trial, measured(_reported(experiment, job), experiment.facts.goal, findings(world, job)))


def _score_by_callback(
    world: World, experiment: Experiment, trial: Trial, job: Job, eval_fn: Callback
) -> Iterator[Event]:
    call = partial(eval_fn, recommendation(trial, job), job.key)
    answer = world.workers.answer(("eval_fn", job.key), call)
    if answer is None:
        return
    if answer.error:
        yield CallbackFailed(at=world.clock.now(), callback="eval_fn", trial=trial.id, message=error_text(answer.error))
    yield _settled(world, trial, read_answer(answer, experiment.facts.goal))


def _score_by_evaluation(world: World, experiment: Experiment, trial: Trial, job: Job) -> Iterator[Event]:
    key = experiment.evaluation_job.get((Purpose.EVALUATE, trial.id))
    evaluated = experiment.jobs[key] if key else None
    if evaluated is None or evaluated.budget != job.budget:
        if experiment.ended and experiment.ended.cancel:
            yield _abandoned(world, trial, experiment.ended)
            return
        request = request_evaluation(world, experiment, Purpose.EVALUATE, job)
        if isinstance(request, NotPossible):
            yield _settled(world, trial, Found(failure=FailureClass.METRIC_MISSING, reason=request.reason))
        else:
            yield request
    elif evaluated.ended and evaluated.ended.state is JobState.SUCCEEDED:
        yield _settled(world, trial, measured(evaluated.latest, experiment.facts.goal, findings(world, evaluated)))
    elif evaluated.ended:
        yield from _settle_without_success(world, experiment, trial, evaluated)


def _settled(world: World, trial: Trial, found: Found) -> TrialSettled:
    settled = partial(TrialSettled, at=world.clock.now(), trial=trial.id, values=found.values)
    if found.value is None:
        return settled(state=TrialState.FAILED, failure=found.failure, reason=found.reason)
    return settled(state=TrialState.COMPLETED, value=found.value)


def _reported(experiment: Experiment, job: Job) -> Values:
    """The job's last words, over those of an earlier attempt at the same budget: a retry that resumes from the very
    end has nothing left to train, and nothing to report."""
    before = experiment.curves.get(job.trial, {}).get(job.budget, {}) if experiment.facts.fidelity else {}
    return {**before, **job.latest}
