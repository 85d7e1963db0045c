"""One parameter of the facts as one property of a schema."""

import math
from collections.abc import Mapping
from typing import Any

from model_skills.sources import Source

_TYPES = {
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "string": "string",
    "collection": "object",
    "optional_list": ["array", "null"],
    "mixed": ["boolean", "string"],
}
_JSON_TYPES = ("integer", "number", "boolean", "object", "array")
NUMBERS = ("integer", "number")
_MISSING = "???"


def leaf(source: Source, entry: Mapping[str, Any]) -> dict[str, Any]:
    """A property without anything about the search."""
    path = str(entry["path"])
    entry = {**entry, **corrections(source, path)}
    node: dict[str, Any] = {"type": _type(entry)}
    node |= _default(source, entry, node["type"])
    if "enum" in entry and "array" not in node["type"]:
        node["enum"] = _options(entry) + ([None] if "null" in node["type"] else [])
    if node["type"] in (*NUMBERS, ["integer", "null"], ["number", "null"]):
        node |= _bounds(entry)
    text = description(source, path)
    if text:
        node["description"] = text
    return node


def _default(source: Source, entry: Mapping[str, Any], kind: str | list[str]) -> dict[str, Any]:
    """The default, and the type that it needs. Where the facts have none: an empty mapping, which changes nothing in
    the container's own; null; and nothing at all for a list, whose default in the container may hold something.
    """
    value = entry.get("default")
    if value is not None:
        return {"default": "" if value == _MISSING else value}
    if kind == "object":
        return {"default": {}}
    if kind in ("array", ["array", "null"]) or not source.knows_null:
        return {}
    return {"type": [kind, "null"], "default": None}


def corrections(source: Source, path: str) -> dict[str, Any]:
    """What the overlay, else the common file, says instead of the facts: a new default, or several keys."""
    for layer in (source.overlay, source.common):
        if path in layer.get("correct", {}):
            return dict(layer["correct"][path])
    return {}


def description(source: Source, path: str) -> str:
    """The overlay's words, else those of the common file for the whole name or its end."""
    named = source.overlay.get("describe", {}).get(path)
    searched = {**source.overlay.get("optional", {}), **source.overlay.get("search", {})}.get(path, {})
    common: Mapping[str, str] = source.common.get("describe", {})
    last = path.rpartition(".")[2]
    return str(named or searched.get("description") or common.get(path) or common.get(f"*.{last}") or "")


def _type(entry: Mapping[str, Any]) -> str | list[str]:
    kind = entry.get("type")
    if kind is None:
        return _type_of(entry.get("default"))
    if kind == "categorical":
        return "string"
    if kind == "ordered_int":
        return "integer"
    if kind in _JSON_TYPES:
        return str(kind)
    if kind in _TYPES:
        found: str | list[str] = _TYPES[kind]  # type: ignore[assignment]  # a mapping of both kinds
        return found
    return "array"


def _type_of(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    return "number" if isinstance(value, float) else "string"


def _options(entry: Mapping[str, Any]) -> list[Any]:
    options = list(dict.fromkeys(entry["enum"]))
    default = entry.get("default")
    return options if default is None or default in options else [default, *options]


def _bounds(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Finite bounds that the default obeys; a bound that refuses the default is wrong and is dropped."""
    default = entry.get("default")
    found = {key: entry[key] for key in ("minimum", "maximum", "multipleOf") if _finite(entry.get(key))}
    text = str(entry.get("math_cond", "")).replace(" ", "")
    if text.startswith((">0", ">=1")) and found.get("minimum", 0) <= 0:
        found.pop("minimum", None)
        found |= {"minimum": 1} if text.startswith(">=1") or entry.get("type") == "int" else {"exclusiveMinimum": 0}
    if text.startswith("/") and text[1:].isdecimal() and "depends_on" not in entry:
        found["multipleOf"] = int(text[1:])
    if isinstance(default, int | float):
        found = {key: bound for key, bound in found.items() if _obeys(default, key, bound)}
    return found


def _obeys(value: float, key: str, bound: float) -> bool:
    if key == "multipleOf":
        return value % bound == 0
    return {"minimum": value >= bound, "maximum": value <= bound, "exclusiveMinimum": value > bound}[key]


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
