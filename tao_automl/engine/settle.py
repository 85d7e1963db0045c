"""Step 3: turn ended jobs into settled trials, retries, and a baseline."""

from collections.abc import Iterator
from functools import partial

from tao_automl.domain.events import CallbackFailed, Event, TrialSettled
from tao_automl.domain.experiment import Experiment, Job, Values
from tao_automl.domain.job import FailureClass, JobState
from tao_automl.domain.trial import Trial, TrialState
from tao_automl.engine.evaluation import baseline, error_text, measured, read_answer
from tao_automl.engine.naming import recommendation
from tao_automl.engine.requests import may_retry, retry
from tao_automl.engine.world import World


def settle(world: World, experiment: Experiment) -> Iterator[Event]:
    """Settles, or retries, every live trial whose training has ended."""
    for trial in experiment.running_trials:
        job = experiment.jobs[experiment.train_job[trial.id]]
        if job.ended:
            yield from _settle_trial(world, experiment, trial, job)
    if experiment.baseline is None and experiment.ended is None:
        yield from baseline(world, experiment)


def _settle_trial(world: World, experiment: Experiment, trial: Trial, job: Job) -> Iterator[Event]:
    settled = partial(TrialSettled, at=world.clock.now(), trial=trial.id)
    ended = job.ended
    assert ended is not None
    if ended.state is JobState.SUCCEEDED:
        yield from _score(world, experiment, trial, job)
    elif experiment.ended and experiment.ended.cancel:
        yield settled(state=TrialState.ABANDONED, reason=experiment.ended.reason)
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


def _score(world: World, experiment: Experiment, trial: Trial, job: Job) -> Iterator[Event]:
    """The objective of a training that succeeded: from `eval_fn` if there is one, else as reported."""
    settled = partial(TrialSettled, at=world.clock.now(), trial=trial.id)
    metric = experiment.facts.objective.metric
    if world.callbacks.eval_fn:
        call = partial(world.callbacks.eval_fn, recommendation(trial, job), job.key)
        answer = world.workers.answer(("eval_fn", job.key), call)
        if answer is None:
            return
        if answer.error:
            yield CallbackFailed(
                at=world.clock.now(), callback="eval_fn", trial=trial.id, message=error_text(answer.error)
            )
        found = read_answer(answer, metric)
    else:
        found = measured(_reported(experiment, job), metric)
    if found.value is None:
        yield settled(state=TrialState.FAILED, failure=found.failure, reason=found.reason, values=found.values)
    else:
        yield settled(state=TrialState.COMPLETED, value=found.value, values=found.values)


def _reported(experiment: Experiment, job: Job) -> Values:
    """The job's last words, over those of an earlier attempt at the same budget: a retry that resumes from the very
    end has nothing left to train, and nothing to report."""
    before = experiment.curves.get(job.trial, {}).get(job.budget, {}) if experiment.facts.fidelity else {}
    return {**before, **job.latest}
