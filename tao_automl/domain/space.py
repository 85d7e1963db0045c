"""A search space: parameters, which of them exist in a configuration, and the unit cube they lie in.

A *configuration* is a dict of the active parameters only, fixed ones included. A *point* has one coordinate for each
parameter that is not fixed, in declared order; the coordinates of inactive parameters are 0.5.
"""

import hashlib
import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tao_automl.domain.fixed import fresh
from tao_automl.domain.grid import combinations, exists
from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.ordering import parents_first
from tao_automl.domain.parameters import Choice, Fixed, Parameter
from tao_automl.domain.wording import legal_values, membership, row, unknown_name
from tao_automl.errors import SearchSpaceError


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """A configuration in the unit cube, and which coordinates count."""

    point: tuple[float, ...]
    active: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """Parameters with distinct names whose conditions form no cycle; anything else raises SearchSpaceError."""

    parameters: tuple[Parameter, ...]
    ordered: tuple[Parameter, ...] = field(init=False, repr=False, compare=False)
    _by_name: dict[str, Parameter] = field(init=False, repr=False, compare=False)
    _axis: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", tuple(self.parameters))
        by_name = {parameter.name: parameter for parameter in self.parameters}
        if len(by_name) < len(self.parameters):
            names = [parameter.name for parameter in self.parameters]
            twice = sorted({name for name in names if names.count(name) > 1})
            raise SearchSpaceError(f"every parameter must have a name of its own, got {', '.join(twice)} twice")
        order = parents_first({p.name: p.when.parents if p.when else () for p in self.parameters})
        object.__setattr__(self, "_by_name", by_name)
        object.__setattr__(self, "ordered", tuple(by_name[name] for name in order))
        object.__setattr__(self, "_axis", {p.name: k for k, p in enumerate(self.searched)})

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._by_name)

    @property
    def searched(self) -> tuple[Parameter, ...]:
        """The parameters that are not fixed: one coordinate each, in this order."""
        return tuple(p for p in self.parameters if not isinstance(p, Fixed))

    @property
    def dimension(self) -> int:
        return len(self._axis)

    def parameter(self, name: str) -> Parameter:
        found = self._by_name.get(name)
        if found is None:
            raise unknown_name("parameter", name, self._by_name)
        return found

    def default(self) -> dict[str, JsonValue]:
        return self._build(lambda parameter: fresh(parameter.default))

    def sample(self, rng: random.Random) -> dict[str, JsonValue]:
        """Uniform on each parameter's scale; options by their weights."""
        return self._build(lambda parameter: _draw(parameter, rng))

    def _build(self, choose: Callable[[Parameter], JsonValue]) -> dict[str, JsonValue]:
        config: dict[str, JsonValue] = {}
        for parameter in self.ordered:
            if parameter.when is None or parameter.when.holds(config):
                config[parameter.name] = choose(parameter)
        return config

    def active(self, config: Mapping[str, JsonValue]) -> tuple[str, ...]:
        """The names that exist under `config`; what an inactive parent's value is makes no difference."""
        return tuple(parameter.name for parameter in self._active(config))

    def _active(self, config: Mapping[str, JsonValue]) -> list[Parameter]:
        seen: dict[str, JsonValue] = {}
        found = []
        for parameter in self.ordered:
            if parameter.when is not None and not parameter.when.holds(seen):
                continue
            found.append(parameter)
            if parameter.name in config:
                seen[parameter.name] = config[parameter.name]
            elif isinstance(parameter, Fixed):
                seen[parameter.name] = parameter.value
        return found

    def encode(self, config: Mapping[str, JsonValue]) -> Encoded:
        """Raises SearchSpaceError when an active parameter has no value, or one of the wrong type."""
        point = [0.5] * self.dimension
        active = [False] * self.dimension
        for parameter in self._active(config):
            axis = self._axis.get(parameter.name)
            if axis is None:
                continue
            if parameter.name not in config:
                raise SearchSpaceError(f"{parameter.name}: an active parameter must have a value, got none")
            point[axis] = parameter.encode(config[parameter.name])
            active[axis] = True
        return Encoded(point=tuple(point), active=tuple(active))

    def decode(self, point: Sequence[float]) -> dict[str, JsonValue]:
        """The member at `point`; coordinates outside [0, 1] are clamped."""
        if len(point) != self.dimension:
            raise SearchSpaceError(f"a point must have {self.dimension} coordinates, got {len(point)}")
        axis = self._axis
        return self._build(lambda p: p.decode(point[axis[p.name]]) if p.name in axis else p.decode(0.5))

    def validate(self, config: Mapping[str, JsonValue]) -> tuple[str, ...]:
        """Everything that keeps `config` from being a member, one sentence each; empty for a member."""
        active = self._active(config)
        names = {parameter.name for parameter in active}
        problems = [_value_problem(p, config) for p in active]
        for name in config:
            if name not in self._by_name:
                problems.append(unknown_name("parameter", name, self._by_name).message)
            elif name not in names:
                problems.append(f"{name}: must be absent, its condition {self._condition(name)} does not hold")
        return tuple(problem for problem in problems if problem)

    def _condition(self, name: str) -> str:
        when = self._by_name[name].when
        return json.dumps(when.to_json()) if when else "(none)"

    def is_member(self, config: Mapping[str, JsonValue]) -> bool:
        return not self.validate(config)

    def cast(self, config: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """Sloppy input (``"0.1"``, ``"true"``, 8.0) as a member; missing fixed values are filled in.

        Raises one SearchSpaceError with every problem that is left.
        """
        loose: dict[str, JsonValue] = {}
        for name, value in config.items():
            loose[name] = self.parameter(name).cast(value)
        for parameter in self._active(loose):
            if isinstance(parameter, Fixed):
                loose.setdefault(parameter.name, fresh(parameter.value))
        problems = self.validate(loose)
        if problems:
            raise SearchSpaceError("the configuration is not a member of the search space: " + "; ".join(problems))
        return {p.name: loose[p.name] for p in self._active(loose)}

    def signature(self, config: Mapping[str, JsonValue]) -> str:
        """The same for configurations that train the same: independent of key order and of 1 against 1.0."""
        typed = {p.name: _canonical(p, config.get(p.name)) for p in self._active(config)}
        text = json.dumps(typed, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def narrow(self, ranges: Mapping[str, Sequence[JsonValue]]) -> "SearchSpace":
        """The part of the space with ``(low, high)`` for the named numbers and a subset of options for the others."""
        return self._replaced({name: self.parameter(name).narrowed(bounds) for name, bounds in ranges.items()})

    def fix(self, values: Mapping[str, JsonValue]) -> "SearchSpace":
        """The space with the named parameters held at a value that training accepts."""
        return self._replaced({name: _held(self.parameter(name), value) for name, value in values.items()})

    def select(self, names: Iterable[str]) -> "SearchSpace":
        """The space in which only `names` vary; the others are fixed at their defaults."""
        kept = {self.parameter(name).name for name in names}
        return self._replaced({p.name: _held(p, p.default) for p in self.parameters if p.name not in kept})

    def _replaced(self, new: Mapping[str, Parameter]) -> "SearchSpace":
        return SearchSpace(tuple(new.get(p.name, p) for p in self.parameters))

    def grid(self, levels: int) -> Iterator[dict[str, JsonValue]]:
        """All combinations of `levels` values per number and all options, each once, the last name varying fastest."""
        return combinations(self.ordered, {p.name: p.levels(levels) for p in self.ordered})

    def grid_size(self, levels: int) -> int:
        """How many configurations `grid` yields; only the parents of conditions are enumerated."""
        sizes = {p.name: len(p.levels(levels)) for p in self.ordered}
        parents = {name for p in self.ordered if p.when for name in p.when.parents}
        heads = tuple(p for p in self.ordered if p.name in parents)
        total = 0
        for config in combinations(heads, {p.name: p.levels(levels) for p in heads}):
            total += _product(sizes[p.name] for p in self.ordered if p.name not in parents and exists(p, config))
        return total

    def to_json(self) -> list[dict[str, JsonValue]]:
        """One row per parameter, for a launch review."""
        return [row(parameter) for parameter in self.parameters]


def _draw(parameter: Parameter, rng: random.Random) -> JsonValue:
    if isinstance(parameter, Choice) and parameter.weights is not None:
        return fresh(rng.choices(parameter.options, parameter.weights)[0])
    return parameter.decode(rng.random())


def _held(parameter: Parameter, value: JsonValue) -> Fixed:
    if isinstance(parameter, Fixed):
        return parameter.fixed(value)
    cast = parameter.cast(value)
    if not parameter.allows(cast):
        raise parameter.refusal(f"a value that training accepts is needed ({legal_values(parameter)})", value)
    return parameter.fixed(cast)


def _value_problem(parameter: Parameter, config: Mapping[str, JsonValue]) -> str:
    if parameter.name not in config:
        return f"{parameter.name}: must have a value, got none"
    value = config[parameter.name]
    return "" if parameter.contains(value) else f"{parameter.name}: must be {membership(parameter)}, got {value!r:.80}"


def _canonical(parameter: Parameter, value: JsonValue) -> JsonValue:
    if value is None and isinstance(parameter, Fixed):
        value = parameter.value
    try:
        typed = parameter.cast(value)
    except SearchSpaceError:
        typed = value
    return repr(typed) if isinstance(typed, float) else typed


def _product(numbers: Iterable[int]) -> int:
    total = 1
    for number in numbers:
        total *= number
    return total
