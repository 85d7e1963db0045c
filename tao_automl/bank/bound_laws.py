"""What JSON Schema says about single values: types, bounds, and the elements of lists."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from tao_automl.domain.json_values import is_json, is_number, json_key, same_json


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


def value_problem(node: Mapping[str, Any], types: Sequence[str], value: object) -> str:
    """Why a node of these types does not accept `value`, or an empty string."""
    if types and not any(is_a(value, word) for word in types):
        return f"must be of type {' or '.join(types)}"
    if "enum" in node and not any(same_json(value, option) for option in node["enum"]):
        return f"must be one of {list(node['enum'])!r:.200}"
    if "const" in node and not same_json(value, node["const"]):
        return f"must be {node['const']!r:.80}"
    if isinstance(value, list):
        return next(_list_problems(node, value), "")
    if isinstance(value, str) and len(value) > node.get("maxLength", len(value)):
        return f"must have at most maxLength {node['maxLength']} characters"
    return next(bound_problems(node, value), "") if is_number(value) else ""


def _list_problems(node: Mapping[str, Any], value: list[Any]) -> Iterator[str]:
    if len(value) < node.get("minItems", 0):
        yield f"must have at least minItems {node['minItems']} elements"
    if len(value) > node.get("maxItems", len(value)):
        yield f"must have at most maxItems {node['maxItems']} elements"
    if node.get("uniqueItems") is True and is_json(value) and len(set(map(json_key, value))) < len(value):
        yield "must have distinct elements"
    for place, (item, element) in enumerate(zip(_item_nodes(node, len(value)), value, strict=False)):
        problem = _item_problem(item, element)
        if problem:
            yield f"[{place}] {problem}"
    if "monotone" in node and all(map(is_number, value)):
        up = node["monotone"] == "increasing"
        if any(a > b if up else a < b for a, b in pairwise(value)):
            yield f"must have {node['monotone']} elements"


def _item_nodes(node: Mapping[str, Any], count: int) -> list[Any]:
    """The node of each element, as far as there is one."""
    first = list(node.get("prefixItems", ()))
    rest = [node["items"]] * (count - len(first)) if isinstance(node.get("items"), dict) else []
    return (first + rest)[:count]


def _item_problem(item: Any, element: object) -> str:
    if not isinstance(item, dict):
        return ""
    types = item.get("type", [])
    words = [types] if isinstance(types, str) else types
    known = [word for word in words if isinstance(word, str)] if isinstance(words, list) else []
    return value_problem(item, known, element) if known or "enum" in item else ""
