"""A search space in Optuna's terms: every parameter is a number, or one of some scalars."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tao_automl.domain.json_types import JsonObject

_SCALARS = (bool, int, float, str, type(None))
_FLAG: Mapping[str, Any] = {"type": "bool", "options": [False, True]}
Part = tuple[str, Mapping[str, Any], Any]


class Ranges:
    """What the configurations of a run are drawn from.

    A list becomes a parameter an element, a subset a flag an option, and an optional parameter is left out where it is
    null. What is not searched (fixed, derived and text parameters) is none of Optuna's. A range is as wide as its
    values need: those of a user may lie outside of it.

    Attributes:
        distributions: Optuna's, by name.
    """

    def __init__(self, space: Sequence[JsonObject], configurations: Iterable[JsonObject]) -> None:
        self._rows: dict[str, Mapping[str, Any]] = {str(row["name"]): row for row in space}
        cells: dict[str, Mapping[str, Any]] = {}
        seen: dict[str, list[Any]] = {}
        for config in configurations:
            for name, row, value in self._parts(config):
                cells[name] = row
                seen.setdefault(name, []).append(value)
        self._texts = {name for name, row in cells.items() if row["options"] is not None and not _plain(row["options"])}
        self.distributions = {name: self._distribution(name, row, seen[name]) for name, row in cells.items()}

    def values(self, config: JsonObject) -> dict[str, Any]:
        """A configuration, as Optuna has it."""
        return {name: self._spelled(name, value) for name, _, value in self._parts(config)}

    def _parts(self, config: JsonObject) -> Iterator[Part]:
        for name, value in config.items():
            if name in self._rows:
                yield from _parts_of(name, self._rows[name], value)

    def _spelled(self, name: str, value: Any) -> Any:
        return json.dumps(value) if name in self._texts else value

    def _distribution(self, name: str, row: Mapping[str, Any], seen: Sequence[Any]) -> Any:
        from optuna.distributions import CategoricalDistribution

        if row["options"] is None:
            return _number(row, seen)
        options = [self._spelled(name, option) for option in row["options"]]
        return CategoricalDistribution(list(dict.fromkeys([*options, *(self._spelled(name, v) for v in seen)])))


def _parts_of(name: str, row: Mapping[str, Any], value: Any) -> Iterator[Part]:
    kind = str(row["type"])
    if kind.startswith("optional ") and value is None:
        return
    match kind.removeprefix("optional "):
        case "list":
            for place, (element, item) in enumerate(zip(row["elements"], value, strict=True)):
                yield from _parts_of(f"{name}[{place}]", element, item)
        case "subset":
            yield from ((f"{name}[{option}]", _FLAG, option in value) for option in row["options"])
        case "fixed" | "derived" | "text":
            return
        case plain:
            yield name, {**row, "type": plain}, value


def _plain(options: Sequence[Any]) -> bool:
    """Whether Optuna takes the options, and tells them apart: to it, 1 and true are one."""
    return all(isinstance(option, _SCALARS) for option in options) and len(set(options)) == len(options)


def _number(row: Mapping[str, Any], seen: Sequence[Any]) -> Any:
    from optuna.distributions import FloatDistribution, IntDistribution

    low, high = min(row["low"], *seen), max(row["high"], *seen)
    log = row["scale"] in ("log", "power2") and low > 0
    step = None if log else _step(row, low, seen)
    high = low + math.floor((high - low) / step + 1e-9) * step if step else high
    if row["type"] == "int":
        return IntDistribution(int(low), int(high), log=log, step=int(step or 1))
    return FloatDistribution(float(low), float(high), log=log, step=step)


def _step(row: Mapping[str, Any], low: float, seen: Sequence[Any]) -> float | None:
    """The step, if all values are so many steps above the lower end."""
    step = row["step"]
    if not step or any(abs((value - low) / step - round((value - low) / step)) > 1e-9 for value in seen):
        return None
    return float(step)
