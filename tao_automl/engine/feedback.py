"""What a user's `feedback_fn` says about a trial, as far as it may leave the machine."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from tao_automl.domain.finite import finite
from tao_automl.domain.json_types import JsonValue

LARGEST = 20_000  # characters of one answer, as JSON
DEEPEST = 8
_SINGULAR = ("id", "uid", "uuid", "label", "path", "file", "filename", "dir", "folder", "url", "uri")
_PRIVATE = frozenset(word + end for word in _SINGULAR for end in ("", "s"))
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_PATH = re.compile(
    r"""[a-z][a-z0-9+.-]*://[^\s'"<>|]+                # a URI
    | [a-z]:[\\/][^\s'"<>|]+ | \\\\[^\s'"<>|]+        # of Windows
    | (?<![\w.])(?:~|\.{1,2})?/[^\s'"<>|]+            # from the root, home or here
    | \w[\w.-]*(?:/[\w.-]+)+\.[a-z]\w*               # another one, of a file""",
    re.IGNORECASE | re.VERBOSE,
)


class FeedbackError(ValueError):
    """The answer of `feedback_fn` cannot be used."""


def scrubbed(answer: object) -> JsonValue:
    """The answer without entries that name labels, ids and paths, and with paths in its texts taken out.

    Raises FeedbackError for what is no JSON, too deep or too large.
    """
    clean = _clean(answer, DEEPEST)
    if clean is None:
        raise FeedbackError("the answer is None")
    if len(json.dumps(clean)) > LARGEST:
        raise FeedbackError(f"the answer has more than {LARGEST} characters")
    return clean


def _clean(value: object, depth: int) -> JsonValue:
    if not depth:
        raise FeedbackError(f"the answer is nested deeper than {DEEPEST} levels")
    if isinstance(value, Mapping):
        return {str(k): _clean(v, depth - 1) for k, v in value.items() if not _is_private(str(k))}
    if isinstance(value, list | tuple):
        return [_clean(item, depth - 1) for item in value]
    if isinstance(value, str):
        return _PATH.sub("<path>", value)
    if isinstance(value, Path):
        return "<path>"
    if value is None or isinstance(value, bool):
        return value
    return _number(value)


def _is_private(name: str) -> bool:
    """Whether a word in it says that it stands for a label, an id or a path; or it is a path itself."""
    words = [*_WORD.findall(name), *re.split(r"[^A-Za-z]+", name)]  # of imageIds, and of image_IDs
    return bool(_PATH.search(name)) or not _PRIVATE.isdisjoint(word.lower() for word in words)


def _number(value: object) -> JsonValue:
    number = finite(value)
    if number is None:
        raise FeedbackError(f"{value!r:.80} is no JSON")
    return int(value) if isinstance(value, int) else number
