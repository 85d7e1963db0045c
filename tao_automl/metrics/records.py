"""What JSON that somebody else wrote says of metrics: numbers by name, and epochs. Untrusted: nothing is an error."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from tao_automl.domain.finite import finite

Values = Mapping[str, float | None]
Found = tuple[int | None, Values]
"""A report: after how many epochs in all (None if it does not say), and metric -> value (None where not finite)."""

LONGEST_TEXT = 1 << 20
MOST_METRICS = 256
_LONGEST_NAME = 200
_LONGEST_NUMBER = 64
_NO_METRICS = frozenset(
    {
        "epoch",
        "max_epoch",
        "step",
        "max_step",
        "global_step",
        "iter",
        "cur_iter",
        "max_iter",
        "time",
        "timestamp",
        "kpi",
    }
)


def parse(text: str) -> Any:
    """The JSON value that `text` is; None if it is none, or too long."""
    try:
        return json.loads(text) if len(text) <= LONGEST_TEXT else None
    except (ValueError, RecursionError):
        return None


def numbers(record: Mapping[str, Any]) -> dict[str, float | None]:
    """The numbers of a mapping, and those one level below it as ``outer.inner``. A text that reads as a number is one;
    what is neither is left out."""
    found: dict[str, float | None] = {}
    for name, value in _flat(record):
        if len(found) == MOST_METRICS:
            break
        number = _number(value)
        if number is not None and len(name) <= _LONGEST_NAME:
            found[name] = finite(number)
    return found


def metrics_of(record: Mapping[str, Any], *, nested: bool = False) -> dict[str, float | None]:
    """The metrics of one record: those under ``metrics`` if that is a mapping, else its own numbers, less those that
    only count progress; with `nested`, also those one level below."""
    inner = record.get("metrics")
    if isinstance(inner, Mapping):
        return numbers(inner)
    left_out = str if nested else (str, Mapping)
    return numbers({k: v for k, v in record.items() if k not in _NO_METRICS and not isinstance(v, left_out)})


def whole_epoch(value: object, from_zero: bool) -> int | None:
    """How many epochs `value` means were finished, at least 1; a fraction counts for the epoch that is under way."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    number = finite(value)
    if number is None or not 0 <= number < 2**31:
        return None
    return max(1, math.ceil(number) + (from_zero and isinstance(value, int)))


def _flat(record: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, item in record.items():
        if isinstance(item, Mapping):
            yield from ((f"{name}.{inner}", value) for inner, value in item.items())
        else:
            yield name, item


def _number(value: object) -> int | float | None:
    if isinstance(value, str) and len(value) <= _LONGEST_NUMBER:
        try:
            return float(value)
        except ValueError:
            return None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
