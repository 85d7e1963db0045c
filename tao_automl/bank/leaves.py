"""A leaf of a schema and the document around it: what may be a value, and what may be a condition."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tao_automl.bank.bound_laws import value_problem
from tao_automl.domain.conditions import Condition
from tao_automl.domain.constraints import Constraint
from tao_automl.domain.expression_nodes import Comparison, Listing, Literal, Name, Node, walk
from tao_automl.domain.expression_parser import parse
from tao_automl.domain.expressions import Expression, ExpressionError
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
    derived: Expression | None = None

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

    @property
    def inputs(self) -> tuple[str, ...]:
        """What it takes to know whether it exists, and what it is if it is derived."""
        parents = self.condition.parents if self.condition else ()
        return (*parents, *(self.derived.names if self.derived else ()))

    def problem(self, value: JsonValue) -> str:
        """Why training would refuse `value`, or an empty string."""
        return value_problem(self.node, self.types, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaDocument:
    """A schema file: its leaves in declared order, and what its root says about the search.

    `notes` say what a translation from another dialect inferred. `strict`: the defaults were checked against the
    constraints.
    """

    path: Path
    properties: Mapping[str, Property]
    defaults: tuple[str, ...] | None = None
    disabled: tuple[str, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    notes: tuple[str, ...] = ()

    def fault(self, place: str, text: str, hint: str = "") -> SearchSpaceError:
        return SearchSpaceError(f"{self.path}: {place}: {text}", hint)


def parse_condition(declared: Sequence[object], where: str) -> Condition | None:
    """Mappings ``{parent: [allowed values]}`` and expressions, all of which must hold; None if there are none.

    `where` begins the message of a fault.
    """
    allowed: dict[str, Any] = {}
    written = []
    for part in declared:
        if isinstance(part, str):
            written.append(part)
        elif isinstance(part, Mapping):
            allowed |= part
        else:
            raise SearchSpaceError(
                f"{where}: depends_on must be an expression, or map parents to lists of values, got {part!r:.80}"
            )
    for parent, values in allowed.items():
        if not isinstance(values, Sequence) or isinstance(values, str) or not values:
            raise SearchSpaceError(
                f"{where}: depends_on must map {parent} to a list of allowed values, got {values!r:.80}"
            )
    if not allowed and not written:
        return None
    clauses = tuple((name, tuple(values)) for name, values in allowed.items())
    return Condition(clauses=clauses, expression=_conjunction(written, where))


def _conjunction(written: Sequence[str], where: str) -> Expression | None:
    if not written:
        return None
    text = written[0] if len(written) == 1 else " and ".join(f"({part})" for part in written)
    return parse_expression(text, f"{where}: depends_on")


def parse_expression(text: str, where: str) -> Expression:
    """Raises SearchSpaceError with `where` in front of the fault and its place."""
    try:
        return parse(text)
    except ExpressionError as error:
        raise SearchSpaceError(f"{where}: {error.message}", error.hint) from error


def check_expression(expression: Expression, known: Mapping[str, Property], where: str) -> None:
    """Every name must exist, and a value that it is compared with must be one that it can take."""
    try:
        expression.check_names(known, "property of this schema")
        for name, literal in _compared(expression.tree):
            problem = known[name.name].problem(literal.constant)
            if problem and known[name.name].options is not None:
                law = f"{name.name} {problem}, got {literal.constant!r:.60}"
                raise expression.error(law, literal.at)
    except ExpressionError as error:
        raise SearchSpaceError(f"{where}: {error.message}", error.hint) from error


def _compared(tree: Node) -> Iterator[tuple[Name, Literal]]:
    """Names and the constants that they are equal to, or among, or not."""
    for node in walk(tree):
        if isinstance(node, Comparison) and len(node.links) == 1 and isinstance(node.first, Name):
            symbol, _, right = node.links[0]
            constants = right.items if isinstance(right, Listing) else (right,)
            if symbol in ("==", "!=", "in", "not in"):
                yield from ((node.first, constant) for constant in constants if isinstance(constant, Literal))


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
    if condition.expression is not None:
        check_expression(condition.expression, known, f"{where}: depends_on")
