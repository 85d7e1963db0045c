"""What counts as a value here: JSON, with numbers that a double can hold; and when two values are the same."""

import copy
import math
import sys
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeGuard

from tao_automl.domain.json_types import JsonValue
from tao_automl.errors import SearchSpaceError


def is_number(value: object) -> TypeGuard[int | float]:
    """A finite number within the range of a double; True and False are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def fresh(value: JsonValue) -> JsonValue:
    """A copy where it matters, so that nobody edits a list that belongs to the space."""
    return copy.deepcopy(value) if isinstance(value, list | dict) else value


def json_key(value: object) -> Hashable:
    """A key that is equal for equal JSON values: 1 and 1.0 are one number, while True is not 1.

    Raises SearchSpaceError for what JSON cannot say.
    """
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return ("constant", repr(value))
    if isinstance(value, int | float):
        return _number_key(value)
    if isinstance(value, Mapping):
        return ("object", frozenset((_text_key(key), json_key(item)) for key, item in value.items()))
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return ("list", tuple(json_key(item) for item in value))
    raise SearchSpaceError(f"a value must be JSON, got {type(value).__name__} {value!r:.80}")


def _number_key(value: int | float) -> Hashable:
    if isinstance(value, float) and not math.isfinite(value):
        raise SearchSpaceError(f"a number must be finite, got {value!r}", "write null or a number")
    return ("number", value)


def _text_key(key: object) -> str:
    if not isinstance(key, str):
        raise SearchSpaceError(f"the keys of a JSON object must be strings, got {key!r:.80}")
    return key


def is_json(value: object) -> bool:
    """Whether JSON can say it; false for a number that is not finite."""
    try:
        json_key(value)
    except (SearchSpaceError, RecursionError):
        return False
    return True


def same_json(left: object, right: object) -> bool:
    return json_key(left) == json_key(right)
