"""Bayesian optimisation with Gaussian processes: one trial at a time, or a batch at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from tao_automl.domain.dice import rng_for
from tao_automl.domain.json_types import JsonObject
from tao_automl.domain.problem import Problem
from tao_automl.domain.trial import Origin, Start, Trial
from tao_automl.search.candidates import Effort, ranked
from tao_automl.search.evidence import Evidence, evidence_of
from tao_automl.search.priors import expected_places
from tao_automl.search.proposals import propose, searched, uniform
from tao_automl.search.settings import NUM_RECOMMENDATIONS, check_at_least
from tao_automl.search.sobol import MAX_DIMENSION, point, scrambled
from tao_automl.search.surrogate import FANTASIES, Surrogate, surrogate_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float64]
else:
    Array = Any

N_INIT = {"help": "How many trials come before the model is asked; none: by the dimension.", "aliases": ()}
_INCUMBENTS = 4  # the best points so far, around which is looked


@dataclass(frozen=True, slots=True, kw_only=True)
class Bayesian:
    """Gaussian-process search (log expected improvement, arXiv 2310.20708), every trial trained in full.

    Choose it when a trial is dear and some dozens of them is all there is. After `n_init` trials that cover the space
    evenly, each proposal is where a model of all outcomes expects the largest improvement. What still runs counts with
    outcomes imagined from the model, so that many slots do not look at the same place. Two objectives are searched by
    expected hypervolume improvement; more by a scalarisation, weighed anew for each proposal.
    """

    problem: Problem
    num_recommendations: int = field(default=20, metadata=NUM_RECOMMENDATIONS)
    n_init: int | None = field(default=None, metadata=N_INIT)

    def __post_init__(self) -> None:
        _check(self.num_recommendations, self.n_init)

    def ask(self, history: Sequence[Trial], slots: int) -> Sequence[Start]:
        count = min(slots, self.num_recommendations - len(history))
        return proposed(self.problem, history, "bayesian", count, self.num_recommendations, self.n_init)


@dataclass(frozen=True, slots=True, kw_only=True)
class BFBO:
    """Gaussian-process search a whole batch at a time: as many trials as there are slots, when the last batch is done.

    Choose it instead of `bayesian` when trials take equally long: all outcomes of a batch are known before the next
    one is chosen. Only the first `n_init` trials, which no outcome changes, wait for nothing. A batch maximises the
    expected improvement of the best of its members (qLogEI). They are chosen one by one, each by the improvement that
    it adds to those before it, averaged over joint samples of their outcomes. As that is submodular, at least 63 % of
    what the best batch has is reached (arXiv 1805.10196).
    """

    problem: Problem
    num_recommendations: int = field(default=20, metadata=NUM_RECOMMENDATIONS)
    n_init: int | None = field(default=None, metadata=N_INIT)

    def __post_init__(self) -> None:
        _check(self.num_recommendations, self.n_init)

    def ask(self, history: Sequence[Trial], slots: int) -> Sequence[Start]:
        designed = design_size(self.problem, self.n_init)
        if len(history) >= designed and any(trial.live and trial.origin is Origin.SEARCH for trial in history):
            return []
        count = min(slots, self.num_recommendations - len(history))
        return proposed(self.problem, history, "bfbo", count, self.num_recommendations, self.n_init)


def _check(num_recommendations: int, n_init: int | None) -> None:
    check_at_least("num_recommendations", num_recommendations, 1)
    if n_init is not None:
        check_at_least("n_init", n_init, 1)


def design_size(problem: Problem, n_init: int | None = None) -> int:
    """How many trials come before the model is asked."""
    return n_init or min(10, 4 + problem.space.dimension // 3)


def design(problem: Problem, name: str, index: int) -> Iterator[JsonObject]:
    """The centre of the space, then a scrambled Sobol sequence, both moved to where the author expects good points.

    What is there already is replaced by random draws.
    """
    space = problem.space
    if 0 < space.dimension <= MAX_DIMENSION:
        place = _sobol(space.dimension, problem.seed, index - 1) if index else (0.5,) * space.dimension
        yield space.decode(expected_places(space.axes, place))
    yield from uniform(problem, name)(index)


@lru_cache(maxsize=256)
def _sobol(dimension: int, seed: int, index: int) -> tuple[float, ...]:
    """Point number `index` of the sequence."""
    return tuple(point(scrambled(dimension, seed), index))


def proposed(
    problem: Problem, history: Sequence[Trial], name: str, count: int, total: int, n_init: int | None
) -> list[Start]:
    """Up to `count` starts; the same as if they had been asked for one by one."""
    answer: list[Start] = []
    outlook = Outlook(problem=problem, history=tuple(history), name=name, trust=total / 10)
    for _ in range(max(0, count)):
        early = len(outlook.history) < design_size(problem, n_init)
        params = next(propose(problem, outlook.history, outlook.covering if early else outlook.ranked), None)
        if params is None:
            break
        answer.append(Start(params=params, budget=problem.full_budget))
        outlook.begin(params)
    return answer


@dataclass(slots=True, kw_only=True)
class Outlook:
    """One answer under way. What was proposed counts as running; models are fitted once, when first needed.

    Attributes:
        name: of the algorithm, in the addresses of dice.
        trust: in the author's priors: beta of piBO (arXiv 2204.11051), which advises a tenth of all trials.
    """

    problem: Problem
    history: tuple[Trial, ...]
    name: str
    trust: float
    _evidence: Evidence | None = None
    _surrogate: Surrogate | None = None

    def covering(self, index: int) -> Iterator[JsonObject]:
        """By the design."""
        return design(self.problem, self.name, index)

    def ranked(self, index: int) -> Iterator[JsonObject]:
        """By the model; what the model has not looked at comes last."""
        evidence = self._known()
        if not self.problem.space.dimension or len(evidence.points) < 2:
            yield from self.covering(index)
            return
        surrogate = self._believed(evidence)
        dice = rng_for(self.problem.seed, self.name, index, "candidates")
        effort = Effort.worth_it(len(evidence.points))
        yield from ranked(self.problem.space, surrogate.worth, incumbents(surrogate, evidence), dice, effort)
        yield from uniform(self.problem, self.name)(index)

    def begin(self, params: JsonObject) -> None:
        """Counts `params` as a trial that runs."""
        import numpy as np

        space, number = self.problem.space, len(self.history)
        signature = space.signature(params)
        trial = Trial(id=number, params=params, signature=signature, budget=self.problem.full_budget)
        self.history = (*self.history, trial)
        row = np.array(space.encode(params).point)
        if self._evidence is not None:
            pending = np.vstack([self._evidence.pending, row])
            self._evidence = replace(self._evidence, pending=pending, running=(*self._evidence.running, number))
        if len(self.problem.others) > 1:
            self._surrogate = None  # objectives are weighed anew
        if self._surrogate is not None:
            self._surrogate = self._surrogate.awaiting(row, self._draws(number))

    def _known(self) -> Evidence:
        if self._evidence is None:
            self._evidence = evidence_of(self.problem, self.history)
        return self._evidence

    def _believed(self, evidence: Evidence) -> Surrogate:
        if self._surrogate is None:
            made = surrogate_of(self.problem, evidence, self.trust, (self.name, searched(self.history)))
            for row, number in zip(evidence.pending, evidence.running, strict=True):
                made = made.awaiting(row, self._draws(number))
            self._surrogate = made
        return self._surrogate

    def _draws(self, trial: int) -> Array:
        """Standard normal draws for the outcome of a running trial, evenly spread."""
        import numpy as np
        from scipy.special import ndtri

        places = list((np.arange(FANTASIES) + 0.5) / FANTASIES)
        rng_for(self.problem.seed, self.name, "fantasy", trial).shuffle(places)
        return np.array(ndtri(places), dtype=float)


def incumbents(surrogate: Surrogate, evidence: Evidence) -> list[Array]:
    """The tried points of the best means, each once."""
    import numpy as np

    rows = surrogate.features.rows(evidence.points)
    mean = np.sum([model.predict(rows)[0] for model in surrogate.costs], axis=0)
    order = np.argsort(mean - surrogate.feasibility.log_probability(rows), kind="stable")
    return [np.clip(evidence.points[k], 0.0, 1.0) for k in order[:_INCUMBENTS]]
