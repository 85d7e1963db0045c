"""Multi-fidelity Bayesian optimisation over learning curves."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from tao_automl.domain.axes import UnitAxis
from tao_automl.domain.dice import rng_for
from tao_automl.domain.json_types import JsonObject
from tao_automl.domain.problem import Problem
from tao_automl.domain.trial import Decision, Promote, Start, Trial, TrialState
from tao_automl.search.acquisition import log_expected_improvement
from tao_automl.search.bayesian import design
from tao_automl.search.candidates import Effort, ranked
from tao_automl.search.curves import CurveModel, curve_model, doubling_levels
from tao_automl.search.evidence import evidence_of, inside
from tao_automl.search.priors import informed, log_prior
from tao_automl.search.proposals import propose, searched, uniform
from tao_automl.search.settings import NUM_RECOMMENDATIONS, check_at_least, fidelity_of
from tao_automl.search.surrogate import Feasibility, feasibility_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float64]
else:
    Array = Any

Offer: TypeAlias = tuple[float, Decision]
"""What a slot could be for, after the log of what that is worth for each unit to train."""

_NAME = "mfbo"
_DESIGN = 5  # trials before the model is asked
_DESIGN_DEPTH = 3  # which are trained up to the third level from the top
_TOLERANCE = math.log(0.01)  # no trial goes on for less than this part of a standard deviation of all costs
_INCUMBENTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class MFBO:
    """Multi-fidelity Bayesian optimisation: freeze and thaw on one model of all learning curves (arXiv 1406.3896).

    Choose it when epochs are the budget. A Gaussian process over configurations and budgets learns from every score how
    much early ones tell of final ones. Each free slot goes to what promises the largest expected improvement of the
    final cost for each unit that is left to train: a new configuration, on the lowest level, or a trial that rests, up
    to the next level (a doubling). So most trials stay short, none waits for a rung to fill, and a bad start is not
    held against a configuration if others like it came back.

    The search ends when `num_recommendations` configurations were started, the one with the best expectation is trained
    in full, and no other that rests is expected to do noticeably better.
    """

    problem: Problem
    num_recommendations: int = field(default=20, metadata=NUM_RECOMMENDATIONS)

    def __post_init__(self) -> None:
        fidelity_of(self.problem, _NAME)
        check_at_least("num_recommendations", self.num_recommendations, 1)

    @property
    def levels(self) -> tuple[int, ...]:
        """The budgets at which it is decided whether a trial goes on, the full one last."""
        return doubling_levels(fidelity_of(self.problem, _NAME))

    def ask(self, history: Sequence[Trial], slots: int) -> Sequence[Decision]:
        answer: list[Decision] = []
        total = self.num_recommendations
        outlook = Outlook(problem=self.problem, levels=self.levels, total=total, trials=list(history))
        while len(answer) < slots and (decision := outlook.decide()):
            answer.append(decision)
            outlook.follow(decision)
        return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Beliefs:
    """Of the final costs, what is feasible, and the author's priors.

    `best` is the lowest mean among started trials that keep the constraints; None if none does.
    """

    axes: Sequence[UnitAxis]
    curves: CurveModel
    feasibility: Feasibility
    prior_weight: float
    best: float | None

    def worth(self, points: Array) -> Array:
        """The log expected improvement on `best`, weighed by the odds of success and by priors."""
        value = self.feasibility.log_probability(self.curves.features.rows(points))
        if self.best is not None:
            value = value + log_expected_improvement(*self.curves.final(points), self.best)
        if self.prior_weight:
            value = value + self.prior_weight * log_prior(self.axes, points)
        return value


@dataclass(slots=True, kw_only=True)
class Outlook:
    """One answer under way: `trials` change as decisions are followed, the models of what was scored do not."""

    problem: Problem
    levels: tuple[int, ...]
    total: int
    trials: list[Trial]
    _models: tuple[CurveModel, Feasibility] | None = None

    def decide(self) -> Decision | None:
        """What the next free slot is for."""
        room, models = len(self.trials) < self.total, None
        if not room and not any(self._rests(trial) for trial in self.trials):
            return None
        if not room or len(self.trials) >= _DESIGN:
            models = self._fitted()
        if models is None:
            return self._first() if room else None
        beliefs = self._beliefs(*models)
        fresh = self._fresh(beliefs) if room else None
        resting = self._resting(beliefs, finishing=fresh is None)
        offers = [offer for offer in (fresh, resting) if offer]
        return max(offers, key=lambda offer: offer[0])[1] if offers else None

    def follow(self, decision: Decision) -> None:
        """Counts a decision as carried out."""
        match decision:
            case Start(params=params, budget=budget):
                signature = self.problem.space.signature(params)
                self.trials.append(Trial(id=len(self.trials), params=params, signature=signature, budget=budget))
            case Promote(trial=number, budget=budget):
                self.trials[number] = replace(self.trials[number], state=TrialState.RUNNING, budget=budget)
        if self.problem.others:
            self._models = None  # objectives are weighed anew

    def _fitted(self) -> tuple[CurveModel, Feasibility] | None:
        if self._models is None:
            address = (_NAME, searched(self.trials))
            curves = curve_model(self.problem, self.trials, self.levels, address)
            if curves is not None:
                evidence = evidence_of(self.problem, self.trials)
                self._models = curves, feasibility_of(curves.features, evidence)
        return self._models

    def _beliefs(self, curves: CurveModel, feasibility: Feasibility) -> Beliefs:
        """What runs counts as trained in full, with the outcome that is expected."""
        for trial in self.trials:
            if trial.live:
                curves = curves.believing(self._point(trial))
        space, scored = self.problem.space, sum(bool(trial.scores) for trial in self.trials)
        useful = [t for t in self.trials if _goes_on(t) and t.score and not t.score.violation]
        best = float(curves.final(self._points(useful))[0].min()) if useful else None
        weight = self.total / 10 / max(1, scored) if informed(space.axes) else 0.0
        return Beliefs(axes=space.axes, curves=curves, feasibility=feasibility, prior_weight=weight, best=best)

    def _first(self) -> Start | None:
        """A point of a design that covers the space, trained far enough to tell something."""
        level = self.levels[max(0, len(self.levels) - _DESIGN_DEPTH)]
        params = next(propose(self.problem, self.trials, self._design), None)
        return Start(params=params, budget=level) if params is not None else None

    def _fresh(self, beliefs: Beliefs) -> Offer | None:
        """The best configuration that was not tried."""

        def draws(index: int) -> Iterator[JsonObject]:
            if self.problem.space.dimension:
                dice = rng_for(self.problem.seed, _NAME, index, "candidates")
                effort = Effort.worth_it(len(self.trials))
                yield from ranked(self.problem.space, beliefs.worth, self._incumbents(beliefs), dice, effort)
            yield from uniform(self.problem, _NAME)(index)

        params = next(propose(self.problem, self.trials, draws), None)
        if params is None:
            return None
        worth = float(beliefs.worth(_array([self.problem.space.encode(params).point]))[0])
        return worth - math.log(self.levels[-1]), Start(params=params, budget=self.levels[0])

    def _resting(self, beliefs: Beliefs, *, finishing: bool) -> Offer | None:
        """The best trial that can go on. `finishing`: only if it is expected to win, or might well."""
        resting = [trial for trial in self.trials if self._rests(trial)]
        if not resting:
            return None
        worth, leader = beliefs.worth(self._points(resting)), self._leader(beliefs) if finishing else None
        offers = []
        for trial, value in zip(resting, worth, strict=True):
            if not finishing or value > _TOLERANCE or trial.id == leader:
                above = next(level for level in self.levels if level > trial.budget)
                offers.append((float(value) - math.log(self._left(trial)), Promote(trial=trial.id, budget=above)))
        return max(offers, key=lambda offer: offer[0], default=None)

    def _rests(self, trial: Trial) -> bool:
        return trial.state is TrialState.COMPLETED and trial.budget < self.levels[-1]

    def _left(self, trial: Trial) -> int:
        """Units to train until the full budget."""
        return self.levels[-1] - (trial.budget if fidelity_of(self.problem, _NAME).resumable else 0)

    def _leader(self, beliefs: Beliefs) -> int | None:
        """The trial that is expected to win."""
        running = [trial for trial in self.trials if _goes_on(trial) and trial.scores]
        if not running:
            return None
        points = self._points(running)
        mean, _ = beliefs.curves.final(points)
        odds = beliefs.feasibility.log_probability(beliefs.curves.features.rows(points))
        return running[int((mean - odds).argmin())].id

    def _incumbents(self, beliefs: Beliefs) -> list[Array]:
        started = [trial for trial in self.trials if trial.scores]
        points = self._points(started)
        mean, _ = beliefs.curves.final(points)
        return [points[k] for k in mean.argsort(kind="stable")[:_INCUMBENTS]]

    def _design(self, index: int) -> Iterator[JsonObject]:
        yield from design(self.problem, _NAME, index)

    def _point(self, trial: Trial) -> Array:
        return _array(inside(self.problem.space, trial.params))

    def _points(self, trials: Sequence[Trial]) -> Array:
        found = _array([inside(self.problem.space, trial.params) for trial in trials])
        return found.reshape(len(trials), self.problem.space.dimension)


def _goes_on(trial: Trial) -> bool:
    """Whether its final cost is known or may still be."""
    return trial.state in (TrialState.COMPLETED, TrialState.RUNNING)


def _array(values: Sequence[object]) -> Array:
    import numpy as np

    return np.array(values, dtype=float)
