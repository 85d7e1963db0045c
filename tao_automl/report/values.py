"""The door for untrusted JSON: each function answers a value of its type, whatever it is given."""

import json
import math
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

LONGEST = 600
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_JOINERS = "\u200c\u200d"  # needed to write some scripts, and emoji


def mapping(value: object) -> Mapping[str, Any]:
    """`value` if it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def rows(value: object) -> list[Mapping[str, Any]]:
    """The mappings in a list; a mapping of mappings is read as rows with a `name`."""
    if isinstance(value, Mapping):
        return [{"name": name, **mapping(row)} for name, row in value.items()]
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [row for row in value if isinstance(row, Mapping)]
    return []


def items(value: object) -> list[Any]:
    """The items of a list, else none."""
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str | bytes) else []


def number(value: object) -> float | None:
    """A finite number (a bool is none), else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        converted = float(value)
    except OverflowError:
        return None
    return converted if math.isfinite(converted) else None


def count(value: object) -> int:
    """A whole number that is not negative, else 0."""
    found = number(value)
    return int(found) if found is not None and found > 0 else 0


def text(value: object, longest: int = LONGEST) -> str:
    """One line without control, terminal-escape or direction-override characters; None is empty."""
    if value is None:
        return ""
    raw = value if isinstance(value, str) else as_text(value)
    cut = raw[: 8 * longest]
    return shorten(cut if cut.isprintable() else "".join(map(_visible, cut)), longest)


def _visible(char: str) -> str:
    if char in "\n\r\t":
        return " "
    return "" if unicodedata.category(char) in _HIDDEN and char not in _JOINERS else char


def shorten(line: str, longest: int) -> str:
    """`line` on `longest` characters, blanks collapsed."""
    line = " ".join(line.split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def as_text(value: object) -> str:
    """A value of a specification as a person would write it: numbers to five significant digits."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.5g}"
    if isinstance(value, str | int):
        return str(value)
    return json.dumps(value, ensure_ascii=False, default=str)


def same(left: object, right: object) -> bool:
    """Whether two JSON values are equal; true is not 1."""
    return isinstance(left, bool) == isinstance(right, bool) and left == right
