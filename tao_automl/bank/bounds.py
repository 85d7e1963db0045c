"""The range and scale on which a number is searched: what the schema says, what the user says, what is inferred."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tao_automl.bank.leaves import Property
from tao_automl.domain.parameters import Scale
from tao_automl.errors import SearchSpaceError

_LOG_NAMES = ("lr", "learning_rate", "weight_decay", "eps", "temperature", "alpha")
_NEAR_ZERO = 10  # a default this many times nearer to 0 than the maximum asks for a logarithm
_LEAST_PROBABILITY = 1e-3  # a default below this in [0, 1] is a small constant, no probability
_BELOW_DEFAULT = 1000  # where a log range begins, if the author gave no place above 0
_ABOVE_DEFAULT = 100  # where it ends, if the author gave no end


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """`low` and `high` may still be infinite: whoever builds the parameter refuses them by name."""

    low: float
    high: float
    legal_low: float
    legal_high: float
    scale: Scale
    inferred: bool
    step: float | None
    notes: tuple[str, ...] = ()


def bounds_of(leaf: Property, custom: Mapping[str, Any]) -> Bounds:
    """`custom` is the user's checked entry of custom_param_ranges for this leaf, or empty."""
    legal_low, legal_high = _legal(leaf)
    low = custom.get("valid_min", leaf.node.get("search_minimum", legal_low))
    high = custom.get("valid_max", leaf.node.get("search_maximum", legal_high))
    named = custom.get("scale", leaf.node.get("scale"))
    found = Bounds(
        low=low,
        high=high,
        legal_low=legal_low,
        legal_high=legal_high,
        scale=Scale(named) if named else _inferred_scale(leaf, low, high),
        inferred=named is None or leaf.node.get("x_scale_inferred") is True,
        step=custom.get("step", leaf.node.get("multipleOf")),
    )
    if found.scale in (Scale.LOG, Scale.POWER2):
        found = _above_zero(leaf, found)
    if named is None and found.scale is Scale.LOG:
        found = _noted(found, f"{leaf.name}: scale log was inferred; write a scale into the schema to decide it")
    return _on_multiples(leaf, _inside_open_ends(leaf, found, custom))


def _noted(bounds: Bounds, note: str) -> Bounds:
    return replace(bounds, notes=(*bounds.notes, note))


def _legal(leaf: Property) -> tuple[float, float]:
    """Exclusive bounds become the nearest number inside."""
    node, whole = leaf.node, leaf.types == ("integer",)
    low, high = node.get("minimum", -math.inf), node.get("maximum", math.inf)
    if whole:
        low, high = low if low == -math.inf else math.ceil(low), high if high == math.inf else math.floor(high)
    if "exclusiveMinimum" in node:
        edge = node["exclusiveMinimum"]
        low = max(low, math.floor(edge) + 1 if whole else math.nextafter(edge, math.inf))
    if "exclusiveMaximum" in node:
        edge = node["exclusiveMaximum"]
        high = min(high, math.ceil(edge) - 1 if whole else math.nextafter(edge, -math.inf))
    return low, high


def _inferred_scale(leaf: Property, low: float, high: float) -> Scale:
    default: Any = leaf.default
    if leaf.types == ("integer",) or not (low > 0 or default > 0):
        return Scale.LINEAR
    if names_a_log_quantity(leaf.name) and (low >= 0 or low == -math.inf):
        return Scale.LOG
    unit = leaf.node.get("minimum", leaf.node.get("exclusiveMinimum")) == 0 and high == 1
    probability = unit and default >= _LEAST_PROBABILITY
    near_zero = low >= 0 and math.isfinite(high) and 0 < default * _NEAR_ZERO <= high
    return Scale.LOG if near_zero and not probability else Scale.LINEAR


def names_a_log_quantity(name: str) -> bool:
    """Whether the last part of a name says that it is a step size, a small constant or the like."""
    last = name.rpartition(".")[2].partition("[")[0].lower()
    return any(last == word or last.endswith(f"_{word}") for word in _LOG_NAMES)


def _above_zero(leaf: Property, bounds: Bounds) -> Bounds:
    """A logarithm needs two ends above 0; they are put around the default, and said so."""
    default: Any = leaf.default
    whole = leaf.types == ("integer",)
    if default <= 0 and (bounds.low <= 0 or bounds.high == math.inf):
        return bounds
    if bounds.high == math.inf:
        end = default * _ABOVE_DEFAULT if whole else float(f"{default * _ABOVE_DEFAULT:.12g}")
        bounds = replace(bounds, high=min(end, bounds.legal_high))
        bounds = _noted(
            bounds, f"{leaf.name}: no upper bound, so the search ends at default x {_ABOVE_DEFAULT} = {bounds.high!r}"
        )
    if bounds.low == -math.inf or -1e-300 < bounds.low < 1e-300:
        start = min(default, bounds.high) / _BELOW_DEFAULT
        low = max(1, math.floor(start)) if whole else float(f"{start:.12g}")
        bounds = replace(bounds, low=low)
        bounds = _noted(
            bounds,
            f"{leaf.name}: a log range cannot begin at 0, so it begins at {bounds.low!r} (default / {_BELOW_DEFAULT})",
        )
    return bounds


def _inside_open_ends(leaf: Property, bounds: Bounds, custom: Mapping[str, Any]) -> Bounds:
    """A number next to an exclusive bound is legal and useless: the search stays 0.1 % of the range away from it."""
    if leaf.types == ("integer",) or not (math.isfinite(bounds.low) and math.isfinite(bounds.high)):
        return bounds
    margin = (bounds.high - bounds.low) / _BELOW_DEFAULT
    node = leaf.node
    open_low = node.get("exclusiveMinimum", -math.inf) >= node.get("minimum", -math.inf) and "exclusiveMinimum" in node
    open_high = node.get("exclusiveMaximum", math.inf) <= node.get("maximum", math.inf) and "exclusiveMaximum" in node
    if open_low and bounds.low == bounds.legal_low:
        bounds = replace(bounds, low=float(f"{leaf.node['exclusiveMinimum'] + margin:.6g}"))
        bounds = _noted(bounds, f"{leaf.name}: the lower bound is exclusive, so the search begins at {bounds.low!r}")
    if open_high and bounds.high == bounds.legal_high:
        bounds = replace(bounds, high=float(f"{leaf.node['exclusiveMaximum'] - margin:.6g}"))
        bounds = _noted(bounds, f"{leaf.name}: the upper bound is exclusive, so the search ends at {bounds.high!r}")
    return bounds


def _on_multiples(leaf: Property, bounds: Bounds) -> Bounds:
    """With multipleOf, the range begins at a multiple, so that every step from there is one."""
    unit = leaf.node.get("multipleOf")
    if unit is None or not math.isfinite(bounds.low):
        return bounds
    step = bounds.step if bounds.step is not None else unit
    if abs(step / unit - round(step / unit)) > 1e-9:
        raise SearchSpaceError(f"{leaf.name}: step must be a multiple of multipleOf {unit!r}, got {step!r}")
    low = math.ceil(bounds.low / unit - 1e-9) * unit
    if bounds.scale is Scale.POWER2:
        return replace(bounds, low=low, step=None if _powers_are_multiples(low, unit) else step)
    return replace(bounds, low=low, step=step)


def _powers_are_multiples(low: float, unit: float) -> bool:
    return unit > 0 and math.frexp(unit)[0] == 0.5 and low >= unit
