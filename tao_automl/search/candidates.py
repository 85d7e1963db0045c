"""Where an acquisition function is looked at: all over the space, around what is best, and uphill from there."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, TypeAlias

from tao_automl.domain.axes import AxisKind, UnitAxis
from tao_automl.domain.json_types import JsonObject
from tao_automl.domain.space import Encoded, SearchSpace

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float64]
else:
    Array = Any

Worth: TypeAlias = Callable[[Array], Array]
"""The log acquisition at points (m, dimension)."""

_STEPS = (0.3, 0.1, 0.03)  # standard deviations of perturbations
_FINE = 12  # an axis of more values than this is climbed like a continuous one
_ROUNDS = 2
_EPSILON = 1e-5  # of the finite differences that make a gradient
_ENOUGH = 12  # observations for the full effort


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How hard to look.

    Attributes:
        broad: draws from all of the space.
        near: perturbations of each of the best points so far.
        climbs: how many of the best are refined.
    """

    broad: int = 200
    near: int = 24
    climbs: int = 4

    @classmethod
    def worth_it(cls, observations: int) -> "Effort":
        """Little for a model of few observations, which knows little."""
        full = cls()
        share = min(1.0, observations / _ENOUGH)
        return cls(
            broad=math.ceil(share * full.broad),
            near=math.ceil(share * full.near),
            climbs=math.ceil(share * full.climbs),
        )


def ranked(
    space: SearchSpace, worth: Worth, incumbents: Sequence[Array], dice: Random, effort: Effort
) -> Iterator[JsonObject]:
    """Members of the space, the most promising first. `incumbents` are the best points so far."""
    import numpy as np

    found = [space.encode(config) for config in space.sample_many(dice, effort.broad)]
    found += [near for point in incumbents for near in _around(space, point, dice, effort.near)]
    values = worth(np.array([encoded.point for encoded in found]))
    order = np.argsort(-values, kind="stable")
    tops = [found[k] for k in _distinct(found, order.tolist(), effort.climbs)]
    climbed = [_climbed(space, worth, top) for top in tops]
    refined = [encoded for value, encoded in sorted(climbed, key=lambda pair: -pair[0])]
    for encoded in (*refined, *(found[k] for k in order)):
        yield space.decode(encoded)


def _around(space: SearchSpace, point: Array, dice: Random, count: int) -> Iterator[Encoded]:
    """Members near `point`, some coordinates of which are changed, a little or more."""
    axes = space.axes
    for number in range(count):
        step, changed = _STEPS[number % len(_STEPS)], [dice.random() < max(0.2, 2.0 / len(axes)) for _ in axes]
        changed[dice.randrange(len(axes))] = True
        pairs = zip(axes, point.tolist(), changed, strict=True)
        yield space.encode(space.decode([_moved(axis, x, step, dice) if on else x for axis, x, on in pairs]))


def _moved(axis: UnitAxis, place: float, step: float, dice: Random) -> float:
    if axis.kind is AxisKind.CATEGORICAL:
        return dice.random()
    least = 1.0 / axis.cells if axis.cells else 0.0
    return min(max(place + dice.gauss(0.0, max(step, least)), 0.0), 1.0)


def _distinct(found: Sequence[Encoded], order: Sequence[int], count: int) -> list[int]:
    """The first places in `order` whose points differ."""
    seen: dict[tuple[float, ...], int] = {}
    for place in order:
        seen.setdefault(found[place].point, place)
        if len(seen) >= count:
            break
    return list(seen.values())


def _climbed(space: SearchSpace, worth: Worth, start: Encoded) -> tuple[float, Encoded]:
    """A local maximum: continuous coordinates by gradient, then one step along each discrete one, in turns."""
    import numpy as np

    best, value = start, float(worth(np.array([start.point]))[0])
    for _ in range(_ROUNDS):
        options = [*_uphill(space, worth, best), *_neighbours(space, best)]
        if not options:
            break
        values = worth(np.array([option.point for option in options]))
        top = int(np.argmax(values))
        if values[top] <= value + 1e-9:
            break
        best, value = options[top], float(values[top])
    return value, best


def _smooth(axis: UnitAxis) -> bool:
    return axis.kind is not AxisKind.CATEGORICAL and (axis.cells is None or axis.cells > _FINE)


def _uphill(space: SearchSpace, worth: Worth, start: Encoded) -> list[Encoded]:
    """The member that L-BFGS finds from `start` along the active continuous axes."""
    import numpy as np
    from scipy.optimize import minimize

    free = [axis.index for axis in space.axes if start.active[axis.index] and _smooth(axis)]
    if not free:
        return []
    origin = np.array(start.point)
    probes = np.zeros((len(free) + 1, len(origin)))
    probes[np.arange(1, len(free) + 1), free] = _EPSILON

    def fall(place: Array) -> tuple[float, Array]:
        point = origin.copy()
        point[free] = place
        signs = np.where(place > 0.5, -1.0, 1.0)  # probe inwards
        shifts = probes.copy()
        shifts[:, free] *= signs
        values = worth(point + shifts)
        return -float(values[0]), -(values[1:] - values[0]) / (_EPSILON * signs)

    bounds = [(0.0, 1.0)] * len(free)
    end = minimize(fall, origin[free], jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 40})
    point = origin.copy()
    point[free] = end.x
    return [_member(space, point.tolist(), start)]


def _neighbours(space: SearchSpace, start: Encoded) -> list[Encoded]:
    """The members one step away along a discrete axis: the next values, or any other option."""
    found = []
    for axis in space.axes:
        if not start.active[axis.index] or axis.cells is None:
            continue
        here = start.point[axis.index]
        cell = int(here * axis.cells)
        cells = range(axis.cells) if axis.kind is AxisKind.CATEGORICAL else (cell - 1, cell + 1)
        for other in cells:
            if 0 <= other < axis.cells and other != cell:
                point = list(start.point)
                point[axis.index] = (other + 0.5) / axis.cells
                found.append(_member(space, point, start))
    return found


def _member(space: SearchSpace, point: Sequence[float], like: Encoded) -> Encoded:
    """The member at or near `point`, with the values of `like` that have no coordinates."""
    return space.encode(space.decode(Encoded(point=tuple(point), active=like.active, kept=like.kept)))
