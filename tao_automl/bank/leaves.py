"""A leaf of a schema and the document around it: what may be a value, and what may be a condition."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tao_automl.domain.conditions import Condition, same_json
from tao_automl.domain.fixed import is_number
from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.nearest import nearest_hint
from tao_automl.errors import SearchSpaceError


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """A leaf of the schema under its dotted name. Its own rules were checked; `node` holds the JSON as it is."""

    name: str
    place: str
    types: tuple[str, ...]
    node: Mapping[str, Any]
    condition: Condition | None = None

    @property
    def has_default(self) -> bool:
        return "default" in self.node or "const" in self.node

    @property
    def default(self) -> JsonValue:
        value: JsonValue = self.node.get("const", self.node.get("default"))
        return value

    @property
    def description(self) -> str:
        return str(self.node.get("description", ""))

    @property
    def searchable(self) -> bool:
        return self.node.get("automl_enabled") is True

    @property
    def options(self) -> tuple[JsonValue, ...] | None:
        found = self.node.get("enum")
        return tuple(found) if found is not None else None

    def problem(self, value: JsonValue) -> str:
        """Why training would refuse `value`, or an empty string."""
        if not any(is_a(value, word) for word in self.types):
            return f"must be of type {' or '.join(self.types)}"
        if self.options is not None and not any(same_json(value, option) for option in self.options):
            return f"must be one of {list(self.options)!r:.200}"
        if "const" in self.node and not same_json(value, self.node["const"]):
            return f"must be {self.node['const']!r:.80}"
        return next(bound_problems(self.node, value), "") if is_number(value) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaDocument:
    """A schema file: its leaves in declared order, and what its root says about the search."""

    path: Path
    properties: Mapping[str, Property]
    defaults: tuple[str, ...] | None = None
    disabled: tuple[str, ...] = ()

    def fault(self, place: str, text: str, hint: str = "") -> SearchSpaceError:
        return SearchSpaceError(f"{self.path}: {place}: {text}", hint)


def is_a(value: object, word: str) -> bool:
    """Whether a JSON value has a JSON Schema type; 1.0 is no integer here, and no bool is a number."""
    match word:
        case "number":
            return is_number(value)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case "string":
            return isinstance(value, str)
        case "array":
            return isinstance(value, list)
        case "object":
            return isinstance(value, dict)
    return value is None


def bound_problems(node: Mapping[str, Any], value: float) -> Iterator[str]:
    if value < node.get("minimum", value):
        yield f"must be >= minimum {node['minimum']!r}"
    if value > node.get("maximum", value):
        yield f"must be <= maximum {node['maximum']!r}"
    if "exclusiveMinimum" in node and value <= node["exclusiveMinimum"]:
        yield f"must be > exclusiveMinimum {node['exclusiveMinimum']!r}"
    if "exclusiveMaximum" in node and value >= node["exclusiveMaximum"]:
        yield f"must be < exclusiveMaximum {node['exclusiveMaximum']!r}"
    if "multipleOf" in node and abs(value / node["multipleOf"] - round(value / node["multipleOf"])) > 1e-9:
        yield f"must be a multiple of {node['multipleOf']!r}"


def parse_condition(allowed: Mapping[str, Any], where: str) -> Condition | None:
    """``{parent: [allowed values]}`` as a condition; None if there are no parents. `where` begins the message."""
    for parent, values in allowed.items():
        if not isinstance(values, Sequence) or isinstance(values, str) or not values:
            raise SearchSpaceError(
                f"{where}: depends_on must map {parent} to a list of allowed values, got {values!r:.80}"
            )
    return Condition.of(allowed) if allowed else None


def check_parents(condition: Condition, known: Mapping[str, Property], where: str) -> None:
    """Every parent must exist, and every allowed value must be one that it can take."""
    for parent, values in condition.clauses:
        if parent not in known:
            raise SearchSpaceError(
                f"{where}: depends_on must name a property of this schema, got {parent!r:.80}",
                nearest_hint(parent, known),
            )
        for value in values:
            problem = known[parent].problem(value)
            if problem:
                raise SearchSpaceError(f"{where}: depends_on: {parent} {problem}, got {value!r:.80}")
