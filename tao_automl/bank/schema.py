"""The one reader that turns a skill's schema into a search space. Nothing else in the package knows JSON Schema."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tao_automl.bank.building import build_parameter, condition_of, derived_parameter, held_parameter
from tao_automl.bank.choosing import Chooser
from tao_automl.bank.custom_ranges import checked_ranges
from tao_automl.bank.declarations import Skill
from tao_automl.bank.leaves import SchemaDocument
from tao_automl.bank.reachable import blocker
from tao_automl.bank.schema_reader import read_schema
from tao_automl.bank.skill import read_template
from tao_automl.bank.spec_tree import flatten
from tao_automl.domain.constraints import Constraint
from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.json_values import same_json
from tao_automl.domain.nearest import nearest_hint
from tao_automl.domain.ordering import parents_first
from tao_automl.domain.parameters import Derived, Fixed, Parameter, Text
from tao_automl.domain.space import SearchSpace
from tao_automl.errors import SearchSpaceError


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceReading:
    """A search space; `notes` say what was inferred, moved or left out, and `defaults` has every key of the schema."""

    space: SearchSpace
    notes: tuple[str, ...]
    defaults: Mapping[str, JsonValue]


def read_space(
    skill: Skill,
    action: str,
    *,
    hyperparameters: Sequence[str] | None = None,
    custom_param_ranges: Mapping[str, Mapping[str, Any]] | None = None,
    fixed: Mapping[str, JsonValue] | None = None,
    context: Mapping[str, JsonValue] | None = None,
) -> SpaceReading:
    """What `action` of `skill` searches.

    Args:
        hyperparameters: dotted names; None means the schema's ``automl_default_parameters``.
        custom_param_ranges: dotted name -> some of ``valid_min valid_max valid_options option_weights scale step
            depends_on``. A range may leave the searched part of the schema's range, never the legal one.
        fixed: dotted names of the schema -> values; they are held, and decide conditions.
        context: what the job itself sets, such as its number of GPUs, where conditions, constraints and derived
            parameters ask for it. Keys that the schema lacks, and values that it refuses, are ignored.

    Raises:
        SearchSpaceError: one, with file, place, law and value. Never a partial space.
    """
    skill.action(action)
    schema = read_schema(skill.schema_path(action))
    held = _checked_values(fixed, schema, skill, action)
    known = {n: v for n, v in (context or {}).items() if n in schema.properties and not schema.properties[n].problem(v)}
    return _Reading(schema, checked_ranges(custom_param_ranges, schema), held, known).read(hyperparameters)


def _checked_values(
    fixed: Mapping[str, JsonValue] | None, schema: SchemaDocument, skill: Skill, action: str
) -> dict[str, JsonValue]:
    """Values for keys that only the template has are not this reader's business; unknown keys are refused."""
    found = dict(fixed or {})
    unknown = [name for name in found if name not in schema.properties]
    known = flatten(read_template(skill, action)) if unknown and skill.template_path(action).is_file() else {}
    for name in unknown:
        if name not in known:
            hint = nearest_hint(name, [*schema.properties, *known])
            raise schema.fault("fixed values", f"{name}: no such parameter", hint)
        del found[name]
    for name, value in found.items():
        problem = schema.properties[name].problem(value)
        if problem:
            raise schema.fault("fixed values", f"{name} {problem}, got {value!r:.80}")
    return found


