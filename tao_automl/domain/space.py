"""A search space: parameters, which of them exist in a configuration, and the unit cube they lie in.

A *configuration* is a dict of the active parameters only, fixed and derived ones included. A *point* has the
coordinates of all parameters that are searched, in declared order; those of inactive ones are 0.5. Whatever is drawn,
decoded, narrowed or enumerated here keeps the constraints.
"""

import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tao_automl.domain.assembly import Assembly
from tao_automl.domain.constraints import Constraint, rules_of
from tao_automl.domain.expressions import ExpressionError
from tao_automl.domain.extension import extension_faults
from tao_automl.domain.grid import checks_of, combinations, computed, exists, inputs, upper_size
from tao_automl.domain.identity import signature_of
from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.json_values import fresh
from tao_automl.domain.members import held, value_problem
from tao_automl.domain.ordering import parents_first
from tao_automl.domain.parameters import Derived, Fixed, Parameter, Text, UnitAxis
from tao_automl.domain.sampling import sample_rows
from tao_automl.domain.wording import row, unknown_name
from tao_automl.errors import SearchSpaceError

_COUNTED = 20_000  # combinations of a constrained grid that are counted one by one


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """A configuration in the unit cube, and which coordinates count; `kept` has the values that have none."""

    point: tuple[float, ...]
    active: tuple[bool, ...]
    kept: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """Parameters with distinct names, and laws that configurations keep.

    Conditions and derived parameters that form a cycle, and constraints that cannot be kept, raise SearchSpaceError.
    """

    parameters: tuple[Parameter, ...]
    constraints: tuple[Constraint, ...] = ()
    ordered: tuple[Parameter, ...] = field(init=False, repr=False, compare=False)
    axes: tuple[UnitAxis, ...] = field(init=False, repr=False, compare=False)
    _by_name: dict[str, Parameter] = field(init=False, repr=False, compare=False)
    _span: dict[str, tuple[int, int]] = field(init=False, repr=False, compare=False)
    _assembly: Assembly = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", tuple(self.parameters))
        object.__setattr__(self, "constraints", tuple(self.constraints))
        by_name = {parameter.name: parameter for parameter in self.parameters}
        if len(by_name) < len(self.parameters):
            names = [parameter.name for parameter in self.parameters]
            twice = sorted({name for name in names if names.count(name) > 1})
            raise SearchSpaceError(f"every parameter must have a name of its own, got {', '.join(twice)} twice")
        order = parents_first({p.name: inputs(p) for p in self.parameters})
        object.__setattr__(self, "_by_name", by_name)
        object.__setattr__(self, "ordered", tuple(by_name[name] for name in order))
        self._lay_out()
        self._check_constraints()
        object.__setattr__(self, "_assembly", Assembly.of(self.ordered, rules_of(self.ordered, self.constraints)))

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        """Copies and pickles are built anew: compiled constraints are functions."""
        return SearchSpace, (self.parameters, self.constraints)

    def _lay_out(self) -> None:
        axes: list[UnitAxis] = []
        span = {}
        for parameter in self.searched:
            start = len(axes)
            axes += [replace(axis, index=start + axis.index) for axis in parameter.axes()]
            span[parameter.name] = (start, len(axes))
        object.__setattr__(self, "axes", tuple(axes))
        object.__setattr__(self, "_span", span)

    def _check_constraints(self) -> None:
        for constraint in self.constraints:
            try:
                constraint.expression.check_names(self._by_name)
            except ExpressionError as error:
                raise SearchSpaceError(f"constraint: {error.message}", error.hint) from error

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._by_name)

    @property
    def searched(self) -> tuple[Parameter, ...]:
        """The parameters that have coordinates, in the order in which these come."""
        return tuple(p for p in self.parameters if p.width)

    @property
    def dimension(self) -> int:
        return len(self.axes)

    def parameter(self, name: str) -> Parameter:
        found = self._by_name.get(name)
        if found is None:
            raise unknown_name("parameter", name, self._by_name)
        return found

    def default(self) -> dict[str, JsonValue]:
        """The defaults; where they break a constraint, a member near them."""
        return self._assembly.chosen(lambda parameter: fresh(parameter.default))

    def sample(self, rng: random.Random) -> dict[str, JsonValue]:
        """Uniform on each parameter's scale; options by their weights; given that the constraints are kept."""
        return self._assembly.drawn(rng)

    def sample_many(self, rng: random.Random, count: int) -> list[dict[str, JsonValue]]:
        """`count` samples, many times faster than one after the other; not the same ones."""
        return sample_rows(self._assembly, rng, count)

    def active(self, config: Mapping[str, JsonValue]) -> tuple[str, ...]:
        """The names that exist under `config`; what an inactive parent's value is makes no difference."""
        return tuple(parameter.name for parameter in self._active(config))

    def _active(self, config: Mapping[str, JsonValue]) -> list[Parameter]:
        seen: dict[str, JsonValue] = {}
        found = []
        for parameter in self.ordered:
            if not exists(parameter, seen):
                continue
            found.append(parameter)
            if parameter.name in config:
                seen[parameter.name] = config[parameter.name]
            elif isinstance(parameter, Fixed):
                seen[parameter.name] = parameter.value
            elif isinstance(parameter, Derived):
                seen.update((parameter.name, value) for value in computed(parameter, seen))
        return found

    def encode(self, config: Mapping[str, JsonValue]) -> Encoded:
        """Raises SearchSpaceError when an active parameter has no value, or one of the wrong type."""
        point = [0.5] * self.dimension
        active = [False] * self.dimension
        kept = {}
        for parameter in self._active(config):
            if isinstance(parameter, Text) and parameter.name in config:
                kept[parameter.name] = config[parameter.name]
            if not parameter.width:
                continue
            if parameter.name not in config:
                raise SearchSpaceError(f"{parameter.name}: an active parameter must have a value, got none")
            start, end = self._span[parameter.name]
            point[start:end] = parameter.place(config[parameter.name])
            active[start:end] = parameter.present(config[parameter.name])
        return Encoded(point=tuple(point), active=tuple(active), kept=kept)

    def decode(self, point: Sequence[float] | Encoded) -> dict[str, JsonValue]:
        """The member at `point`, or near it where that breaks a constraint; coordinates are clamped to [0, 1]."""
        kept: Mapping[str, JsonValue] = {}
        if isinstance(point, Encoded):
            units, kept = point.point, point.kept
        else:
            units = tuple(point)
        if len(units) != self.dimension:
            raise SearchSpaceError(f"a point must have {self.dimension} coordinates, got {len(units)}")
        span = self._span

        def choose(parameter: Parameter) -> JsonValue:
            if parameter.name in kept:
                return kept[parameter.name]
            start, end = span.get(parameter.name, (0, 0))
            return parameter.at(units[start:end])

        return self._assembly.chosen(choose)

    def validate(self, config: Mapping[str, JsonValue]) -> tuple[str, ...]:
        """Everything that keeps `config` from being a member, one sentence each; empty for a member."""
        active = self._active(config)
        names = {parameter.name for parameter in active}
        problems = [value_problem(p, config) for p in active]
        for name in config:
            if name not in self._by_name:
                problems.append(unknown_name("parameter", name, self._by_name).message)
            elif name not in names:
                problems.append(f"{name}: must be absent, {self._absence(name)}")
        found = tuple(problem for problem in problems if problem)
        return found or tuple(rule.describe(config) for rule in self._assembly.broken(config))

    def _absence(self, name: str) -> str:
        parameter = self._by_name[name]
        if parameter.when is None:
            return "a parameter that it is derived from is absent"
        return f"its condition {json.dumps(parameter.when.to_json())} does not hold"

    def is_member(self, config: Mapping[str, JsonValue]) -> bool:
        return not self.validate(config)

    def cast(self, config: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """Sloppy input (``"0.1"``, ``"true"``, 8.0) as a member; what is fixed, derived or a text is filled in.

        Raises one SearchSpaceError with every problem that is left.
        """
        loose = self._completed({name: self.parameter(name).cast(value) for name, value in config.items()})
        problems = self.validate(loose)
        if problems:
            raise SearchSpaceError("the configuration is not a member of the search space: " + "; ".join(problems))
        return {p.name: loose[p.name] for p in self._active(loose)}

    def _completed(self, config: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        found = dict(config)
        for parameter in self._active(found):
            if isinstance(parameter, Fixed | Text):
                found.setdefault(parameter.name, fresh(parameter.default))
            elif isinstance(parameter, Derived) and parameter.name not in found:
                found.update((parameter.name, value) for value in computed(parameter, found))
        return found

    def repair(self, config: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """The member nearest to what `config` seems to mean; what it lacks has its default.

        Numbers are moved into their ranges, unknown and inactive names are dropped. Raises SearchSpaceError for a
        value that means nothing, such as a text for a number.
        """

        def choose(parameter: Parameter) -> JsonValue:
            if parameter.name not in config or isinstance(parameter, Fixed):
                return fresh(parameter.default)
            value = parameter.cast(config[parameter.name])
            return value if parameter.contains(value) or not parameter.width else parameter.at(parameter.place(value))

        return self._assembly.chosen(choose)

    def signature(self, config: Mapping[str, JsonValue]) -> str:
        """The same for configurations that train the same: independent of key order and of 1 against 1.0."""
        return signature_of(self._active(config), config)

    def narrow(self, ranges: Mapping[str, Sequence[JsonValue]]) -> "SearchSpace":
        """The part of the space with ``(low, high)`` for the named numbers and a subset of options for the others."""
        return self._replaced({name: self.parameter(name).narrowed(bounds) for name, bounds in ranges.items()})

    def fix(self, values: Mapping[str, JsonValue]) -> "SearchSpace":
        """The space with the named parameters held at a value that training accepts."""
        return self._replaced({name: held(self.parameter(name), value) for name, value in values.items()})

    def select(self, names: Iterable[str]) -> "SearchSpace":
        """The space in which only `names` vary; the others are fixed at their defaults, or follow from them."""
        kept = {self.parameter(name).name for name in names}
        rest = [p for p in self.parameters if p.name not in kept and not isinstance(p, Derived)]
        start = self.default() if self.constraints else {}
        return self._replaced({p.name: held(p, start.get(p.name, p.default)) for p in rest})

    def _replaced(self, new: Mapping[str, Parameter]) -> "SearchSpace":
        return SearchSpace(tuple(new.get(p.name, p) for p in self.parameters), self.constraints)

    def extends(self, other: "SearchSpace") -> bool:
        """Whether it may take the place of `other` once that one has trials."""
        return not self.extension_faults(other)

    def extension_faults(self, other: "SearchSpace") -> tuple[str, ...]:
        """Why it does not extend `other`: names and types are kept, ranges and options only ever grow."""
        return tuple(extension_faults(self.parameters, other.parameters, self.constraints, other.constraints))

    def grid(self, levels: int) -> Iterator[dict[str, JsonValue]]:
        """All combinations of `levels` values per number and all options that keep the constraints, each once.

        The last name varies fastest. If no combination keeps the constraints, the members near some of them.
        """
        rules = self._assembly.rules
        nothing = True
        for config in combinations(self.ordered, lambda p: p.levels(levels), checks_of(self.ordered, rules)):
            nothing = False
            yield config
        if nothing and rules:
            yield from self._near_grid(levels)

    def _near_grid(self, levels: int) -> Iterator[dict[str, JsonValue]]:
        seen: set[str] = set()
        checks = checks_of(self.ordered, ())
        for _, config in zip(
            range(_COUNTED), combinations(self.ordered, lambda p: p.levels(levels), checks), strict=False
        ):
            member = self.repair(config)
            signature = self.signature(member)
            if signature not in seen:
                seen.add(signature)
                yield member

    def grid_size(self, levels: int) -> int:
        """How many configurations `grid` yields; at most so many, if constraints rule out some of a large grid."""
        size = upper_size(self.ordered, levels)
        if not self._assembly.rules or size > _COUNTED:
            return size
        return sum(1 for _ in self.grid(levels))

    def lattice(self, levels: int) -> tuple[tuple[float, ...], ...]:
        """For each coordinate, where its levels lie: the grid as if nothing had a condition."""
        return tuple(places for p in self.searched for places in p.lattice(levels))

    def to_json(self) -> list[dict[str, JsonValue]]:
        """One row per parameter, for a launch review."""
        return [row(parameter) for parameter in self.parameters]
