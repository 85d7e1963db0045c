"""DEHB: hyperband whose configurations evolve."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, islice
from typing import NamedTuple

from tao_automl.domain.dice import rng_for
from tao_automl.domain.json_types import JsonObject
from tao_automl.domain.trial import Origin, Trial
from tao_automl.search.evolution import Place, crossover, mutant, parents
from tao_automl.search.hyperband import Bracket, Hyperband
from tao_automl.search.proposals import propose, uniform
from tao_automl.search.rungs import populate
from tao_automl.search.settings import check_between
from tao_automl.search.tpe import encode

OFFSPRING = 8  # of one target; those that were tried before are passed over
POOL = 6  # parents; a mutant has three


class Role(NamedTuple):
    """The population that a trial shall join, by its budget; the member that it competes with; and whether it is drawn
    at random, for the first population."""

    budget: int
    slot: int
    founder: bool = False


def roles(brackets: Sequence[Bracket]) -> Iterator[Role]:
    """The role of the search's trial 0, 1, …, without an end."""
    for number in count():
        bracket = brackets[number % len(brackets)]
        for slot in range(bracket.sizes[0]):
            yield Role(bracket.budgets[0], slot, founder=number == 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class DEHB(Hyperband):
    """Hyperband's schedule with differential evolution across budgets (arXiv 2105.09821).

    Choose it when epochs are the cost, for spaces of many numbers, and where proposals must cost nothing. The trials of
    the first bracket are drawn at random. Later ones are offspring: a mutant
    ``base + mutation_factor * (one - other)``, crossed with a member of the population on the lowest rung of their
    bracket, whose place they take if they are better after as much training. The mutant's parents are among the best
    on the largest budget that has enough.

    In the paper each rung above the lowest has offspring of its own, which are trained from the start. Here the best of
    a rung go on from their checkpoints, as in hyperband, which costs a fraction. Nothing waits for evolution: an
    offspring is made of what is known when a slot is free (the paper's asynchronous variant).
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
        target = self.population(history, role.budget).get(role.slot)
        pool = [self._place(history[trial]) for trial in self.elite(history)]
        for attempt in range(OFFSPRING):
            dice = rng_for(seed, "dehb", index, "offspring", attempt)
            changed = mutant(*parents(pool, dice, space.dimension), self.mutation_factor, dice)
            old = space.encode(space.sample(dice)).point if target is None else self._place(history[target])
            yield space.decode(crossover(old, changed, self.crossover_prob, dice))

    def population(self, history: Sequence[Trial], budget: int) -> dict[int, int]:
        """The best trial of each slot after as much training: slot to trial."""
        ours = [trial for trial in history if trial.origin is Origin.SEARCH]
        members = [(t, role.slot) for t, role in zip(ours, roles(self.brackets), strict=False) if role.budget == budget]
        slot_of = {trial.id: slot for trial, slot in members}
        (entries,) = populate([trial for trial, _ in members], (budget,))
        found: dict[int, int] = {}
        for _, trial, _ in sorted(entries):
            found.setdefault(slot_of[trial], trial)
        return found

    def elite(self, history: Sequence[Trial]) -> list[int]:
        """The best trials on the largest budget that has enough for a pool; all are compared, the user's too."""
        levels = self.brackets[0].budgets
        rungs = populate(history, levels)
        best = next((rung for rung in reversed(rungs) if len(rung) >= POOL), rungs[0])
        return [trial for _, trial, _ in sorted(best)[:POOL]]

    def _place(self, trial: Trial) -> Place:
        """Where the trial lies; its inactive coordinates are drawn, always the same ones."""
        dice, encoded = rng_for(self.problem.seed, "dehb", "inactive", trial.id), encode(self.problem.space, trial)
        if encoded is None:
            return [dice.random() for _ in self.problem.space.axes]
        return [x if on else dice.random() for x, on in zip(encoded.point, encoded.active, strict=True)]
