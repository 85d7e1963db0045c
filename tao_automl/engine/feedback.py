"""What a user's `feedback_fn` says about a trial, as far as it may leave the machine."""

import re
from collections.abc import Mapping
from pathlib import Path

from tao_automl.domain.finite import finite
from tao_automl.domain.json_types import JsonValue

LARGEST = 20_000  # characters of all texts of one answer
DEEPEST = 8
_PRIVATE = re.compile(r"(^|_)(id|ids|uid|uuid|label|labels|path|paths|file|files|filename|url|uri)$", re.IGNORECASE)
_PATH = re.compile(r"(?:[a-z][a-z0-9+.-]*://|~/|(?<![\w.])/)[^\s'\"<>|]+|[A-Za-z]:\\\\[^\s'\"]+")


class FeedbackError(ValueError):
    """The answer of `feedback_fn` cannot be used."""


def scrubbed(answer: object) -> JsonValue:
    """The answer without entries that name labels, ids and paths, and with paths in its texts taken out.

    Raises FeedbackError for what is no JSON, too deep or too large.
    """
    clean = _clean(answer, DEEPEST)
    if _size(clean) > LARGEST:
        raise FeedbackError(f"the answer has more than {LARGEST} characters")
    return clean


def _clean(value: object, depth: int) -> JsonValue:
    if not depth:
        raise FeedbackError(f"the answer is nested deeper than {DEEPEST} levels")
    if isinstance(value, Mapping):
        return {str(k): _clean(v, depth - 1) for k, v in value.items() if not _PRIVATE.search(str(k))}
    if isinstance(value, list | tuple):
        return [_clean(item, depth - 1) for item in value]
    if isinstance(value, str):
        return _PATH.sub("<path>", value)
    if isinstance(value, Path):
        return "<path>"
    if value is None or isinstance(value, bool):
        return value
    return _number(value)


def _number(value: object) -> JsonValue:
    number = finite(value)
    if number is None:
        raise FeedbackError(f"{value!r:.80} is no JSON")
    return int(value) if isinstance(value, int) else number


def _size(value: JsonValue) -> int:
    if isinstance(value, dict):
        return sum(len(key) + _size(item) for key, item in value.items())
    if isinstance(value, list):
        return sum(map(_size, value))
    return len(str(value))