class _Reading:
    """From the names that are chosen to the space: what they need, what can never be active, what must be kept."""

    def __init__(
        self,
        schema: SchemaDocument,
        ranges: dict[str, dict[str, Any]],
        fixed: dict[str, JsonValue],
        context: dict[str, JsonValue],
    ) -> None:
        self._schema = schema
        self._ranges = ranges
        self._fixed = fixed
        self._given = {**context, **fixed}
        self._chooser = Chooser(schema, ranges, fixed)
        self._notes = self._chooser.notes
        self._notes.extend(schema.notes)

    def read(self, hyperparameters: Sequence[str] | None) -> SpaceReading:
        chosen = self._chooser.chosen(hyperparameters)
        constraints = self._constraints(set(chosen))
        alive = self._alive(self._parameters(chosen, constraints))
        space = self._space(alive, set(chosen), constraints)
        if space.dimension == 0 and not any(isinstance(p, Text) for p in space.parameters):
            left_out = [note for note in self._schema.notes if note.startswith("not searched")]
            reasons = "; ".join([*self._chooser.removed, *left_out]) or "nothing was asked for"
            hint = f"searchable: {', '.join(self._chooser.searchable()[:20]) or 'none'}"
            raise self._schema.fault("(root)", f"the search space is empty: {reasons}", hint)
        defaults = {name: leaf.default for name, leaf in self._schema.properties.items() if leaf.has_default}
        return SpaceReading(space=space, notes=tuple(self._notes), defaults={**defaults, **self._fixed})

    def _constraints(self, chosen: set[str]) -> list[Constraint]:
        """Those that a chosen parameter can break. The others must be kept by what is fixed."""
        moving = chosen | self._moved_by(chosen)
        found = []
        for k, constraint in enumerate(self._schema.constraints):
            if not moving.isdisjoint(constraint.names):
                found.append(constraint)
            elif any(name in self._fixed for name in constraint.names):
                self._check_fixed(constraint, f"automl_constraints[{k}]")
        return found

    def _moved_by(self, chosen: set[str]) -> set[str]:
        """What is derived from the chosen, directly or not."""
        moving = set(chosen)
        for name in parents_first({name: leaf.inputs for name, leaf in self._schema.properties.items()}):
            derived = self._schema.properties[name].derived
            if derived is not None and name not in self._given and not moving.isdisjoint(derived.names):
                moving.add(name)
        return moving - chosen

    def _check_fixed(self, constraint: Constraint, place: str) -> None:
        properties = self._schema.properties
        values = {name: self._given.get(name, properties[name].default) for name in constraint.names}
        if all(name in self._given or properties[name].has_default for name in values) and not constraint.holds(values):
            shown = ", ".join(f"{name}={value!r:.40}" for name, value in values.items())
            hint = "give the others values that keep it, or search one of them"
            raise self._schema.fault(place, f"the fixed values must keep `{constraint.text}`, got ({shown})", hint)

    def _parameters(self, chosen: Sequence[str], constraints: Sequence[Constraint]) -> dict[str, Parameter]:
        """The chosen, and what their conditions, the constraints and derived parameters ask for."""
        found: dict[str, Parameter] = {}
        for name in chosen:
            leaf = self._schema.properties[name]
            found[name], notes = build_parameter(leaf, self._schema, self._ranges.get(name, {}))
            self._notes.extend(notes)
        constrained = [name for constraint in constraints for name in constraint.names]
        derived = [name for name in self._moved_by(set(chosen)) if self._is_computable(name)]
        for name in self._needed([*chosen, *constrained, *derived]):
            if name not in found:
                found[name] = self._unsearched(name)
        return {name: found[name] for name in self._schema.properties if name in found}

    def _is_computable(self, name: str) -> bool:
        """Whether everything that it takes has a value; else it is computed when the job's spec is written."""
        leaves = (self._schema.properties[n] for n in self._needed([name]))
        return all(leaf.has_default or leaf.derived is not None or leaf.name in self._given for leaf in leaves)

    def _needed(self, names: Sequence[str]) -> list[str]:
        """The names, and all that decides whether they exist or what they are."""
        waiting, seen = list(names), dict.fromkeys(names)
        while waiting:
            for parent in self._inputs(waiting.pop()):
                if parent not in seen:
                    seen[parent] = None
                    waiting.append(parent)
        return list(seen)

    def _inputs(self, name: str) -> tuple[str, ...]:
        leaf = self._schema.properties[name]
        condition = condition_of(leaf, self._ranges.get(name, {}))
        derived = leaf.derived.names if leaf.derived is not None and name not in self._given else ()
        return (*(condition.parents if condition else ()), *derived)

    def _unsearched(self, name: str) -> Fixed | Derived:
        leaf = self._schema.properties[name]
        custom = self._ranges.get(name, {})
        if leaf.derived is not None and name not in self._given:
            return derived_parameter(leaf, self._schema, custom)
        if name not in self._given and not leaf.has_default:
            law = "what a condition, a constraint or a derived parameter names must have a default, got none"
            raise self._schema.fault(leaf.place, law)
        return held_parameter(leaf, self._schema, custom, self._given.get(name, leaf.default))

    def _alive(self, parameters: Mapping[str, Parameter]) -> dict[str, Parameter]:
        """Without what no configuration of this space can activate."""
        alive: dict[str, Parameter] = {}
        for parameter in self._ordered(parameters):
            reason = blocker(parameter, alive)
            if reason is None:
                alive[parameter.name] = parameter
            elif parameter.width or isinstance(parameter, Text):
                self._chooser.remove(parameter.name, f"never active, because {reason}")
        return {name: alive[name] for name in parameters if name in alive}

    def _ordered(self, parameters: Mapping[str, Parameter]) -> tuple[Parameter, ...]:
        try:
            order = parents_first({name: self._inputs(name) for name in parameters})
        except SearchSpaceError as error:
            raise self._schema.fault("depends_on", error.message, error.hint) from error
        return tuple(parameters[name] for name in order)

    def _space(
        self, alive: Mapping[str, Parameter], chosen: set[str], constraints: Sequence[Constraint]
    ) -> SearchSpace:
        """The chosen that are left, what they still need, and the constraints that still apply."""
        kept_laws = [law for law in constraints if all(name in alive for name in law.names)]
        roots = [name for name, parameter in alive.items() if name in chosen or isinstance(parameter, Derived)]
        needed = set(self._needed([*roots, *(name for law in kept_laws for name in law.names)]))
        kept = tuple(parameter for name, parameter in alive.items() if name in needed)
        for parameter in kept:
            if isinstance(parameter, Fixed) and parameter.name in chosen:
                self._chooser.removed.append(f"{parameter.name}: fixed at {parameter.value!r:.80}")
        try:
            space = SearchSpace(kept, tuple(kept_laws))
        except SearchSpaceError as error:
            raise self._schema.fault("automl_constraints", error.message, error.hint) from error
        self._notes.extend(f"constraint: {law.text}" for law in kept_laws)
        self._notes.extend(_moved_defaults(space))
        return space


def _moved_defaults(space: SearchSpace) -> list[str]:
    """Which defaults give way to the constraints."""
    if not space.constraints:
        return []
    start = space.default()
    moved = [p for p in space.searched if p.name in start and not same_json(start[p.name], p.default)]
    return [
        f"{p.name}: the default {p.default!r:.60} breaks a constraint; the search begins at {start[p.name]!r:.60}"
        for p in moved
    ]
