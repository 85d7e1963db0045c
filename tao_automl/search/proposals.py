"""New configurations: numbered, addressed, and never one that was tried before.

Proposal number n is the n-th trial that the search starts, whatever else was started in between. Its dice have the
address (seed, algorithm, n), so that it does not matter whether slots became free one by one or all at once.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import TypeAlias

from tao_automl.domain.dice import rng_for
from tao_automl.domain.json_types import JsonObject
from tao_automl.domain.problem import Problem
from tao_automl.domain.trial import Origin, Promote, Start, Trial, TrialState

Draws: TypeAlias = Callable[[int], Iterable[JsonObject]]
"""The configurations that may become proposal number n, the preferred one first; a finite number of them."""

ATTEMPTS = 200  # draws that may hit a known configuration before the space is swept
_SWEEP_LEVELS = 64
_SWEEP_LENGTH = 2048


def propose(problem: Problem, history: Sequence[Trial], draws: Draws) -> Iterator[JsonObject]:
    """Configurations that no trial has, each once, from the next number on; ends when the draws have nothing new.

    A failed configuration is not proposed again either: the runner has retried it where that could help.
    """
    taken = {trial.signature for trial in (*history, *problem.known)}
    index = searched(history)
    while (fresh := _first_new(problem, taken, draws(index))) is not None:
        yield fresh
        index += 1


def one_by_one(
    problem: Problem, history: Sequence[Trial], draws_after: Callable[[Sequence[Trial]], Draws], budget: int
) -> Iterator[JsonObject]:
    """As `propose`, but each configuration is drawn as if those before it were running already."""
    seen = list(history)
    while (params := next(propose(problem, seen, draws_after(seen)), None)) is not None:
        yield params
        seen = followed(problem, seen, Start(params=params, budget=budget))


def followed(problem: Problem, history: Sequence[Trial], decision: Start | Promote) -> list[Trial]:
    """The history right after a decision: what it is about runs."""
    trials = list(history)
    if isinstance(decision, Promote):
        trials[decision.trial] = replace(trials[decision.trial], state=TrialState.RUNNING, budget=decision.budget)
        return trials
    signature = problem.space.signature(decision.params)
    begun = Trial(
        id=len(trials),
        params=decision.params,
        signature=signature,
        budget=decision.budget,
        parent=decision.parent,
    )
    return [*trials, begun]


def searched(history: Sequence[Trial]) -> int:
    """How many trials the search has started: the number of the next proposal."""
    return sum(trial.origin is Origin.SEARCH for trial in history)


def starts(configurations: Iterator[JsonObject], budget: int, count: int) -> list[Start]:
    """Up to `count` starts at the same budget."""
    return [Start(params=params, budget=budget) for params in islice(configurations, max(0, count))]


def uniform(problem: Problem, algorithm: str) -> Draws:
    """Draws from the space's own distribution. When all of them are known, a bounded sweep looks for what is left.

    So a small space is used up to its last configuration, and one of thousands at least nearly so.
    """

    def draws(index: int) -> Iterator[JsonObject]:
        space = problem.space
        yield space.sample(rng_for(problem.seed, algorithm, index))
        for attempt in range(1, ATTEMPTS):
            yield space.sample(rng_for(problem.seed, algorithm, index, attempt))
        yield from islice(space.grid(_SWEEP_LEVELS), _SWEEP_LENGTH)

    return draws


def _first_new(problem: Problem, taken: set[str], draws: Iterable[JsonObject]) -> JsonObject | None:
    """The first draw that is not taken, which is taken from now on."""
    for params in draws:
        signature = problem.space.signature(params)
        if signature not in taken:
            taken.add(signature)
            return params
    return None
