"""Hyperband: brackets of synchronous successive halving."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, islice, pairwise

from tao_automl.domain.json_types import JsonObject
from tao_automl.domain.problem import Fidelity, Problem
from tao_automl.domain.ranking import Rank
from tao_automl.domain.trial import Decision, Origin, Promote, Start, Trial, TrialState
from tao_automl.search.proposals import propose, uniform
from tao_automl.search.rungs import falling_levels, rungs_of
from tao_automl.search.settings import REDUCTION_FACTOR, check_at_least, fidelity_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Bracket:
    """One run of successive halving: ``sizes[k]`` trials are trained up to ``budgets[k]``."""

    budgets: tuple[int, ...]
    sizes: tuple[int, ...]


def schedule(fidelity: Fidelity, factor: int) -> tuple[Bracket, ...]:
    """One round of brackets, the most exploring one first.

    Bracket s starts ``n = floor((s_max + 1) / (s + 1)) * factor**s`` trials. This is the rule behind the paper's table
    for R = 81 and factor 3 (81, 27, 9, 6 and 5 trials). The paper's pseudocode says
    ``ceil((s_max + 1) / (s + 1) * factor**s)`` instead, which is 34 for s = 3 where the table has 27, and leaves rungs
    that do not divide evenly. The table is followed.
    """
    levels = falling_levels(fidelity, factor)
    rungs = len(levels)
    return tuple(_bracket(levels[-s - 1 :], rungs // (s + 1) * factor**s, factor) for s in reversed(range(rungs)))


def _bracket(budgets: tuple[int, ...], size: int, factor: int) -> Bracket:
    """`size` trials, a `factor`-th of which goes on from each rung, but at least one."""
    return Bracket(budgets=budgets, sizes=tuple(max(1, size // factor**k) for k in range(len(budgets))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Hyperband:
    """Brackets of successive halving, from many short trials to few long ones (arXiv 1603.06560).

    Choose it when epochs are the cost, early scores tell something of final ones, and you do not know how much. With
    many slots `asha` wastes less time waiting.

    A rung is compared when all of its trials have ended; then the best ones go on from their checkpoints. Meanwhile
    free slots begin the next bracket. A trial that failed, or was stopped, has a place in its rung as the worst. Only
    the search's own trials are compared: the default configuration and the user's are trained in full anyway.
    Rounds of brackets follow each other until `num_recommendations` configurations were started, trial 0 not counted;
    the last bracket may then be smaller.
    """

    problem: Problem
    num_recommendations: int | None = field(
        default=None,
        metadata={
            "help": "How many configurations the search starts; none: one round of all brackets.",
            "aliases": ("automl_max_recommendations",),
        },
    )
    reduction_factor: int = field(default=3, metadata=REDUCTION_FACTOR)

    def __post_init__(self) -> None:
        fidelity_of(self.problem, "hyperband")
        check_at_least("reduction_factor", self.reduction_factor, 2)
        if self.num_recommendations is not None:
            check_at_least("num_recommendations", self.num_recommendations, 1)

    @property
    def brackets(self) -> tuple[Bracket, ...]:
        """One round."""
        return schedule(fidelity_of(self.problem, "hyperband"), self.reduction_factor)

    def ask(self, history: Sequence[Trial], slots: int) -> Sequence[Decision]:
        if slots < 1:
            return []
        trials = [trial for trial in history if trial.origin is Origin.SEARCH]
        room = max(0, self._total - len(trials))
        due = self._promotions(trials, growing=room > 0 and self._any_left(history))[:slots]
        fresh = islice(self._configurations(history), min(slots - len(due), room))
        budgets = islice(self._budgets(), len(trials), None)
        return [*due, *(Start(params=params, budget=budget) for params, budget in zip(fresh, budgets, strict=False))]

    @property
    def _total(self) -> int:
        """How many configurations the search starts."""
        return self.num_recommendations or sum(bracket.sizes[0] for bracket in self.brackets)

    def _budgets(self) -> Iterator[int]:
        """The first budget of the search's trial 0, 1, …, without an end."""
        return _bottom_budgets(self.brackets)

    def _any_left(self, history: Sequence[Trial]) -> bool:
        """Whether the space has a configuration that was not tried, so that the last bracket still grows."""
        return next(propose(self.problem, history, uniform(self.problem, "hyperband")), None) is not None

    def _configurations(self, history: Sequence[Trial]) -> Iterator[JsonObject]:
        """New configurations, the next one first."""
        return propose(self.problem, history, uniform(self.problem, "hyperband"))

    def _promotions(self, trials: Sequence[Trial], *, growing: bool) -> list[Promote]:
        """All promotions that are due, the oldest bracket first. `growing`: the last bracket may get more trials."""
        due: list[Promote] = []
        for bracket, members in filled(self.brackets, trials):
            missing = bracket.sizes[0] - len(members)
            if missing and growing:
                break
            actual = _bracket(bracket.budgets, len(members), self.reduction_factor) if missing else bracket
            due += promotions(actual, members)
        return due


def _bottom_budgets(brackets: Sequence[Bracket]) -> Iterator[int]:
    """The first budget of trial 0, 1, … of an endless series of rounds."""
    for number in count():
        bracket = brackets[number % len(brackets)]
        yield from [bracket.budgets[0]] * bracket.sizes[0]


def filled(brackets: Sequence[Bracket], trials: Sequence[Trial]) -> Iterator[tuple[Bracket, Sequence[Trial]]]:
    """Every bracket that has trials, with them; only the last one may lack some."""
    begin = 0
    for number in count():
        if begin >= len(trials):
            return
        bracket = brackets[number % len(brackets)]
        yield bracket, trials[begin : begin + bracket.sizes[0]]
        begin += bracket.sizes[0]


def promotions(bracket: Bracket, members: Sequence[Trial]) -> list[Promote]:
    """What is due in one bracket, best first: the rest of the lowest rung that has not sent all of its best on."""
    for (level, above), size in zip(pairwise(bracket.budgets), bracket.sizes[1:], strict=True):
        if any(trial.live and trial.budget <= level for trial in members):
            return []
        promoted = [trial for trial in members if trial.budget > level]
        ready = sorted(_ready(members, level))
        missing = max(0, min(size - len(promoted), len(ready)))
        if missing:
            return [Promote(trial=trial, budget=above) for _, trial in ready[:missing]]
        members = promoted
    return []


def _ready(members: Sequence[Trial], level: int) -> list[tuple[Rank, int]]:
    """(rank, id) of those that completed at `level` and were not sent on yet."""
    waiting = [trial for trial in members if trial.state is TrialState.COMPLETED and trial.budget <= level]
    (rung,) = rungs_of(waiting, (level,))
    return [(rank, trial) for rank, trial, _ in rung.entries]
