"""Our schema dialect, read strictly: every leaf is checked against its own rules before anything is built."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tao_automl.bank.files import load_json
from tao_automl.bank.leaves import Property, SchemaDocument, bound_problems, check_parents, parse_condition
from tao_automl.domain.conditions import Condition
from tao_automl.domain.fixed import is_number
from tao_automl.domain.nearest import nearest_hint
from tao_automl.domain.ordering import parents_first
from tao_automl.domain.parameters import Scale, Strength
from tao_automl.errors import SearchSpaceError

SCHEMA_LIMIT = 10_000_000
_GROUP = {"type", "title", "description", "properties", "required", "additionalProperties", "$comment", "$defs"}
_ROOT = _GROUP | {"$schema", "$id", "automl_default_parameters", "automl_disabled_parameters", "automl_constraints"}
_NUMBERS = (
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "search_minimum",
    "search_maximum",
)
_PLAIN = {"type", "title", "description", "default", "enum", "const", "examples", "deprecated", "$comment"}
_SHAPES = {
    "items",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "minProperties",
}
_OURS = {
    "automl_enabled",
    "scale",
    "popular",
    "option_weights",
    "ordered",
    "depends_on",
    "conditions",
    "derived",
    "prior",
}
_LEAF = _PLAIN | _SHAPES | _OURS | set(_NUMBERS) | {"additionalProperties"}
_LATER = ("derived",)
_TYPES = ("number", "integer", "boolean", "string", "array", "object", "null")
_MISSING: Any = object()


def read_schema(path: Path) -> SchemaDocument:
    """Raises one SearchSpaceError that names file, place, law and value."""
    root: Any = load_json(path, SCHEMA_LIMIT, SearchSpaceError)
    reader = _Reader(SchemaDocument(path=path, properties={}))
    reader.check_root(root)
    return reader.finished(root)


class _Reader:
    """Walks one file; `_faulty` only lends its path to errors until the walk is done."""

    def __init__(self, faulty: SchemaDocument) -> None:
        self._faulty = faulty
        self._found: dict[str, Property] = {}

    def check_root(self, root: Any) -> None:
        self._need(isinstance(root, dict), "(root)", "a schema must be an object", type(root).__name__)
        self._keywords(root, _ROOT, "(root)")
        self._need(
            isinstance(root.get("properties"), dict), "(root)", "a schema must have properties", root.get("properties")
        )
        constraints = root.get("automl_constraints", [])
        if constraints != []:
            raise self._faulty.fault(
                "automl_constraints", f"constraints are not supported yet by this version, got {constraints!r:.120}"
            )

    def finished(self, root: Mapping[str, Any]) -> SchemaDocument:
        self._group(root, "", "properties")
        for leaf in self._found.values():
            self._check_condition(leaf)
        try:
            parents_first({p.name: p.condition.parents if p.condition else () for p in self._found.values()})
        except SearchSpaceError as error:
            raise self._faulty.fault("depends_on", error.message, error.hint) from error
        named = {key: self._names(root, key) for key in ("automl_default_parameters", "automl_disabled_parameters")}
        return SchemaDocument(
            path=self._faulty.path,
            properties=self._found,
            defaults=named["automl_default_parameters"],
            disabled=named["automl_disabled_parameters"] or (),
        )

    def _need(self, holds: bool, place: str, law: str, got: object, hint: str = "") -> None:
        if not holds:
            raise self._faulty.fault(place, f"{law}, got {got!r:.100}", hint)

    def _names(self, root: Mapping[str, Any], key: str) -> tuple[str, ...] | None:
        if key not in root:
            return None
        names = root[key]
        self._need(isinstance(names, list), key, "must be a list of dotted names", names)
        for name in names:
            known = isinstance(name, str) and name in self._found
            self._need(known, key, "must name properties of this schema", name, nearest_hint(str(name), self._found))
        return tuple(dict.fromkeys(names))

    def _group(self, node: Mapping[str, Any], prefix: str, place: str) -> None:
        for key, child in node["properties"].items():
            here = f"{place}.{key}"
            self._need(
                "." not in key and key.strip() == key != "", here, "a property's name must have no dots or blanks", key
            )
            self._need(isinstance(child, dict), here, "a property must be an object", child)
            if "properties" in child:
                self._keywords(child, _GROUP, here)
                self._need(
                    child.get("type", "object") == "object",
                    here,
                    "a node with properties must be an object",
                    child.get("type"),
                )
                self._need(
                    isinstance(child["properties"], dict), here, "properties must be an object", child["properties"]
                )
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
        self._keywords(node, _LEAF, place)
        for keyword in _LATER:
            self._need(
                keyword not in node, place, f"{keyword!r} is not supported yet by this version", node.get(keyword)
            )
        self._check_numbers(node, place)
        self._check_lists(node, place)
        leaf = Property(
            name=name, place=place, types=self._types(node, place), node=node, condition=self._condition(node, place)
        )
        self._check_values(leaf)
        return leaf

    def _types(self, node: Mapping[str, Any], place: str) -> tuple[str, ...]:
        declared = node.get("type", list(_TYPES) if "enum" in node or "const" in node else _MISSING)
        self._need(declared is not _MISSING, place, "a property must have a type", "none")
        types = [declared] if isinstance(declared, str) else declared
        valid = isinstance(types, list) and bool(types) and all(word in _TYPES for word in types)
        self._need(valid, place, f"type must be among {', '.join(_TYPES)}", declared)
        return tuple(types)

    def _check_numbers(self, node: Mapping[str, Any], place: str) -> None:
        for keyword in _NUMBERS:
            if keyword in node:
                self._need(is_number(node[keyword]), place, f"{keyword} must be a finite number", node[keyword])
        self._need(node.get("multipleOf", 1) > 0, place, "multipleOf must be > 0", node.get("multipleOf"))
        for low, high in (("minimum", "maximum"), ("search_minimum", "search_maximum")):
            if low in node and high in node:
                law = f"`{low} <= {high}` must hold"
                self._need(node[low] <= node[high], place, law, (node[low], node[high]))
        for keyword in ("search_minimum", "search_maximum"):
            if keyword in node:
                problem = next(bound_problems(_without_multiple(node), node[keyword]), "")
                self._need(not problem, place, f"{keyword} {problem}", node[keyword])

    def _check_lists(self, node: Mapping[str, Any], place: str) -> None:
        for keyword in ("enum", "popular", "option_weights"):
            if keyword in node:
                self._need(
                    isinstance(node[keyword], list) and node[keyword] != [],
                    place,
                    f"{keyword} must be a list of values",
                    node[keyword],
                )
        for keyword in ("automl_enabled", "ordered"):
            self._need(
                isinstance(node.get(keyword, True), bool), place, f"{keyword} must be true or false", node.get(keyword)
            )
        scales = [str(scale) for scale in Scale]
        self._need(
            node.get("scale", "linear") in scales, place, f"scale must be one of {', '.join(scales)}", node.get("scale")
        )
        self._check_prior(node.get("prior", {"mean": 0}), place)

    def _check_prior(self, prior: Any, place: str) -> None:
        law = 'prior must be {"mean": number, "strength": weak, medium or strong}'
        valid = isinstance(prior, dict) and set(prior) <= {"mean", "strength"} and is_number(prior.get("mean"))
        self._need(valid and prior.get("strength", "weak") in [str(s) for s in Strength], place, law, prior)

    def _check_values(self, leaf: Property) -> None:
        named = [("default", leaf.node["default"])] if "default" in leaf.node else []
        named += [("popular", value) for value in leaf.node.get("popular", [])]
        for keyword, value in named:
            problem = leaf.problem(value)
            self._need(not problem, leaf.place, f"{keyword} {problem}", value)

    def _condition(self, node: Mapping[str, Any], place: str) -> Condition | None:
        allowed: dict[str, Any] = {}
        for keyword in ("depends_on", "conditions"):
            found = node.get(keyword, {})
            if isinstance(found, str):
                raise self._faulty.fault(
                    place, f"{keyword} as an expression is not supported yet by this version, got {found!r:.100}"
                )
            self._need(isinstance(found, dict), place, f"{keyword} must map parents to lists of values", found)
            allowed |= found
        return parse_condition(allowed, f"{self._faulty.path}: {place}")

    def _check_condition(self, leaf: Property) -> None:
        if leaf.condition is not None:
            check_parents(leaf.condition, self._found, f"{self._faulty.path}: {leaf.place}")


def _without_multiple(node: Mapping[str, Any]) -> dict[str, Any]:
    return {keyword: value for keyword, value in node.items() if keyword != "multipleOf"}
