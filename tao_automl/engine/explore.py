"""Step 4: ask the searcher what to do with the free slots."""

from collections.abc import Iterator
from typing import assert_never

from tao_automl.domain.events import (
    Event,
    JobCancelRequested,
    TrialPromoted,
    TrialStarted,
    TrialStopRequested,
)
from tao_automl.domain.experiment import Experiment
from tao_automl.domain.json_types import JsonObject
from tao_automl.domain.trial import Decision, Origin, Promote, Start, Stop, TrialState
from tao_automl.engine.evaluation import blocker
from tao_automl.engine.requests import request_training
from tao_automl.engine.world import World
from tao_automl.errors import TaoAutoMLError


def explore(world: World, experiment: Experiment) -> Iterator[Event]:
    """Starts the default configuration, waits for the baseline, then follows the searcher."""
    if experiment.ended or world.cancel_requested() or blocker(world, experiment):
        return
    if world.rules.evaluate_default and not experiment.trials:
        if experiment.baseline or not world.callbacks.baseline_fn:
            params = world.problem.space.default()
            yield from _start(world, experiment, 0, params, world.problem.full_budget, Origin.DEFAULT, None)
    elif experiment.baseline:
        yield from _follow(world, experiment)


def _follow(world: World, experiment: Experiment) -> Iterator[Event]:
    next_id = len(experiment.trials)
    for decision in world.searcher.ask(experiment.trials, free_slots(world, experiment)):
        _check(world, experiment, decision)
        match decision:
            case Start(params=params, budget=budget, parent=parent):
                yield from _start(world, experiment, next_id, params, budget, Origin.SEARCH, parent)
                next_id += 1
            case Promote(trial=trial, budget=budget):
                yield from _promote(world, experiment, trial, budget)
            case Stop(trial=trial, reason=reason):
                yield from _stop(world, experiment, trial, reason)
            case _:
                assert_never(decision)


def free_slots(world: World, experiment: Experiment) -> int:
    """How many more trials may run: the platform's capacity or the user's limit, less what is under way."""
    capacity, limit = world.platform.capacity(world.jobs.gpus), world.rules.max_concurrent
    known = [bound for bound in (capacity, limit) if bound is not None]
    return max(0, max(1, min(known, default=1)) - len(experiment.live))


def _start(
    world: World,
    experiment: Experiment,
    trial: int,
    params: JsonObject,
    budget: int,
    origin: Origin,
    parent: int | None,
) -> Iterator[Event]:
    yield TrialStarted(
        at=world.clock.now(),
        trial=trial,
        params=params,
        signature=world.problem.space.signature(params),
        budget=budget,
        origin=origin,
        parent=parent,
    )
    after = experiment.jobs[experiment.train_job[parent]] if parent is not None else None
    yield request_training(world, experiment, trial=trial, params=params, budget=budget, after=after)


def _promote(world: World, experiment: Experiment, trial: int, budget: int) -> Iterator[Event]:
    yield TrialPromoted(at=world.clock.now(), trial=trial, budget=budget)
    before = experiment.jobs[experiment.train_job[trial]]
    params = experiment.trials[trial].params
    yield request_training(world, experiment, trial=trial, params=params, budget=budget, after=before)


def _stop(world: World, experiment: Experiment, trial: int, reason: str) -> Iterator[Event]:
    if trial in experiment.stop_requests:
        return
    now = world.clock.now()
    yield TrialStopRequested(at=now, trial=trial, reason=reason)
    job = experiment.jobs[experiment.train_job[trial]]
    if not job.ended and not job.cancel:
        yield JobCancelRequested(at=now, key=job.key, reason=reason)


def _check(world: World, experiment: Experiment, decision: Decision) -> None:
    """A searcher is a plug-in: what it answers is checked before it can cost anything."""
    problems: list[str] = []
    match decision:
        case Start(params=params, budget=budget):
            problems += world.problem.space.validate(params)
            problems += [] if 1 <= budget <= world.problem.full_budget else [f"budget {budget} is out of range"]
        case Promote(trial=trial_id, budget=budget):
            trial = experiment.trials[trial_id]
            if trial.state is not TrialState.COMPLETED or not trial.budget < budget <= world.problem.full_budget:
                problems.append(f"trial {trial_id} ({trial.state.value} at {trial.budget}) cannot go on to {budget}")
        case Stop(trial=trial_id):
            if not experiment.trials[trial_id].live:
                problems.append(f"trial {trial_id} does not run")
    if problems:
        name = type(world.searcher).__name__
        raise TaoAutoMLError(f"{name} broke the contract of searchers: {'; '.join(problems)}", "report it to its author")
