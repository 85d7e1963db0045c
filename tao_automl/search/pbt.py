"""PBT: population based training."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from tao_automl.domain.axes import AxisKind, UnitAxis
from tao_automl.domain.dice import rng_for
from tao_automl.domain.json_types import JsonObject
from tao_automl.domain.problem import Problem
from tao_automl.domain.space import SearchSpace
from tao_automl.domain.trial import Decision, Origin, Promote, Start, Trial, TrialState
from tao_automl.errors import SettingsError
from tao_automl.search.proposals import followed, propose, searched, uniform
from tao_automl.search.rungs import populate
from tao_automl.search.settings import check_at_least, check_between, fidelity_of

EXPLORATIONS = 16  # of one parent; configurations that were tried before are passed over
_LOST = (TrialState.FAILED, TrialState.STOPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class PBT:
    """Population based training (arXiv 1711.09846), asynchronous, with truncation selection.

    Choose it for long trainings whose best learning rate, or augmentation, is not the same at the begin and at the end.
    `population_size` trials are trained for `eval_interval` units at a time. One that is then among the worst
    `quantile` of all that were trained as long is given up: a new trial goes on from the checkpoint of one of the best
    `quantile`, its parent, with changed parameters. All others go on as they are. So is a trial that failed replaced.

    What is changed: each parameter is drawn anew with the probability `resample_prob`; otherwise a number moves by up
    to `perturbation_factor` of its range, on its own scale, and at least to the next value. A child is compared with
    those that were trained as long as itself, its parent's training included.
    """

    problem: Problem
    num_recommendations: int | None = field(
        default=None,
        metadata={
            "help": "The most trials in all, children included; none: population_size * max_generations.",
            "aliases": ("automl_max_recommendations",),
        },
    )
    population_size: int = field(
        default=10,
        metadata={"help": "How many trials are trained side by side.", "aliases": ("automl_population_size",)},
    )
    max_generations: int = field(
        default=10,
        metadata={"help": "How often a trial is trained on, at most.", "aliases": ("automl_max_generations",)},
    )
    eval_interval: int | None = field(
        default=None,
        metadata={"help": "Units (epochs) a generation; none: an equal share of a complete training.", "aliases": ()},
    )
    perturbation_factor: float = field(
        default=0.2, metadata={"help": "How far a child's numbers may move, as a share of the range.", "aliases": ()}
    )
    resample_prob: float = field(
        default=0.25, metadata={"help": "How probably a child's parameter is drawn anew.", "aliases": ()}
    )
    quantile: float = field(
        default=0.25,
        metadata={"help": "The share of the worst that are replaced by children of the best.", "aliases": ()},
    )

    def __post_init__(self) -> None:
        if not fidelity_of(self.problem, "pbt").resumable:
            raise SettingsError(
                "pbt: a training that resumes from checkpoints is needed, and this one does not",
                "declare `fidelity.resumable` in the skill, or choose asha with variant=stopping",
            )
        for name in ("population_size", "max_generations", "num_recommendations", "eval_interval"):
            if getattr(self, name) is not None:
                check_at_least(name, getattr(self, name), 1)
        check_between("perturbation_factor", self.perturbation_factor, 0, 1)
        check_between("resample_prob", self.resample_prob, 0, 1)
        check_between("quantile", self.quantile, 0, 0.5)

    @property
    def levels(self) -> tuple[int, ...]:
        """The budget at the end of each generation."""
        fidelity = fidelity_of(self.problem, "pbt")
        step = self.eval_interval or -(-fidelity.high // self.max_generations)
        ends = (step * number for number in range(1, self.max_generations + 1))
        return tuple(sorted({min(max(end, fidelity.low), fidelity.high) for end in ends}))

    def ask(self, history: Sequence[Trial], slots: int) -> Sequence[Decision]:
        answer: list[Decision] = []
        seen = list(history)
        while len(answer) < slots and (decision := self._next(seen)):
            answer.append(decision)
            seen = followed(self.problem, seen, decision)
        return answer

    def _next(self, history: Sequence[Trial]) -> Start | Promote | None:
        """First the population has to be complete; then those are due that were trained least."""
        own = [trial for trial in history if trial.origin is Origin.SEARCH]
        room = (self.num_recommendations or self.population_size * self.max_generations) - len(own)
        founders = [trial for trial in own if trial.parent is None]
        lost = sum(trial.state in _LOST and trial.budget <= self.levels[0] for trial in founders)
        if len(founders) < self.population_size + min(lost, self.population_size) and room > 0:
            params = next(propose(self.problem, history, uniform(self.problem, "pbt")), None)
            if params is not None:
                return Start(params=params, budget=self.levels[0])
        for level, above in zip(self.levels, self.levels[1:], strict=False):
            generation = Generation.of(own, level, above)
            for trial in generation.due:
                if decision := self._exploited(history, generation, trial, room):
                    return decision
        return None

    def _exploited(
        self, history: Sequence[Trial], generation: "Generation", trial: Trial, room: int
    ) -> Start | Promote | None:
        """A child of one of the best in the place of one of the worst, or else the trial itself goes on."""
        parents = generation.parents(trial, self.quantile)
        if parents and room > 0:
            parent = rng_for(self.problem.seed, "pbt", searched(history), "parent").choice(parents)
            params = next(propose(self.problem, history, lambda index: self._explored(parent, index)), None)
            if params is not None:
                return Start(params=params, budget=generation.above, parent=parent.id)
        return Promote(trial=trial.id, budget=generation.above) if trial.state is TrialState.COMPLETED else None

    def _explored(self, parent: Trial, index: int) -> Iterator[JsonObject]:
        for attempt in range(EXPLORATIONS):
            dice = rng_for(self.problem.seed, "pbt", index, "explore", attempt)
            yield explored(self.problem.space, parent.params, self.perturbation_factor, self.resample_prob, dice)


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """Those that were trained up to one level.

    Attributes:
        order: the ids of all that have a score there, the best first.
        waiting: what has to go on from there, or to be replaced, the worst first.
        donors: what can be forked: its last checkpoint is the one of this level.
        children: how many trials began from a checkpoint of this level: each has replaced one of those that wait.
    """

    above: int
    order: tuple[int, ...]
    waiting: tuple[Trial, ...]
    donors: tuple[Trial, ...]
    children: int

    @classmethod
    def of(cls, trials: Sequence[Trial], level: int, above: int) -> "Generation":
        (entries,) = populate(trials, (level,))
        order = tuple(trial for _, trial, _ in sorted(entries))
        rank = {trial: place for place, trial in enumerate(order)}
        done = [t for t in trials if t.state is TrialState.COMPLETED and level <= t.budget < above and t.id in rank]
        lost = [t for t in trials if t.state in _LOST and level < t.budget <= above]
        under_way = [t for t in trials if t.live and level < t.budget <= above and t.id in rank]
        begun = [t for t in trials if t.parent is not None and level < min((t.budget, *t.scores)) <= above]
        return cls(
            above=above,
            order=order,
            waiting=(*lost, *sorted(done, key=lambda t: -rank[t.id])),
            donors=(*done, *under_way),
            children=len(begun),
        )

    @property
    def due(self) -> tuple[Trial, ...]:
        """What waits and was not replaced yet."""
        return self.waiting[self.children :]

    def parents(self, trial: Trial, quantile: float) -> list[Trial]:
        """From what the trial is to be replaced; nothing, if it is not among the worst."""
        count = int(quantile * len(self.order))
        if trial.state is TrialState.COMPLETED and trial.id not in self.order[len(self.order) - count :]:
            return []
        best = self.order[: max(count, 1)]
        return [donor for donor in self.donors if donor.id in best and donor.id != trial.id]


def explored(space: SearchSpace, params: JsonObject, factor: float, resample: float, dice: Random) -> JsonObject:
    """A configuration near another one."""
    old, new = space.encode(params), space.encode(space.sample(dice))
    places = [
        fresh if dice.random() < resample or not on else _moved(axis, place, factor, dice)
        for axis, place, on, fresh in zip(space.axes, old.point, old.active, new.point, strict=True)
    ]
    return space.decode(places)


def _moved(axis: UnitAxis, place: float, factor: float, dice: Random) -> float:
    """Up or down by up to `factor`, the other way where the range ends; an option without order stays."""
    if axis.kind is AxisKind.CATEGORICAL:
        return place
    step = max(factor * dice.random(), 1 / axis.cells if axis.cells else 0.0)
    moved = place + dice.choice((-step, step))
    return min(max(moved if 0 <= moved <= 1 else 2 * place - moved, 0.0), 1.0)
