"""Step 5: end the search when it is over or a limit is reached, evaluate the winner, and close the books."""

from collections import Counter
from collections.abc import Iterator
from functools import partial

from tao_automl.domain.events import (
    Event,
    ExperimentFinished,
    JobCancelRequested,
    Purpose,
    RunStatus,
    SearchEnded,
)
from tao_automl.domain.experiment import Experiment
from tao_automl.domain.trial import TrialState
from tao_automl.engine.evaluation import blocker, final_evaluation, final_evaluation_is_done
from tao_automl.engine.retention import releases
from tao_automl.engine.world import World

FAILURES_BEFORE_RATE_COUNTS = 5
SAME_FAILURES = 3  # in a row, for one reason that lies in the configuration: more of the same is wasted


def conclude(world: World, experiment: Experiment) -> Iterator[Event]:
    """Decides whether the search is over; once it is, drains or cancels, then evaluates, then finishes."""
    verdict = _verdict(world, experiment)
    if verdict:
        yield verdict
    elif experiment.ended:
        yield from _wind_up(world, experiment, experiment.ended)


def _wind_up(world: World, experiment: Experiment, ended: SearchEnded) -> Iterator[Event]:
    if ended.cancel:
        yield from _cancel_jobs(world, experiment, ended)
    if experiment.live or _still_searching(experiment) or _waits_for_feedback(world, experiment):
        return
    if not final_evaluation_is_done(experiment):
        yield from final_evaluation(world, experiment)
    elif not experiment.open_jobs:
        released = list(releases(world, experiment))
        yield from released
        if not released and not experiment.to_delete:
            yield _finish(world, experiment, ended)


def _still_searching(experiment: Experiment) -> bool:
    return any(experiment.jobs[key].purpose is not Purpose.FINAL for key in experiment.open_jobs)


def _waits_for_feedback(world: World, experiment: Experiment) -> bool:
    """Feedback is for searchers: a run that was cancelled can do without."""
    cancelled = experiment.ended is not None and not experiment.ended.evaluate_best
    return bool(world.callbacks.feedback_fn and experiment.awaits_feedback) and not cancelled


def _cancel_jobs(world: World, experiment: Experiment, ended: SearchEnded) -> Iterator[Event]:
    for key in experiment.open_jobs:
        job = experiment.jobs[key]
        if not job.cancel and not (job.purpose is Purpose.FINAL and ended.evaluate_best):
            yield JobCancelRequested(at=world.clock.now(), key=key, reason=ended.reason)


def _verdict(world: World, experiment: Experiment) -> SearchEnded | None:
    """Why the search is over now, if it is."""
    due = must_end(world, experiment)
    if due or experiment.ended:
        return due
    if experiment.baseline and not experiment.live and not experiment.open_jobs:
        return SearchEnded(at=world.clock.now(), status=RunStatus.COMPLETED, reason="the search is complete")
    return None


def must_end(world: World, experiment: Experiment) -> SearchEnded | None:
    """The end that a request, a failure or a limit calls for, whatever the searcher still wants."""
    ends = partial(SearchEnded, at=world.clock.now())
    already = experiment.ended
    if world.cancel_requested() and not (already and already.cancel and not already.evaluate_best):
        return ends(status=RunStatus.STOPPED, reason="cancelled by the user", cancel=True, evaluate_best=False)
    if already:
        return None
    if reason := blocker(world, experiment):
        return ends(status=RunStatus.FAILED, reason=reason, evaluate_best=False)
    if experiment.same_failures >= SAME_FAILURES:
        reason = f"{experiment.same_failures} trials in a row failed alike: {root_cause(experiment)}"
        return ends(status=RunStatus.FAILED, reason=reason, evaluate_best=False)
    if experiment.failures >= FAILURES_BEFORE_RATE_COUNTS and _fails_too_often(world, experiment):
        return ends(status=RunStatus.FAILED, reason=root_cause(experiment), evaluate_best=False)
    if reason := _limit_reached(world, experiment):
        return ends(status=RunStatus.STOPPED, reason=reason, cancel=True)
    return None


def _limit_reached(world: World, experiment: Experiment) -> str | None:
    now = world.clock.now()
    return (
        _target_reached(world, experiment)
        or _used_up("max_wall_time", experiment.elapsed(now), world.rules.max_wall_time, "s")
        or _gpu_budget_used_up(world, experiment, now)
        or _patience_lost(world, experiment)
    )


def _target_reached(world: World, experiment: Experiment) -> str | None:
    best, target, objective = experiment.best, world.rules.target_metric, experiment.facts.objective
    value = best.value if best else None
    if value is None or target is None or not objective.reached(value, target):
        return None
    if experiment.facts.goal.relative and experiment.baseline is None:
        return None  # whether the constraints are kept is not known yet
    return f"target reached: {objective.metric} = {value:g} (target {target:g})"


def _gpu_budget_used_up(world: World, experiment: Experiment, now: float) -> str | None:
    rules = world.rules
    if rules.max_gpu_hours is None and rules.max_cost is None:
        return None
    hours = experiment.gpu_hours(now)
    cost = hours * (rules.price_per_gpu_hour or 0.0)
    return _used_up("max_gpu_hours", hours, rules.max_gpu_hours, "h") or _used_up("max_cost", cost, rules.max_cost, "")


def _used_up(name: str, used: float, limit: float | None, unit: str) -> str | None:
    if limit is None or used <= limit:
        return None
    return f"{name} ({limit:g}{' ' if unit else ''}{unit}) is used up"


def _patience_lost(world: World, experiment: Experiment) -> str | None:
    leaders, patience = experiment.leaders, world.rules.patience
    if patience is None or leaders.settled - leaders.improved_at < patience:
        return None
    return f"no improvement in {leaders.settled - leaders.improved_at} settled trials (patience {patience})"


def _fails_too_often(world: World, experiment: Experiment) -> bool:
    return experiment.failures > world.rules.tolerated_failure_rate * len(experiment.last_settlement)


def root_cause(experiment: Experiment) -> str:
    """The most common way that trials failed, in one line."""
    failed = [trial for trial in experiment.trials if trial.state is TrialState.FAILED]
    causes = Counter((trial.failure.value if trial.failure else "unknown", trial.reason) for trial in failed)
    (failure, reason), count = causes.most_common(1)[0]
    return f"{len(failed)} of {len(experiment.trials)} trials failed, {count} of them as {failure}: {reason}"


def _finish(world: World, experiment: Experiment, ended: SearchEnded) -> ExperimentFinished:
    finished = partial(ExperimentFinished, at=world.clock.now())
    hopeless = experiment.failures and (not experiment.leaders.of_trial or _fails_too_often(world, experiment))
    if ended.status is RunStatus.COMPLETED and hopeless:
        return finished(status=RunStatus.FAILED, reason=root_cause(experiment))
    return finished(status=ended.status, reason=ended.reason)
