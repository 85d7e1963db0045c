"""Ranges where the public TAO dialect gives none, or one that is only legal: each is an inference, and said so."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tao_automl.bank.bounds import names_a_log_quantity
from tao_automl.domain.json_values import is_number

_AROUND = 4  # without an upper bound: from a quarter of the default to four times the default
_LARGE = 128  # and from half to twice a default as large as this
_TINY = 1e-3  # a default below this asks for a logarithm
_MOST = 100  # times the default, on a logarithm
_FAR = 10  # a range that ends this many times beyond the default is searched on a logarithm …
_LONGEST = 16  # elements of a list that is searched
_WIDE = 100  # … if it is as wide as this


@dataclass(frozen=True, slots=True, kw_only=True)
class Inferred:
    """Keywords of our dialect, and the sentence that says why; `reason` alone: no range can be inferred."""

    keywords: dict[str, Any]
    reason: str = ""


def infer_range(name: str, whole: bool, low: float | None, high: float | None, default: float) -> Inferred:
    """`low` and `high` are the legal bounds, None where there is none. `default` lies inside."""
    positive = default > 0 and (low is None or low >= 0)
    if positive and not whole and (names_a_log_quantity(name) or default < _TINY):
        return _around_small(default, high)
    if low is not None and high is not None:
        return _scale_of_integers(default, low, high) if whole else Inferred(keywords={})
    if not default > 0:
        missing = "upper" if high is None else "lower"
        return Inferred(keywords={}, reason=f"it has no {missing} bound, and a default of {default!r} tells none")
    if high is not None:
        start = 0 if whole else 0.0
        return _ranged("no lower bound, so the search begins at 0", start, high)
    if positive and not whole and default < 1:
        start = 0.0 if low is None else low
        return _ranged("no upper bound and a default below 1: read as a share, so the search ends at 1", start, 1.0)
    return _around(whole, low, default)


def _ranged(reason: str, low: float, high: float) -> Inferred:
    return Inferred(keywords={"search_minimum": low, "search_maximum": high}, reason=reason)


def _around_small(default: float, high: float | None) -> Inferred:
    """A step size or another small constant. Our own rules find its lower end, and an upper one if there is none."""
    end = float(f"{default * _MOST:.12g}")
    if high is None or high <= end:
        return Inferred(keywords={"scale": "log", "x_scale_inferred": True}, reason="searched on a logarithm, inferred")
    reason = f"searched on a logarithm, and up to {end!r} ({_MOST} times the default) of {high!r}, inferred"
    return Inferred(keywords={"scale": "log", "x_scale_inferred": True, "search_maximum": end}, reason=reason)


def _scale_of_integers(default: float, low: float, high: float) -> Inferred:
    if low >= 1 and default * _FAR <= high and high >= _WIDE:
        reason = f"the range ends more than {_FAR} times beyond the default: searched on a logarithm, inferred"
        return Inferred(keywords={"scale": "log", "x_scale_inferred": True}, reason=reason)
    return Inferred(keywords={})


def _around(whole: bool, low: float | None, default: float) -> Inferred:
    factor = _AROUND if default < _LARGE else 2
    start, end = default / factor, default * factor
    if whole:
        start, end = max(1, math.floor(start)), int(end)
    start = start if low is None else max(low, start)
    scale = {"scale": "log", "x_scale_inferred": True} if start > 0 else {}
    reason = f"no upper bound, so the search goes from {start!r} to {end!r}, {factor} times the default at most"
    return Inferred(keywords={"search_minimum": start, "search_maximum": end, **scale}, reason=reason)


def infer_list(default: Sequence[Any]) -> Inferred:
    """Ranges for a list of numbers that has none: keywords of the whole list, with `items` or `prefixItems`."""
    if not default or not all(map(is_number, default)) or len(default) > _LONGEST:
        return Inferred(keywords={}, reason=f"its default is no short list of numbers, got {default!r:.60}")
    if all(isinstance(value, int) and value > 0 for value in default):
        items = {"type": "integer", "minimum": 1, "maximum": 2 * max(default)}
        order = {"monotone": "increasing"} if list(default) == sorted(default) and len(default) > 1 else {}
        reason = f"no bounds, so each element is searched from 1 to {2 * max(default)}, twice the largest default"
        return Inferred(keywords={"items": items} | order, reason=reason)
    if all(0 < value < 1 for value in default):
        nodes = [{"type": "number", "minimum": low, "maximum": high} for low, high in map(_share, default)]
        reason = "no bounds, so each share is searched around its default"
        return Inferred(keywords={"prefixItems": nodes}, reason=reason)
    reason = f"it has no bounds, and the default {list(default)!r:.60} tells none"
    return Inferred(keywords={}, reason=reason)


def _share(value: float) -> tuple[float, float]:
    """Ten times nearer to the nearer end of [0, 1], and ten times further from it."""
    distance = min(value, 1 - value)
    near, far = distance / 10, min(0.5, distance * 10)
    low, high = (near, far) if value < 0.5 else (1 - far, 1 - near)
    return float(f"{low:.6g}"), float(f"{high:.6g}")
