"""From a leaf of the schema, with what the user asked for, to a parameter of the search."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tao_automl.bank.bounds import Bounds, bounds_of
from tao_automl.bank.custom_ranges import weights_for
from tao_automl.bank.leaves import Property, SchemaDocument
from tao_automl.domain.conditions import Condition, same_json
from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.parameters import Bool, Choice, Fixed, Float, Int, Parameter, Prior, Scale, Strength
from tao_automl.errors import SearchSpaceError

Built = tuple[Parameter, tuple[str, ...]]


def build_parameter(leaf: Property, schema: SchemaDocument, custom: Mapping[str, Any]) -> Built:
    """The parameter and the notes on what was inferred or moved. Raises SearchSpaceError with file and place."""
    if not leaf.has_default:
        raise schema.fault(leaf.place, "a searched parameter must have a default, got none")
    try:
        return _built(leaf, custom)
    except SearchSpaceError as error:
        raise schema.fault(leaf.place, error.message, error.hint) from error


def held_parameter(leaf: Property, schema: SchemaDocument, custom: Mapping[str, Any], value: JsonValue) -> Fixed:
    """The leaf at a value; `custom` may still change when it exists."""
    return Fixed(name=leaf.name, description=leaf.description, when=condition_of(leaf, custom), value=value)


def condition_of(leaf: Property, custom: Mapping[str, Any]) -> Condition | None:
    """The user's condition, which may be none, else the schema's."""
    found: Condition | None = custom.get("depends_on", leaf.condition)
    return found


def _built(leaf: Property, custom: Mapping[str, Any]) -> Built:
    options = custom.get("valid_options", leaf.options)
    if "const" in leaf.node:
        return _only(leaf, custom, leaf.default, "the schema allows one value")
    if options is not None:
        return _choice(leaf, tuple(options), custom)
    if leaf.types == ("boolean",):
        _refuse_weights(leaf)
        return Bool(default=leaf.default is True, **_named(leaf, custom)), ()
    if set(leaf.types) <= {"number", "integer"}:
        return _number(leaf, bounds_of(leaf, custom), custom)
    raise SearchSpaceError(
        f"{leaf.name}: numbers, booleans and enums can be searched, got type {' or '.join(leaf.types)} without enum",
        "list the values as enum in the schema, or as valid_options in custom_param_ranges",
    )


def _refuse_weights(leaf: Property) -> None:
    if "option_weights" in leaf.node:
        raise SearchSpaceError(f"{leaf.name}: option_weights must come with an enum, got type boolean")


def _named(leaf: Property, custom: Mapping[str, Any]) -> dict[str, Any]:
    popular = tuple(leaf.node.get("popular", ()))
    return {"name": leaf.name, "description": leaf.description, "when": condition_of(leaf, custom), "popular": popular}


def _only(leaf: Property, custom: Mapping[str, Any], value: JsonValue, why: str) -> Built:
    fixed = Fixed(name=leaf.name, description=leaf.description, when=condition_of(leaf, custom), value=value)
    return fixed, (f"{leaf.name}: fixed at {value!r:.80}, {why}",)


def _choice(leaf: Property, options: tuple[JsonValue, ...], custom: Mapping[str, Any]) -> Built:
    if len(options) == 1:
        return _only(leaf, custom, options[0], "the only option")
    named = _named(leaf, custom)
    named["popular"] = tuple(v for v in named["popular"] if _among(v, options))
    default = leaf.default
    notes: tuple[str, ...] = ()
    if not _among(default, options):
        default = (*named["popular"], *options)[0]
        notes = (
            f"{leaf.name}: the default {leaf.default!r:.80} is not searched; the search begins at {default!r:.80}",
        )
    if leaf.types == ("boolean",) and "option_weights" not in {**leaf.node, **custom}:
        return Bool(default=default is True, **named), notes
    weights = weights_for(leaf, options, custom)
    ordered = leaf.node.get("ordered", _is_ascending(options) and leaf.options is None)
    return Choice(options=options, default=default, weights=weights, ordered=ordered, **named), notes


def _among(value: JsonValue, options: Sequence[JsonValue]) -> bool:
    return any(same_json(value, option) for option in options)


def _is_ascending(options: Sequence[Any]) -> bool:
    """Numbers that a user lists in ascending order are a scale, not names."""
    numbers = all(isinstance(option, int | float) and not isinstance(option, bool) for option in options)
    return numbers and list(options) == sorted(options)


def _number(leaf: Property, bounds: Bounds, custom: Mapping[str, Any]) -> Built:
    whole = leaf.types == ("integer",)
    low, high = (_whole(v) if whole else v for v in (bounds.low, bounds.high))
    if low == high or (bounds.step is not None and 0 <= high - low < bounds.step * (1 - 1e-9)):
        fixed, notes = _only(leaf, custom, low, "the range holds one value")
        return fixed, (*bounds.notes, *notes)
    kind: Any = Int if whole else Float  # the fields are of the kind's own types; the constructor checks them
    fields = _named(leaf, custom) | {"popular": (), "low": low, "high": high, "scale": bounds.scale}
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
