"""A searcher is a plug-in: what it answers is checked as a whole, before any of it can cost anything."""

from collections.abc import Iterator, Sequence

from tao_automl.domain.experiment import Experiment
from tao_automl.domain.trial import Decision, Promote, Start, Stop, TrialState
from tao_automl.engine.world import World
from tao_automl.errors import TaoAutoMLError


def ask(world: World, experiment: Experiment, slots: int) -> Sequence[Decision]:
    """The searcher's decisions. Raises TaoAutoMLError if they break the contract of `Searcher.ask`."""
    answer = tuple(world.searcher.ask(experiment.trials, slots))
    problems = [*_problems_of_all(answer, slots), *(p for one in answer for p in _problems(world, experiment, one))]
    if problems:
        name = type(world.searcher).__name__
        message = f"{name} broke the contract of searchers: {'; '.join(problems)}"
        raise TaoAutoMLError(message, "report it to its author; running jobs go on, and resume continues from here")
    return answer


def _problems_of_all(answer: Sequence[Decision], slots: int) -> Iterator[str]:
    placed = sum(isinstance(decision, Start | Promote) for decision in answer)
    if placed > slots:
        yield f"{placed} trials were to run in {slots} free slots"
    touched = [decision.trial for decision in answer if isinstance(decision, Promote | Stop)]
    if len(set(touched)) < len(touched):
        yield f"more than one decision about one trial, got {touched}"


def _problems(world: World, experiment: Experiment, decision: Decision) -> Iterator[str]:
    match decision:
        case Start(params=params, budget=budget, parent=parent):
            yield from world.problem.space.validate(params)
            yield from _budget_problems(world, budget, above=0)
            if parent is not None:
                yield from _unknown(experiment, parent)
        case Promote(trial=trial, budget=budget):
            yield from _unknown(experiment, trial) or _promotion_problems(world, experiment, trial, budget)
        case Stop(trial=trial):
            yield from _unknown(experiment, trial) or _stop_problems(experiment, trial)
        case _:
            yield f"{decision!r:.80} is no decision"


def _promotion_problems(world: World, experiment: Experiment, trial_id: int, budget: int) -> Iterator[str]:
    trial = experiment.trials[trial_id]
    if trial.state is not TrialState.COMPLETED:
        yield f"trial {trial_id} is {trial.state.value}, and only a completed one can be promoted"
    yield from _budget_problems(world, budget, above=trial.budget)


def _stop_problems(experiment: Experiment, trial_id: int) -> Iterator[str]:
    if not experiment.trials[trial_id].live:
        yield f"trial {trial_id} does not run, and cannot be stopped"


def _budget_problems(world: World, budget: int, *, above: int) -> Iterator[str]:
    full = world.problem.full_budget
    if not isinstance(budget, int) or not above < budget <= full:
        yield f"a budget must be an integer above {above} and at most {full}, got {budget!r}"


def _unknown(experiment: Experiment, trial: int) -> list[str]:
    count = len(experiment.trials)
    known = isinstance(trial, int) and 0 <= trial < count
    return [] if known else [f"there is no trial {trial!r} (there are {count})"]
