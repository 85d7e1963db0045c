"""Bounded reading: whatever a skill's file holds, the answer is a value or one error, never a traceback."""

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from tao_automl.domain.json_types import JsonValue
from tao_automl.errors import UserError

DEPTH_LIMIT = 64
_BITS = 4096  # of an integer; Python refuses to write very long ones


class Unreadable(Exception):
    """A file breaks a law of reading; whoever knows what the file is for raises it as that kind of error."""


def read_text(path: Path, limit: int) -> str:
    """The UTF-8 text of a regular file of at most `limit` bytes. Raises Unreadable."""
    try:
        if not path.is_file():
            raise Unreadable("must be a regular file, " + ("found something else" if path.exists() else "not found"))
        with path.open("rb") as stream:
            data = stream.read(limit + 1)
    except (OSError, ValueError) as error:
        raise Unreadable(f"cannot be read: {error}") from error
    if len(data) > limit:
        raise Unreadable(f"must be at most {limit:,} bytes, got more")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"must be UTF-8 text, got byte 0x{data[error.start]:02x} at offset {error.start}") from error


def exists(path: Path) -> bool:
    """False also for a path that no file can have."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def is_file(path: Path) -> bool:
    """False also for a path that no file can have."""
    return exists(path) and path.is_file()


def parse_json(text: str) -> JsonValue:
    """Strict JSON: no NaN or Infinity, no name twice, nested at most `DEPTH_LIMIT` deep. Raises Unreadable."""
    try:
        value: JsonValue = json.loads(text, object_pairs_hook=_distinct, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise Unreadable(f"line {error.lineno}: must be JSON: {error.msg}") from error
    except RecursionError as error:
        raise Unreadable(f"must be nested at most {DEPTH_LIMIT} deep, got much more") from error
    except ValueError as error:
        raise Unreadable(f"must be JSON: {error}") from error
    check_nesting(value)
    return value


def parse_loose_json(text: str) -> JsonValue:
    """As `parse_json`, but for the words NaN, Infinity and -Infinity, which are floats then. Raises Unreadable."""
    try:
        value: JsonValue = json.loads(text, object_pairs_hook=_distinct)
    except (RecursionError, ValueError) as error:
        raise Unreadable(f"must be JSON: {error!s:.200}") from error
    check_nesting(value, finite=False)
    return value


def _distinct(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Unreadable(f"a name must occur once in an object, got {twice!r} twice")
    return found


def _no_constant(word: str) -> JsonValue:
    raise Unreadable(f"must be JSON, which has no {word}; leave the bound out, or write a number")


def check_nesting(value: JsonValue, *, finite: bool = True) -> None:
    """Iterative, because a deep file must not exhaust the stack either."""
    level: list[JsonValue] = [value]
    for _ in range(DEPTH_LIMIT):
        level = [child for item in level for child in _children(item, finite)]
        if not level:
            return
    raise Unreadable(f"must be nested at most {DEPTH_LIMIT} deep, got more")


def number_fault(value: object) -> str:
    """What is wrong with a number, for any reader of it; empty for all else."""
    if isinstance(value, float) and not math.isfinite(value):
        return "a number must be finite"
    too_long = isinstance(value, int) and value.bit_length() > _BITS
    return f"an integer must have at most {_BITS} bits" if too_long else ""


def _children(value: JsonValue, finite: bool) -> Iterator[JsonValue]:
    if finite and (fault := number_fault(value)):
        raise Unreadable(f"{fault}, got one beyond that")
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def dotted(path: Sequence[str | int]) -> str:
    """A place in a document, as people write it: ``metrics[0].name``; the document itself is ``(root)``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".") or "(root)"


def load_json(path: Path, limit: int, kind: type[UserError]) -> JsonValue:
    """Read and parse; every failure is a `kind` that names the file."""
    try:
        return parse_json(read_text(path, limit))
    except Unreadable as error:
        raise kind(f"{path}: {error}") from error
