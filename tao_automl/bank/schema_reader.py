"""A schema file, read strictly: every leaf is checked against its own rules before anything is built."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tao_automl.bank.dialect import load_schema
from tao_automl.bank.keywords import GROUP, ITEM, LEAF, ROOT, TYPES, check_keywords
from tao_automl.bank.leaves import (
    Property,
    SchemaDocument,
    check_expression,
    check_parents,
    parse_condition,
    parse_expression,
)
from tao_automl.domain.conditions import Condition
from tao_automl.domain.constraints import Constraint
from tao_automl.domain.expressions import Expression, ExpressionError
from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.nearest import nearest_hint
from tao_automl.domain.ordering import parents_first
from tao_automl.errors import SearchSpaceError

_MISSING: Any = object()


def read_schema(path: Path) -> SchemaDocument:
    """Of either dialect. Raises one SearchSpaceError that names file, place, law and value."""
    loaded = load_schema(path)
    reader = _Reader(SchemaDocument(path=path, properties={}, notes=loaded.notes))
    return reader.finished(reader.checked_root(loaded.root), strict=not loaded.translated)


class _Reader:
    """Walks one file; `_faulty` only lends its path to errors until the walk is done."""

    def __init__(self, faulty: SchemaDocument) -> None:
        self._faulty = faulty
        self._found: dict[str, Property] = {}

    def checked_root(self, root: Any) -> Mapping[str, Any]:
        self._need(isinstance(root, dict), "(root)", "a schema must be an object", type(root).__name__)
        self._keywords(root, ROOT, "(root)")
        self._need(
            isinstance(root.get("properties"), dict), "(root)", "a schema must have properties", root.get("properties")
        )
        found: Mapping[str, Any] = root
        return found

    def finished(self, root: Mapping[str, Any], *, strict: bool) -> SchemaDocument:
        self._group(root, "", "properties")
        for leaf in self._found.values():
            self._check_inputs(leaf)
        try:
            parents_first({leaf.name: leaf.inputs for leaf in self._found.values()})
        except SearchSpaceError as error:
            raise self._faulty.fault("depends_on", error.message, error.hint) from error
        named = {key: self._names(root, key) for key in ("automl_default_parameters", "automl_disabled_parameters")}
        document = SchemaDocument(
            path=self._faulty.path,
            properties=self._found,
            defaults=named["automl_default_parameters"],
            disabled=named["automl_disabled_parameters"] or (),
            constraints=self._constraints(root.get("automl_constraints", [])),
            notes=self._faulty.notes,
        )
        if strict:
            self._check_defaults(document)
        return document

    def _need(self, holds: bool, place: str, law: str, got: object) -> None:
        if not holds:
            raise self._faulty.fault(place, f"{law}, got {got!r:.100}")

    def _names(self, root: Mapping[str, Any], key: str) -> tuple[str, ...] | None:
        if key not in root:
            return None
        names = root[key]
        self._need(isinstance(names, list), key, "must be a list of dotted names", names)
        for name in names:
            if not isinstance(name, str) or name not in self._found:
                law = f"must name properties of this schema, got {name!r:.100}"
                raise self._faulty.fault(key, law, nearest_hint(str(name), self._found))
        return tuple(dict.fromkeys(names))

    def _constraints(self, declared: Any) -> tuple[Constraint, ...]:
        self._need(isinstance(declared, list), "automl_constraints", "must be a list of expressions", declared)
        return tuple(self._constraint(text, f"automl_constraints[{k}]") for k, text in enumerate(declared))

    def _constraint(self, text: Any, place: str) -> Constraint:
        self._need(isinstance(text, str), place, "must be an expression", text)
        where = f"{self._faulty.path}: {place}"
        expression = parse_expression(text, where)
        check_expression(expression, self._found, where)
        try:
            return Constraint(expression)
        except ExpressionError as error:
            raise self._faulty.fault(place, error.message, error.hint) from error

    def _check_defaults(self, document: SchemaDocument) -> None:
        """What the author chose must keep what the author demands."""
        if not document.constraints:
            return
        values = default_values(self._found)
        for k, constraint in enumerate(document.constraints):
            if not constraint.holds(values):
                shown = ", ".join(f"{name}={values[name]!r:.40}" for name in constraint.names)
                law = f"the defaults must keep `{constraint.text}`, got ({shown})"
                raise self._faulty.fault(f"automl_constraints[{k}]", law)

    def _group(self, node: Mapping[str, Any], prefix: str, place: str) -> None:
        for key, child in node["properties"].items():
            here = f"{place}.{key}"
            self._need(
                "." not in key and key.strip() == key != "", here, "a property's name must have no dots or blanks", key
            )
            self._need(isinstance(child, dict), here, "a property must be an object", child)
            if "properties" in child:
                self._keywords(child, GROUP, here)
                kind = child.get("type", "object")
                self._need(kind == "object", here, "a node with properties must be an object", kind)
                listed = child["properties"]
                self._need(isinstance(listed, dict), here, "properties must be an object", listed)
                self._group(child, f"{prefix}{key}.", f"{here}.properties")
            else:
                self._found[prefix + key] = self._leaf(child, prefix + key, here)

    def _keywords(self, node: Mapping[str, Any], known: set[str], place: str) -> None:
        for keyword in node:
            if keyword not in known and not keyword.startswith("x_"):
                raise self._faulty.fault(
                    place, f"must have known keywords only, got {keyword!r:.80}", nearest_hint(keyword, sorted(known))
                )

    def _leaf(self, node: Mapping[str, Any], name: str, place: str) -> Property:
        self._keywords(node, LEAF, place)
        check_keywords(node, lambda holds, law, got: self._need(holds, place, law, got))
        leaf = Property(
            name=name,
            place=place,
            types=self._types(node, place),
            node=node,
            condition=self._condition(node, place),
            derived=self._derived(node, place),
        )
        self._check_items(leaf)
        self._check_values(leaf)
        return leaf

    def _types(self, node: Mapping[str, Any], place: str) -> tuple[str, ...]:
        declared = node.get("type", list(TYPES) if "enum" in node or "const" in node else _MISSING)
        self._need(declared is not _MISSING, place, "a property must have a type", "none")
        types = [declared] if isinstance(declared, str) else declared
        valid = isinstance(types, list) and bool(types) and all(word in TYPES for word in types)
        self._need(valid, place, f"type must be among {', '.join(TYPES)}", declared)
        return tuple(types)

    def _check_items(self, leaf: Property) -> None:
        """The elements of a list that may be searched; those of others are nobody's business here."""
        if not leaf.searchable or "array" not in leaf.types:
            return
        first = leaf.node.get("prefixItems", [])
        self._need(isinstance(first, list), leaf.place, "prefixItems must be a list of schemas", first)
        items = [("items", leaf.node["items"])] if "items" in leaf.node else []
        for key, item in [*((f"prefixItems[{k}]", item) for k, item in enumerate(first)), *items]:
            place = f"{leaf.place}.{key}"
            self._need(isinstance(item, dict), place, "must be an object", item)
            self._keywords(item, ITEM, place)
            check_keywords(item, lambda holds, law, got, place=place: self._need(holds, place, law, got))  # type: ignore[misc]  # `place` is bound early
            self._types(item, place)

    def _check_values(self, leaf: Property) -> None:
        named = [("default", leaf.node["default"])] if "default" in leaf.node else []
        named += [("popular", value) for value in leaf.node.get("popular", [])]
        for keyword, value in named:
            problem = leaf.problem(value)
            self._need(not problem, leaf.place, f"{keyword} {problem}", value)

    def _condition(self, node: Mapping[str, Any], place: str) -> Condition | None:
        declared = [node[keyword] for keyword in ("depends_on", "conditions") if keyword in node]
        return parse_condition(declared, f"{self._faulty.path}: {place}")

    def _derived(self, node: Mapping[str, Any], place: str) -> Expression | None:
        if "derived" not in node:
            return None
        enabled = node.get("automl_enabled", False)
        self._need(
            enabled is False, place, "a derived parameter is never searched: automl_enabled must be false", enabled
        )
        return parse_expression(node["derived"], f"{self._faulty.path}: {place}: derived")

    def _check_inputs(self, leaf: Property) -> None:
        where = f"{self._faulty.path}: {leaf.place}"
        if leaf.condition is not None:
            check_parents(leaf.condition, self._found, where)
        if leaf.derived is not None:
            check_expression(leaf.derived, self._found, f"{where}: derived")
            self._need(bool(leaf.derived.names), leaf.place, "derived must name a property", leaf.derived.text)


def default_values(properties: Mapping[str, Property]) -> dict[str, JsonValue]:
    """The active leaves that have a default, and what is derived from them."""
    found: dict[str, JsonValue] = {}
    for name in parents_first({name: leaf.inputs for name, leaf in properties.items()}):
        leaf = properties[name]
        if leaf.condition is not None and not leaf.condition.holds(found):
            continue
        if leaf.derived is not None and all(given in found for given in leaf.derived.names):
            try:
                found[name] = leaf.derived.evaluate(found)
            except ExpressionError:
                continue
        elif leaf.has_default:
            found[name] = leaf.default
    return found
