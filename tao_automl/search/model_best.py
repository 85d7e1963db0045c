"""Which trial is best in the eyes of a model: scores are noisy, and the best of many scores is partly luck."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tao_automl.domain.problem import Problem
from tao_automl.domain.trial import Trial
from tao_automl.search.evidence import evidence_of
from tao_automl.search.features import Features
from tao_automl.search.surrogate import Scaling, fitted

_LEAST = 4  # trials that a model says anything of


@dataclass(frozen=True, slots=True, kw_only=True)
class Believed:
    """A trial, and what is believed of its true value: mean and standard deviation, in the metric's own unit."""

    trial: int
    value: float
    spread: float


def model_best(problem: Problem, history: Sequence[Trial]) -> Believed | None:
    """The trial, among those scored at the full budget that keep the constraints, with the best posterior mean.

    None for several objectives, and when there is too little to model.
    """
    scored = [t for t in history if problem.full_budget in t.scores and not t.scores[problem.full_budget].violation]
    if problem.others or not problem.space.dimension or len(scored) < _LEAST:
        return None
    evidence = evidence_of(replace(problem, known=()), [_settled(trial, problem.full_budget) for trial in scored])
    features = Features.of(problem.space)
    rows, scaling = features.rows(evidence.points), Scaling.of(evidence.costs[:, 0])
    model = fitted(features, rows, scaling(evidence.costs[:, 0]), (evidence.sem / scaling.unit) ** 2)
    means, spreads = model.predict(rows)
    best = int(means.argmin())
    cost = float(means[best]) * scaling.unit + scaling.shift
    spread = float(spreads[best]) * scaling.unit
    return Believed(trial=scored[best].id, value=problem.objective.cost(cost), spread=spread)


def _settled(trial: Trial, budget: int) -> Trial:
    """With nothing but its score at `budget`."""
    score = trial.scores[budget]
    return Trial(id=trial.id, params=trial.params, signature=trial.signature, budget=budget, scores={budget: score})
