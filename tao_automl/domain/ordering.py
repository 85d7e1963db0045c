"""The order in which conditions can be decided."""

from collections import deque
from collections.abc import Mapping, Sequence

from tao_automl.domain.nearest import nearest_hint
from tao_automl.errors import SearchSpaceError


def parents_first(parents: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The names, each after its parents and otherwise as given.

    Raises SearchSpaceError for a parent that is not among the names, and for a cycle.
    """
    children = _children(parents)
    waiting = {name: len(set(above)) for name, above in parents.items()}
    ready = deque(name for name, count in waiting.items() if count == 0)
    order: list[str] = []
    while ready:
        name = ready.popleft()
        order.append(name)
        for child in children[name]:
            waiting[child] -= 1
            if waiting[child] == 0:
                ready.append(child)
    if len(order) < len(parents):
        raise SearchSpaceError(f"conditions must not depend on each other in a circle, got {_circle(parents, order)}")
    return tuple(order)


def _children(parents: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    children: dict[str, list[str]] = {name: [] for name in parents}
    for name, above in parents.items():
        for parent in dict.fromkeys(above):
            if parent not in children:
                hint = nearest_hint(parent, parents)
                raise SearchSpaceError(f"{name}: depends on {parent}, which is no parameter of this space", hint)
            children[parent].append(name)
    return children


def _circle(parents: Mapping[str, Sequence[str]], decided: Sequence[str]) -> str:
    left = set(parents) - set(decided)
    path = [min(left)]
    while path.count(path[-1]) == 1:
        path.append(next(parent for parent in parents[path[-1]] if parent in left))
    return " -> ".join(path[path.index(path[-1]) :])
