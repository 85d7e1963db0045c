"""From a leaf of the schema, with what the user asked for, to a parameter of the search."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tao_automl.bank.bounds import bounds_of
from tao_automl.bank.custom_ranges import weights_for
from tao_automl.bank.leaves import Property, SchemaDocument
from tao_automl.bank.list_building import build_list, build_subset
from tao_automl.bank.number_building import build_number
from tao_automl.domain.conditions import Condition, same_json
from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.json_values import is_number
from tao_automl.domain.parameters import Bool, Choice, Derived, Fixed, Optional, Parameter, Text
from tao_automl.domain.text import LONGEST
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


def derived_parameter(leaf: Property, schema: SchemaDocument, custom: Mapping[str, Any]) -> Derived:
    """The leaf as its expression says, inside its own bounds."""
    node = leaf.node
    if leaf.derived is None:
        raise schema.fault(leaf.place, "a derived parameter must have an expression")
    try:
        return Derived(
            name=leaf.name,
            description=leaf.description,
            when=condition_of(leaf, custom),
            expression=leaf.derived,
            whole=leaf.types == ("integer",),
            low=node.get("minimum", float("-inf")),
            high=node.get("maximum", float("inf")),
        )
    except SearchSpaceError as error:
        raise schema.fault(leaf.place, error.message, error.hint) from error


def condition_of(leaf: Property, custom: Mapping[str, Any]) -> Condition | None:
    """The user's condition, which may be none, else the schema's."""
    found: Condition | None = custom.get("depends_on", leaf.condition)
    return found


def _built(leaf: Property, custom: Mapping[str, Any]) -> Built:
    named = _named(leaf, custom)
    plain = tuple(word for word in leaf.types if word != "null")
    if "const" in leaf.node:
        return _only(named, leaf.default, "the schema allows one value")
    if plain == ("array",) and "enum" in leaf.node.get("items", {}) and leaf.options is None:
        return _maybe_null(leaf, custom, named) if plain != leaf.types else build_subset(leaf, custom, named)
    options = custom.get("valid_options", leaf.options)
    if options is not None:
        return _choice(leaf, tuple(options), custom, named)
    if plain != leaf.types and plain != ("string",):
        return _maybe_null(leaf, custom, named)
    return _of_type(leaf, custom, named)


def _of_type(leaf: Property, custom: Mapping[str, Any], named: dict[str, Any]) -> Built:
    if leaf.types == ("boolean",):
        _refuse_weights(leaf)
        return Bool(default=leaf.default is True, **named), ()
    if set(leaf.types) <= {"number", "integer"}:
        return build_number(leaf, bounds_of(leaf, custom), custom, named)
    if leaf.types == ("array",):
        return build_list(leaf, custom, named)
    if leaf.types == ("string",):
        return _text(leaf, named)
    raise SearchSpaceError(
        f"{leaf.name}: numbers, booleans, texts, lists and enums can be searched, got type "
        f"{' or '.join(leaf.types)} without enum",
        "list the values as enum in the schema, or as valid_options in custom_param_ranges",
    )


def _refuse_weights(leaf: Property) -> None:
    if "option_weights" in leaf.node:
        raise SearchSpaceError(f"{leaf.name}: option_weights must come with an enum, got type boolean")


def _named(leaf: Property, custom: Mapping[str, Any]) -> dict[str, Any]:
    popular = tuple(leaf.node.get("popular", ()))
    return {"name": leaf.name, "description": leaf.description, "when": condition_of(leaf, custom), "popular": popular}


def _only(named: Mapping[str, Any], value: JsonValue, why: str) -> Built:
    fixed = Fixed(name=named["name"], description=named["description"], when=named["when"], value=value)
    return fixed, (f"{named['name']}: fixed at {value!r:.80}, {why}",)


def _text(leaf: Property, named: Mapping[str, Any]) -> Built:
    note = f"{leaf.name}: a text: only searchers that write propose one, all others keep the default"
    most = min(leaf.node.get("maxLength", LONGEST), LONGEST)
    return Text(default=str(leaf.default), max_length=most, **named), (note,)


def _choice(leaf: Property, options: tuple[JsonValue, ...], custom: Mapping[str, Any], named: dict[str, Any]) -> Built:
    if len(options) == 1:
        return _only(named, options[0], "the only option")
    named = named | {"popular": tuple(v for v in named["popular"] if _among(v, options))}
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


def _maybe_null(leaf: Property, custom: Mapping[str, Any], named: dict[str, Any]) -> Built:
    """Null or what the other types say; a default inside them is needed even where the default is null."""
    types = tuple(word for word in leaf.types if word != "null")
    node = dict(leaf.node) | ({} if leaf.default is not None else {"default": _stand_in(leaf, types)})
    inner_leaf = replace(leaf, types=types, node=node, condition=None)
    inner_named = named | {"popular": tuple(v for v in named["popular"] if v is not None), "when": None}
    of_options = types == ("array",) and "enum" in leaf.node.get("items", {})
    build = build_subset if of_options else _of_type
    inner, notes = build(inner_leaf, custom, inner_named)
    if isinstance(inner, Fixed):
        options = (None, inner.value)
        default = None if leaf.default is None else inner.value
        return Choice(options=options, default=default, **(named | {"popular": ()})), notes
    if isinstance(inner, Optional | Derived | Text):
        raise SearchSpaceError(f"{leaf.name}: a text must not be null to be searched, got type string or null")
    default = None if leaf.default is None else inner.default
    popular = tuple(v for v in named["popular"] if v is None or inner.contains(v))
    return Optional(inner=inner, default=default, **(named | {"popular": popular})), notes


def _stand_in(leaf: Property, types: tuple[str, ...]) -> JsonValue:
    """A value to begin at where the default is null: a popular one, the prior's mean, or the middle of the range."""
    node = leaf.node
    hopes = [value for value in node.get("popular", ()) if value is not None]
    mean = node.get("prior", {}).get("mean")
    if hopes or mean is not None:
        found: JsonValue = hopes[0] if hopes else mean
        return round(found) if types == ("integer",) and is_number(found) else found
    if types == ("boolean",):
        return False
    if types == ("array",):
        return []
    low = node.get("search_minimum", node.get("minimum", node.get("exclusiveMinimum")))
    high = node.get("search_maximum", node.get("maximum", node.get("exclusiveMaximum")))
    if not (is_number(low) and is_number(high)):
        raise SearchSpaceError(
            f"{leaf.name}: an optional number whose default is null must have a finite range, got ({low}, {high})",
            "write minimum and maximum, or search_minimum and search_maximum, into the schema",
        )
    logarithmic = node.get("scale") in ("log", "power2") and low > 0
    middle = (low * high) ** 0.5 if logarithmic else (low + high) / 2
    return _power_near(middle) if node.get("scale") == "power2" else round(middle) if types == ("integer",) else middle


def _power_near(middle: float) -> JsonValue:
    power = 2.0
    while power * 2 <= middle:
        power *= 2
    return int(power)
