"""Values as the public TAO dialect writes them: string booleans, infinite bounds, and its words for types."""

import math
import re
from typing import Any

from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.json_values import is_number

_TRUE = {"true", "yes", "on", "1"}
_FALSE = {"false", "no", "off", "0", ""}
_LIST = re.compile(r"list(_\w+)?|\w+_list")
_PLAIN = {
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "string": "string",
    "str": "string",
    "collection": "object",
    "dict": "object",
    "ordered_int": "integer",
    "ordered": "integer",
}
_JSON = {"integer", "number", "boolean", "array", "object", "null"}
OPTIONS = {"categorical", "ordered_int", "ordered"}
SUBSETS = {"subset_list", "optional_list"}


def is_theirs(word: object) -> bool:
    """Whether it is a word for a type that JSON Schema does not have."""
    return isinstance(word, str) and word != "string" and (word in _PLAIN or word in OPTIONS or _is_list(word))


def is_ours(word: object) -> bool:
    return isinstance(word, str) and word in _JSON


def _is_list(word: str) -> bool:
    return _LIST.fullmatch(word) is not None


def json_type(word: object) -> str | None:
    """The JSON type that a word means; None for one that says nothing about it, or is not known."""
    if not isinstance(word, str):
        return None
    if word in _JSON:
        return word
    return "array" if _is_list(word) else _PLAIN.get(word)


def type_of(value: JsonValue) -> str:
    """The JSON type of a value."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    if value is None:
        return "null"
    return "object" if isinstance(value, dict) else "array"


def flag(value: Any) -> bool | None:
    """True, ``"TRUE"``, ``"yes"``, …; None for what is no flag."""
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower() if isinstance(value, str | int) else None
    return None if word is None or word not in _TRUE | _FALSE else word in _TRUE


def bound(value: Any) -> float | None:
    """A finite number, also one in quotes; None for infinity, null and what is no number."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    return value if is_number(value) else None


def typed(value: JsonValue, kind: str | None) -> JsonValue:
    """A value as its type wants it: ``"TRUE"`` for a boolean, ``"1e-4"`` for a number, 3.0 for an integer."""
    if kind == "boolean" and isinstance(value, str):
        found = flag(value)
        return value if found is None else found
    if kind in ("number", "integer") and isinstance(value, str):
        number = bound(value)
        value = value if number is None else number
    if kind == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def without_infinity(value: JsonValue) -> JsonValue:
    """The same value with null in the place of what is not finite."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: without_infinity(item) for key, item in value.items()}
    return [without_infinity(item) for item in value] if isinstance(value, list) else value
