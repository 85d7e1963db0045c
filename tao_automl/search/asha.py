"""ASHA: asynchronous successive halving."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field
from itertools import islice
from operator import itemgetter
from typing import Literal

from tao_automl.domain.problem import Problem
from tao_automl.domain.ranking import Rank, ranks
from tao_automl.domain.trial import Decision, Origin, Promote, Start, Stop, Trial, TrialState
from tao_automl.search.proposals import Draws, propose, starts, uniform
from tao_automl.search.rungs import Rung, lowest_rung, populate, rising_levels, rungs_of
from tao_automl.search.settings import (
    NUM_RECOMMENDATIONS,
    REDUCTION_FACTOR,
    check_at_least,
    check_one_of,
    fidelity_of,
)

VARIANTS = ("promotion", "stopping")


@dataclass(frozen=True, slots=True, kw_only=True)
class ASHA:
    """Successive halving that never waits for a rung to fill (arXiv 1810.05934, with a single bracket, s = 0).

    Choose it when epochs are the cost and several trials run at a time: every slot is busy until
    `num_recommendations` configurations were started.

    `promotion`, the paper's algorithm: a free slot goes to the best trial that is among the best 1/eta of its rung and
    has not gone on from it, looking from the top rung down; if there is none, a new trial starts on the lowest rung.
    Only trials with a score stand on a rung. That a trial reaches the top takes eta^(number of rungs - 1) trials on
    the lowest one. Choose it when training resumes from checkpoints.

    `stopping`: trials are started with the full budget, and one is stopped when it reports a rung's score that is
    not among the best 1/eta (rounded up) of those reported so far. Choose it when resuming is dear or impossible.

    The lowest rung is not the first epoch, unless three promotions lead from there to the full budget: scores of
    trainings that have hardly begun can be worse than none. On the task 7593 of LCBench, with 50 epochs, nine in ten of
    the best percent of configurations are in the worse half after one epoch, and seven in eight in the best third
    after two.

    The scores of the default configuration and of the user's trials are compared too; they are never stopped.
    """

    problem: Problem
    num_recommendations: int = field(default=20, metadata=NUM_RECOMMENDATIONS)
    reduction_factor: int = field(default=3, metadata=REDUCTION_FACTOR)
    variant: Literal["promotion", "stopping"] = field(
        default="promotion",
        metadata={"help": "Resume good trials (promotion), or stop bad ones (stopping).", "aliases": ()},
    )

    min_epochs: int | None = field(
        default=None,
        metadata={
            "help": "The lowest rung, in units (epochs); none: the full budget after three promotions.",
            "aliases": ("grace_period",),
        },
    )

    def __post_init__(self) -> None:
        fidelity_of(self.problem, "asha")
        check_at_least("num_recommendations", self.num_recommendations, 1)
        check_at_least("reduction_factor", self.reduction_factor, 2)
        check_one_of("variant", self.variant, VARIANTS)
        if self.min_epochs is not None:
            check_at_least("min_epochs", self.min_epochs, 1)

    @property
    def levels(self) -> tuple[int, ...]:
        """The budget of each rung, the full one last."""
        fidelity, factor = fidelity_of(self.problem, "asha"), self.reduction_factor
        lowest = max(fidelity.low, self.min_epochs) if self.min_epochs else lowest_rung(fidelity, factor)
        return rising_levels(fidelity, factor, lowest)

    def ask(self, history: Sequence[Trial], slots: int) -> Sequence[Decision]:
        levels, factor = self.levels, self.reduction_factor
        if self.variant == "stopping":
            return [*stops(history, levels, factor), *self._starts(history, levels[-1], slots)]
        due = list(islice(promotions(history, levels, factor), max(0, slots)))
        return [*due, *self._starts(history, levels[0], slots - len(due))]

    def _starts(self, history: Sequence[Trial], budget: int, slots: int) -> list[Start]:
        room = self.num_recommendations - len(history)
        return starts(propose(self.problem, history, self._draws()), budget, min(slots, room))

    def _draws(self) -> Draws:
        return uniform(self.problem, "asha")


def promotions(history: Sequence[Trial], levels: Sequence[int], factor: int) -> Iterator[Promote]:
    """All promotions that are due, from the top rung down and the best of a rung first."""
    rungs = populate(history, levels[:-1])
    for rung, above in zip(reversed(rungs), reversed(levels[1:]), strict=True):
        for _, trial_id, _ in sorted(rung)[: len(rung) // factor]:
            trial = history[trial_id]
            if trial.state is TrialState.COMPLETED and trial.budget < above:
                yield Promote(trial=trial_id, budget=above)


def stops(history: Sequence[Trial], levels: Sequence[int], factor: int) -> Iterator[Stop]:
    """The running trials that fell behind on a rung, by the scores that were known when they reported."""
    running = {trial.id for trial in history if trial.live and trial.origin is Origin.SEARCH and trial.scores}
    if not running:
        return
    for level, rung in zip(levels[:-1], rungs_of(history, levels[:-1]), strict=True):
        for trial_id, reason in _behind(rung, running, factor):
            running.remove(trial_id)
            yield Stop(trial=trial_id, reason=f"at budget {level}: {reason}")


def _behind(rung: Rung, judged: Set[int], factor: int) -> Iterator[tuple[int, str]]:
    """Which of the judged trials were not among the best 1/factor, rounded up, when they reported; and why.

    Of plain costs this is ``cost > quantile(costs, 1/factor)`` with linear interpolation, without rounding errors. A
    tie goes on.
    """
    if judged.isdisjoint(rung.trials):
        return
    several = any(score.costs for score in rung.scores)
    for trial, better, count in _fronts(rung, judged) if several else _places(rung, judged):
        places = -(-count // factor)
        if better >= places:
            yield trial, f"rank {better + 1} of {count}, the best {places} go on"


def _places(rung: Rung, judged: Set[int]) -> Iterator[tuple[int, int, int]]:
    """(trial, how many were better, how many had reported) when each of the judged trials reported."""
    reports = sorted(rung.entries, key=itemgetter(2))
    order = [rank for rank, _, _ in reports]
    known: list[Rank] = []
    for place, (rank, trial, _) in enumerate(reports):
        if trial in judged:
            known += order[len(known) : place + 1]
            known.sort()  # nearly all are in order already
            yield trial, bisect_left(known, rank), len(known)


def _fronts(rung: Rung, judged: Set[int]) -> Iterator[tuple[int, int, int]]:
    """The same for several objectives, whose ranks depend on all that they are compared with."""
    reports = sorted(zip(rung.scores, rung.trials, strict=True), key=lambda report: report[0].seq)
    for place, (_, trial) in enumerate(reports):
        if trial in judged:
            known = ranks([score for score, _ in reports[: place + 1]])
            yield trial, sum(rank < known[-1] for rank in known), len(known)  # type: ignore[operator]
