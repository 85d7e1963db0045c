"""Numbers: from bounds and a default to a parameter."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tao_automl.bank.bounds import Bounds
from tao_automl.bank.leaves import Property
from tao_automl.domain.parameters import Fixed, Float, Int, Prior, Scale, Strength

BuiltNumber = tuple[Float | Int | Fixed, tuple[str, ...]]


def build_number(leaf: Property, bounds: Bounds, custom: Mapping[str, Any], named: Mapping[str, Any]) -> BuiltNumber:
    """The number and the notes on what was inferred or moved; fixed where the range holds one value."""
    whole = leaf.types == ("integer",)
    low, high = (_whole(v) if whole else v for v in (bounds.low, bounds.high))
    if low == high or (bounds.step is not None and 0 <= high - low < bounds.step * (1 - 1e-9)):
        fixed = Fixed(name=leaf.name, description=named["description"], when=named["when"], value=low)
        return fixed, (*bounds.notes, f"{leaf.name}: fixed at {low!r:.80}, the range holds one value")
    kind: Any = Int if whole else Float  # the fields are of the kind's own types; the constructor checks them
    fields = {**named, "popular": (), "low": low, "high": high, "scale": bounds.scale}
    fields |= {"legal_low": bounds.legal_low, "legal_high": bounds.legal_high, "scale_inferred": bounds.inferred}
    step = _whole(bounds.step) if whole and bounds.step is not None else bounds.step
    bare: Float | Int = kind(default=_first_member(low, high, bounds.scale, leaf.default), step=step, **fields)
    parameter, notes = _with_default(bare, leaf, custom)
    return _with_hopes(parameter, leaf, custom), (*bounds.notes, *notes)


def _whole(value: float) -> float:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _first_member(low: float, high: float, scale: Scale, default: Any) -> Any:
    """Something to construct with; where there is none, the constructor refuses and says why."""
    if scale is not Scale.POWER2 or low <= 0 or not math.isfinite(low):
        return low if math.isfinite(low) else default
    power = 2 ** math.ceil(math.log2(low))
    return power if power <= high else default


def _with_default(bare: Float | Int, leaf: Property, custom: Mapping[str, Any]) -> tuple[Float | Int, tuple[str, ...]]:
    """The schema's default if it is a member, else the nearest member; a default off its own grid is a fault."""
    default: Any = leaf.default
    if bare.contains(default) or (bare.low <= default <= bare.high and not custom):
        return replace(bare, default=default), ()
    moved = bare.decode(bare.encode(default))
    note = f"{leaf.name}: the default {default!r} lies outside the searched range; the search begins at {moved!r}"
    return replace(bare, default=moved), (note,)  # type: ignore[arg-type]  # decode gives the parameter's own type


def _with_hopes(parameter: Float | Int, leaf: Property, custom: Mapping[str, Any]) -> Float | Int:
    """Popular values and the author's prior, as far as they lie in the searched range."""
    popular = tuple(value for value in leaf.node.get("popular", ()) if parameter.contains(value))
    declared = leaf.node.get("prior")
    prior = None
    if declared is not None and (not custom or parameter.low <= declared["mean"] <= parameter.high):
        prior = Prior(mean=declared["mean"], strength=Strength(declared.get("strength", "weak")))
    return replace(parameter, popular=popular, prior=prior)
