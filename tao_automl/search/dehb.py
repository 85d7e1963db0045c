"""DEHB: hyperband whose brackets evolve one population a budget."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, islice
from typing import NamedTuple

from tao_automl.domain.dice import rng_for
from tao_automl.domain.json_types import JsonObject
from tao_automl.domain.trial import Origin, Promote, Trial
from tao_automl.search.evolution import Place, crossover, mutant, parents
from tao_automl.search.hyperband import Bracket, Hyperband
from tao_automl.search.proposals import propose, uniform
from tao_automl.search.rungs import populate
from tao_automl.search.settings import check_between
from tao_automl.search.tpe import encode

OFFSPRING = 8  # of one target; those that were tried before are passed over
PARENTS = 3


class Role(NamedTuple):
    """What a trial is for.

    Attributes:
        budget: the population that it shall join.
        slot: the member that it competes with.
        below: the budget whose best are its parents, and how many are; none: the members of its own population.
        founder: it is drawn at random, for the first population.
    """

    budget: int
    slot: int
    below: tuple[int, int] | None = None
    founder: bool = False


def population_sizes(brackets: Sequence[Bracket]) -> dict[int, int]:
    """For each budget, the most trials that a bracket trains up to it."""
    pairs = [pair for bracket in brackets for pair in zip(bracket.budgets, bracket.sizes, strict=True)]
    return {budget: max(size for other, size in pairs if other == budget) for budget, _ in pairs}


def roles(brackets: Sequence[Bracket]) -> Iterator[Role]:
    """The role of the search's trial 0, 1, …, without an end. The first bracket is one of hyperband: its founders
    compete, and the best go on. In all others each rung has offspring of its own."""
    sizes, turns = population_sizes(brackets), dict.fromkeys(population_sizes(brackets), 0)
    for slot in range(brackets[0].sizes[0]):
        yield Role(brackets[0].budgets[0], slot, founder=True)
    for number in count(1):
        bracket = brackets[number % len(brackets)]
        lower = [None, *zip(bracket.budgets, bracket.sizes[1:], strict=False)]
        for budget, size, below in zip(bracket.budgets, bracket.sizes, lower, strict=True):
            for _ in range(size):
                yield Role(budget, turns[budget] % sizes[budget], below)
                turns[budget] += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DEHB(Hyperband):
    """Differential evolution with hyperband's budgets (arXiv 2105.09821).

    Choose it when epochs are the cost, for spaces of many numbers, and where proposals must cost nothing. Each budget
    has a population. An offspring is a mutant ``base + mutation_factor * (one - other)``, crossed with a member of the
    population, and takes its place if it is better after as much training. On the lowest rung of a bracket the parents
    are members of the same population; above it they are the best of the budget below.

    Nothing waits: an offspring is made of what is known when a slot is free (the asynchronous variant of the paper).
    Offspring are trained from the start; only those of the first bracket go on from their checkpoints.
    """

    mutation_factor: float = field(
        default=0.5, metadata={"help": "How far offspring are from their parents (F).", "aliases": ()}
    )
    crossover_prob: float = field(
        default=0.5, metadata={"help": "The share of coordinates that a mutant passes on (CR).", "aliases": ()}
    )

    def __post_init__(self) -> None:
        Hyperband.__post_init__(self)
        check_between("mutation_factor", self.mutation_factor, 0, 2)
        check_between("crossover_prob", self.crossover_prob, 0, 1)

    @property
    def _total(self) -> int:
        first, *others = self.brackets
        return self.num_recommendations or first.sizes[0] + sum(sum(bracket.sizes) for bracket in others)

    def _budgets(self) -> Iterator[int]:
        return (role.budget for role in roles(self.brackets))

    def _promotions(self, trials: Sequence[Trial], *, growing: bool) -> list[Promote]:
        return Hyperband._promotions(self, trials[: self.brackets[0].sizes[0]], growing=growing)

    def _configurations(self, history: Sequence[Trial]) -> Iterator[JsonObject]:
        spare = uniform(self.problem, "dehb")

        def draws(index: int) -> Iterator[JsonObject]:
            role = next(islice(roles(self.brackets), index, None))
            if self.problem.space.dimension and not role.founder:
                yield from self._offspring(history, role, index)
            yield from spare(index)

        return propose(self.problem, history, draws)

    def _offspring(self, history: Sequence[Trial], role: Role, index: int) -> Iterator[JsonObject]:
        space, seed = self.problem.space, self.problem.seed
        members = self.population(history, role.budget)
        target = members.pop(role.slot, None)
        best = best_at(history, *role.below) if role.below else list(members.values())
        for attempt in range(OFFSPRING):
            dice = rng_for(seed, "dehb", index, "offspring", attempt)
            pool = [self._place(history[trial], seed) for trial in best]
            changed = mutant(*parents(pool, dice, space.dimension), self.mutation_factor, dice)
            old = self._place(history[target], seed) if target is not None else space.encode(space.sample(dice)).point
            yield space.decode(crossover(old, changed, self.crossover_prob, dice))

    def population(self, history: Sequence[Trial], budget: int) -> dict[int, int]:
        """The best trial of each slot after as much training: slot to trial."""
        ours = [trial for trial in history if trial.origin is Origin.SEARCH]
        slot_of = {
            t.id: role.slot for t, role in zip(ours, roles(self.brackets), strict=False) if role.budget == budget
        }
        founders = ours[: self.brackets[0].sizes[0]]
        (entries,) = populate(ours, (budget,))
        scored = {trial for _, trial, _ in entries}
        if budget != self.brackets[0].budgets[0]:
            slot_of |= {trial: slot for slot, trial in enumerate(t.id for t in founders if t.id in scored)}
        found: dict[int, int] = {}
        for _, trial, _ in sorted(entries):
            if trial in slot_of:
                found.setdefault(slot_of[trial], trial)
        return dict(sorted(found.items()))

    def _place(self, trial: Trial, seed: int) -> Place:
        """Where the trial lies; its inactive coordinates are drawn, always the same ones."""
        dice, encoded = rng_for(seed, "dehb", "inactive", trial.id), encode(self.problem.space, trial)
        if encoded is None:
            return [dice.random() for _ in self.problem.space.axes]
        return [x if on else dice.random() for x, on in zip(encoded.point, encoded.active, strict=True)]


def best_at(history: Sequence[Trial], budget: int, size: int) -> list[int]:
    """The best trials after so much training: `size` of them, or as many as a mutant has parents."""
    (entries,) = populate(history, (budget,))
    return [trial for _, trial, _ in sorted(entries)[: max(size, PARENTS)]]
