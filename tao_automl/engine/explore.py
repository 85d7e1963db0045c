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
from tao_automl.domain.trial import Origin, Promote, Start, Stop
from tao_automl.engine.answers import ask
from tao_automl.engine.conclude import must_end
from tao_automl.engine.evaluation import baseline_comes_first
from tao_automl.engine.requests import request_training
from tao_automl.engine.world import World


def explore(world: World, experiment: Experiment) -> Iterator[Event]:
    """Starts the default configuration, waits for the baseline, then follows the searcher."""
    if experiment.ended or must_end(world, experiment):
        return
    if world.rules.evaluate_default and not experiment.trials:
        if experiment.baseline or not baseline_comes_first(world, experiment):
            params = world.problem.space.default()
            yield from _start(world, experiment, 0, params, world.problem.full_budget, Origin.DEFAULT, None)
    elif experiment.baseline:
        yield from _follow(world, experiment)


def _follow(world: World, experiment: Experiment) -> Iterator[Event]:
    asked = (experiment.seq, free_slots(world, experiment))
    if world.waiting == asked:
        return  # the answer to the same question is the same, and may be dear to find
    decided = False
    for event in _decisions(world, experiment, asked[1]):
        decided = True
        yield event
    world.waiting = None if decided else asked


def _decisions(world: World, experiment: Experiment, slots: int) -> Iterator[Event]:
    early = world.stopper.stops(experiment.trials) if world.stopper else ()
    stopped = {due.trial: due.reason for due in early if due.trial in experiment.live}
    for trial, reason in stopped.items():
        yield from _stop(world, experiment, trial, reason)
    next_id = len(experiment.trials)
    for decision in ask(world, experiment, slots):
        match decision:
            case Start(params=params, budget=budget, parent=parent):
                yield from _start(world, experiment, next_id, params, budget, Origin.SEARCH, parent)
                next_id += 1
            case Promote(trial=trial, budget=budget):
                yield from _promote(world, experiment, trial, budget)
            case Stop(trial=trial, reason=reason):
                if trial not in stopped:
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
