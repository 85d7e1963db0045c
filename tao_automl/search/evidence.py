"""History as arrays: what a surrogate is fitted to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from tao_automl.domain.job import FailureClass
from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.parameters import Float, Int, Parameter
from tao_automl.domain.problem import Problem
from tao_automl.domain.scales import Scale
from tao_automl.domain.space import SearchSpace
from tao_automl.domain.trial import Score, Trial, TrialState
from tao_automl.errors import SearchSpaceError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float64]
else:
    Array = Any

_BEYOND = 1.0  # a value outside of its range lies at most so far outside of [0, 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that is known, one row a trial.

    Attributes:
        points: (n, dimension) in the unit cube, of what was scored; what earlier runs tried may lie outside of it.
        costs: (n, objectives).
        excess: (n, constraints), above 0 where an outcome constraint is broken.
        sem: (n,), the standard error of the first cost; 0 where none is known.
        failed: (k, dimension), of what failed by its own fault.
        pending: (p, dimension), of what still runs, in the order of the trials; `running` has their numbers.
    """

    points: Array
    costs: Array
    excess: Array
    sem: Array
    failed: Array
    pending: Array
    running: tuple[int, ...]


def evidence_of(problem: Problem, history: Sequence[Trial]) -> Evidence:
    """Trials count with the score at their largest budget. What was abandoned says nothing."""
    import numpy as np

    known = [(outside(problem.space, t.params), t.score) for t in problem.known if t.score]
    own = [(t, t.score) for t in history if t.state is not TrialState.ABANDONED and not _failed(t)]
    scored = known + [(inside(problem.space, t.params), score) for t, score in own if score]
    failed = [inside(problem.space, t.params) for t in history if _failed(t) and _telling(t)]
    live = [t for t in history if t.live]
    scores = [score for _, score in scored]
    dimension = problem.space.dimension
    return Evidence(
        points=_rows([point for point, _ in scored], dimension),
        costs=_rows([costs_of(score) for score in scores], 1 + len(problem.others)),
        excess=_rows([excess_of(score, len(problem.constraints)) for score in scores], len(problem.constraints)),
        sem=np.array([score.sem or 0.0 for score in scores]),
        failed=_rows(failed, dimension),
        pending=_rows([inside(problem.space, t.params) for t in live], dimension),
        running=tuple(t.id for t in live),
    )


def costs_of(score: Score) -> tuple[float, ...]:
    return score.costs or (score.cost,)


def excess_of(score: Score, count: int) -> tuple[float, ...]:
    """One a constraint; what was not judged counts as kept."""
    return score.excess or (0.0,) * count


def _failed(trial: Trial) -> bool:
    return trial.state is TrialState.FAILED


def _telling(trial: Trial) -> bool:
    """Whether a failure says something of the configuration."""
    return trial.failure is not FailureClass.INFRASTRUCTURE


def inside(space: SearchSpace, params: Mapping[str, JsonValue]) -> tuple[float, ...]:
    """The point of a trial of this run."""
    try:
        return space.encode(params).point
    except SearchSpaceError:  # a trial from before the space was changed
        return outside(space, params)


def outside(space: SearchSpace, params: Mapping[str, JsonValue]) -> tuple[float, ...]:
    """The point of any configuration. A number beyond its range lies beyond [0, 1]; what has no place is at -1."""
    point: list[float] = []
    for parameter in space.searched:
        if parameter.name not in params:
            point += [0.5] * parameter.width
            continue
        try:
            point += _place(parameter, params[parameter.name])
        except SearchSpaceError:
            point += [-1.0] * parameter.width
    return tuple(point)


def _place(parameter: Parameter, value: JsonValue) -> Iterable[float]:
    if not isinstance(parameter, Float | Int) or parameter.contains(value):
        return parameter.place(value)
    number, scale = parameter.cast(value), parameter.scale
    warped = scale is Scale.LINEAR or (scale is not Scale.LOGIT and number > 0)
    if parameter.low <= number <= parameter.high or not warped:
        return parameter.place(number)
    low, high = scale.warp(parameter.low), scale.warp(parameter.high)
    return [min(max((scale.warp(number) - low) / (high - low), -_BEYOND), 1.0 + _BEYOND)]


def _rows(rows: Sequence[Sequence[float]], width: int) -> Array:
    import numpy as np

    return np.array(rows, dtype=float).reshape(len(rows), width)
