"""The one reader that turns a skill's schema into a search space. Nothing else in the package knows JSON Schema."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tao_automl.bank.building import build_parameter, condition_of, held_parameter
from tao_automl.bank.custom_ranges import checked_ranges
from tao_automl.bank.declarations import Skill
from tao_automl.bank.leaves import SchemaDocument
from tao_automl.bank.schema_reader import read_schema
from tao_automl.bank.skill import read_template
from tao_automl.bank.spec_tree import flatten
from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.nearest import nearest_hint
from tao_automl.domain.parameters import Fixed, Parameter
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
) -> SpaceReading:
    """What `action` of `skill` searches.

    Args:
        hyperparameters: dotted names; None means the schema's ``automl_default_parameters``.
        custom_param_ranges: dotted name -> some of ``valid_min valid_max valid_options option_weights scale step
            depends_on``. A range may leave the searched part of the schema's range, never the legal one.
        fixed: dotted names of the schema -> values; they are held, and decide conditions.

    Raises:
        SearchSpaceError: one, with file, place, law and value. Never a partial space.
    """
    skill.action(action)
    schema = read_schema(skill.schema_path(action))
    return _Reading(
        schema, checked_ranges(custom_param_ranges, schema), _checked_values(fixed, schema, skill, action)
    ).read(hyperparameters)


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


@dataclass(frozen=True, slots=True)
class _Reading:
    schema: SchemaDocument
    ranges: dict[str, dict[str, Any]]
    fixed: dict[str, JsonValue]
    notes: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

    def read(self, hyperparameters: Sequence[str] | None) -> SpaceReading:
        chosen = self._chosen(hyperparameters)
        space = self._space(self._alive(self._parameters(chosen)), set(chosen))
        if space.dimension == 0:
            reasons = "; ".join(self.removed) or "nothing was asked for"
            hint = f"searchable: {', '.join(self._searchable()[:20]) or 'none'}"
            raise self.schema.fault("(root)", f"the search space is empty: {reasons}", hint)
        defaults = {name: leaf.default for name, leaf in self.schema.properties.items() if leaf.has_default}
        return SpaceReading(space=space, notes=tuple(self.notes), defaults={**defaults, **self.fixed})

    def _searchable(self) -> list[str]:
        leaves = self.schema.properties.values()
        return [leaf.name for leaf in leaves if leaf.searchable and leaf.name not in self.schema.disabled]

    def _remove(self, name: str, why: str) -> None:
        self.removed.append(f"{name}: {why}")
        self.notes.append(f"{name}: {why}; not searched")

    def _chosen(self, hyperparameters: Sequence[str] | None) -> list[str]:
        """In the order of the schema, whatever the order of the question."""
        names = self._asked(hyperparameters) if hyperparameters is not None else self._suggested()
        wanted = {name for name in names if name not in self.fixed}
        for name in names:
            if name in self.fixed:
                self._remove(name, f"fixed at {self.fixed[name]!r:.80}")
        self._check_ranges_used(wanted)
        return [name for name in self.schema.properties if name in wanted]

    def _asked(self, hyperparameters: Sequence[str]) -> list[str]:
        if isinstance(hyperparameters, str):
            raise SearchSpaceError(
                f"automl_hyperparameters must be a list of names, got the text {hyperparameters!r:.80}"
            )
        if not hyperparameters:
            self.removed.append("automl_hyperparameters=[] asks for nothing")
        for name in hyperparameters:
            self._check_asked(name)
        return list(dict.fromkeys(hyperparameters))

    def _check_asked(self, name: str) -> None:
        leaf = self.schema.properties.get(name)
        if leaf is None:
            hint = nearest_hint(str(name), self._searchable())
            raise self.schema.fault("automl_hyperparameters", f"{name}: no such parameter", hint)
        if name in self.schema.disabled:
            raise self.schema.fault(
                "automl_disabled_parameters", f"{name}: is never searched, by this rule of the schema"
            )
        if not leaf.searchable:
            hint = f"searchable: {', '.join(self._searchable()[:20])}"
            raise self.schema.fault(
                leaf.place, f"{name}: automl_enabled must be true to search it, got none or false", hint
            )

    def _suggested(self) -> list[str]:
        """The schema's own list, and what the user gave a range of their own."""
        names = self.schema.defaults
        if names is None:
            self.notes.append("the schema has no automl_default_parameters: everything that is enabled is searched")
            names = tuple(self._searchable())
        elif not names:
            self.removed.append("automl_default_parameters is empty")
        kept = [name for name in names if self._may_suggest(name)]
        for name in self.ranges:
            if name not in names:
                self._check_asked(name)
                self.notes.append(f"{name}: searched because custom_param_ranges names it")
                kept.append(name)
        return kept

    def _may_suggest(self, name: str) -> bool:
        if name in self.schema.disabled:
            self._remove(name, "listed in automl_disabled_parameters")
            return False
        leaf = self.schema.properties[name]
        if not leaf.searchable:
            raise self.schema.fault(
                "automl_default_parameters", f"{name}: automl_enabled must be true, got none or false"
            )
        return True

    def _check_ranges_used(self, wanted: set[str]) -> None:
        for name in self.ranges:
            if name not in wanted:
                why = "it is fixed" if name in self.fixed else "it is not searched"
                raise SearchSpaceError(
                    f"custom_param_ranges: {name}: {why}, so its range has no effect",
                    "add it to automl_hyperparameters, or drop the range",
                )

    def _parameters(self, chosen: Sequence[str]) -> dict[str, Parameter]:
        """The chosen, the fixed among the asked, and every ancestor of their conditions; parents need no order."""
        found: dict[str, Parameter] = {}
        for name in chosen:
            found[name], notes = build_parameter(self.schema.properties[name], self.schema, self.ranges.get(name, {}))
            self.notes.extend(notes)
        for name in self._ancestors(chosen):
            if name not in found:
                found[name] = self._held(name)
        return {name: found[name] for name in self.schema.properties if name in found}

    def _ancestors(self, names: Sequence[str]) -> list[str]:
        waiting, seen = list(names), dict.fromkeys(names)
        while waiting:
            name = waiting.pop()
            condition = condition_of(self.schema.properties[name], self.ranges.get(name, {}))
            for parent in condition.parents if condition else ():
                if parent not in seen:
                    seen[parent] = None
                    waiting.append(parent)
        return list(seen)

    def _held(self, name: str) -> Fixed:
        leaf = self.schema.properties[name]
        if name not in self.fixed and not leaf.has_default:
            raise self.schema.fault(leaf.place, "a parent of a condition must have a default, got none")
        value = self.fixed.get(name, leaf.default)
        return held_parameter(leaf, self.schema, self.ranges.get(name, {}), value)

    def _alive(self, parameters: Mapping[str, Parameter]) -> dict[str, Parameter]:
        """Without what no configuration of this space can activate."""
        alive: dict[str, Parameter] = {}
        for parameter in self._ordered(parameters):
            blocker = _blocker(parameter, alive)
            if blocker is None:
                alive[parameter.name] = parameter
            elif not isinstance(parameter, Fixed):
                self._remove(parameter.name, f"never active, because {blocker}")
        return {name: alive[name] for name in parameters if name in alive}

    def _ordered(self, parameters: Mapping[str, Parameter]) -> tuple[Parameter, ...]:
        try:
            return SearchSpace(tuple(parameters.values())).ordered
        except SearchSpaceError as error:
            raise self.schema.fault("depends_on", error.message, error.hint) from error

    def _space(self, alive: Mapping[str, Parameter], chosen: set[str]) -> SearchSpace:
        """The chosen that are left, and the parents that they still need."""
        needed = set(self._ancestors([name for name in alive if name in chosen]))
        kept = tuple(parameter for name, parameter in alive.items() if name in needed)
        for parameter in kept:
            if isinstance(parameter, Fixed) and parameter.name in chosen:
                self.removed.append(f"{parameter.name}: fixed at {parameter.value!r:.80}")
        return SearchSpace(kept)


def _blocker(parameter: Parameter, alive: Mapping[str, Parameter]) -> str | None:
    for parent, values in parameter.when.clauses if parameter.when else ():
        if parent not in alive:
            return f"its parent {parent} never is"
        if not any(alive[parent].contains(value) for value in values):
            return f"{parent} is never {' or '.join(map(repr, values))}"
    return None
