"""Lists of numbers and subsets of options: from the schema to a parameter."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tao_automl.bank.bounds import bounds_of
from tao_automl.bank.leaves import Property
from tao_automl.bank.number_building import build_number
from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.json_values import is_number, same_json
from tao_automl.domain.parameters import Fixed, Float, Int, Monotone, Subset, Vector
from tao_automl.errors import SearchSpaceError

BuiltList = tuple[Vector | Fixed, tuple[str, ...]]
BuiltSubset = tuple[Subset | Fixed, tuple[str, ...]]
_NUMERIC = {"number", "integer"}


def build_subset(
    leaf: Property, custom: Mapping[str, Any], named: Mapping[str, Any]
) -> tuple[Subset | Fixed, tuple[str, ...]]:
    """`valid_options` leaves some of the options to choose from."""
    options = tuple(leaf.node["items"]["enum"])
    most = min(leaf.node.get("maxItems", len(options)), len(options))
    default: Any = leaf.default
    least = leaf.node.get("minItems", 0)
    start = default if len(default) >= least else list(options[:least])
    subset = Subset(options=options, default=start, min_size=least, max_size=most, **named)
    if "valid_options" not in custom:
        return subset, ()
    narrowed = subset.narrowed(custom["valid_options"])
    if same_json(narrowed.default, subset.default):
        return narrowed, ()
    begin = f"{leaf.name}: the default {default!r:.80} is not searched; the search begins at {narrowed.default!r:.80}"
    return narrowed, (begin,)


def build_list(leaf: Property, custom: Mapping[str, Any], named: Mapping[str, Any]) -> BuiltList:
    """One number for each element of the default, which the schema's length must allow and nothing else."""
    nodes = _element_nodes(leaf)
    built = [_element(leaf, k, node, custom) for k, node in enumerate(nodes)]
    notes = tuple(note for _, found in built for note in found)
    fixed = [parameter for parameter, _ in built if isinstance(parameter, Fixed)]
    if len(fixed) == len(built):
        return _fixed(named, [parameter.value for parameter in fixed]), notes
    if fixed:
        law = "a range of at least two values for each element of a searched list must hold"
        raise SearchSpaceError(f"{leaf.name}: {law}, got ({fixed[0].name}={fixed[0].value!r})")
    items = tuple(parameter for parameter, _ in built if isinstance(parameter, Float | Int))
    monotone = Monotone(leaf.node["monotone"]) if "monotone" in leaf.node else None
    if monotone is not None:
        items = _one_range(items)
    bare = Vector(items=items, monotone=monotone, **{**named, "popular": ()})
    return replace(bare, popular=tuple(value for value in named["popular"] if bare.contains(value))), notes


def _fixed(named: Mapping[str, Any], value: JsonValue) -> Fixed:
    return Fixed(name=named["name"], description=named["description"], when=named["when"], value=value)


def _element_nodes(leaf: Property) -> list[Mapping[str, Any]]:
    first = list(leaf.node.get("prefixItems", ()))
    least, most = leaf.node.get("minItems"), leaf.node.get("maxItems")
    length = least if least == most else None
    if least is None and most is None and first and "items" not in leaf.node:
        length = len(first)
    if length is None or ("items" not in leaf.node and len(first) < length):
        got = f"(minItems={least}, maxItems={most})"
        raise SearchSpaceError(
            f"{leaf.name}: a searched list must have a fixed length and numbers, got {got}",
            "declare items with type number or integer, and minItems equal to maxItems; or items with an enum",
        )
    nodes = (first + [leaf.node.get("items")] * length)[:length]
    for node in nodes:
        types = node["type"] if isinstance(node.get("type"), list) else [node.get("type")]
        if "enum" in node or not set(types) <= _NUMERIC:
            raise SearchSpaceError(f"{leaf.name}: the elements of a searched list must be numbers, got {types!r:.80}")
    return nodes


def _element(leaf: Property, k: int, node: Mapping[str, Any], custom: Mapping[str, Any]) -> Any:
    """The element as a number of its own; its share of the default, of the prior, and of the user's ranges."""
    default: Any = leaf.default
    if len(default) <= k:
        raise SearchSpaceError(f"{leaf.name}: a default with all elements is needed, got {default!r:.80}")
    own = dict(node) | {"default": default[k]} | _prior(leaf, k)
    types = node["type"] if isinstance(node["type"], list) else [node["type"]]
    name = f"{leaf.name}[{k}]"
    element = Property(name=name, place=leaf.place, types=tuple(types), node=own)
    mine = {key: _share(leaf, key, custom[key], k) for key in _SHARED if key in custom}
    return build_number(
        element, bounds_of(element, mine), mine, {"name": name, "description": "", "when": None, "popular": ()}
    )


_SHARED = ("valid_min", "valid_max", "scale", "step")


def _share(leaf: Property, key: str, value: Any, k: int) -> Any:
    """Of one value for all elements, or of a list with one for each."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return value
    default: Any = leaf.default
    if len(value) != len(default):
        raise SearchSpaceError(f"{leaf.name}: {key} must be one number or {len(default)}, got {value!r:.80}")
    return value[k]


def _prior(leaf: Property, k: int) -> dict[str, Any]:
    declared = leaf.node.get("prior")
    if declared is None:
        return {}
    mean = declared["mean"]
    return {"prior": declared | {"mean": mean if is_number(mean) else mean[min(k, len(mean) - 1)]}}


def _one_range(items: tuple[Float | Int, ...]) -> tuple[Float | Int, ...]:
    """Of a monotone list: what was inferred from each default becomes one range for all."""
    low, high = min(item.low for item in items), max(item.high for item in items)
    return tuple(replace(item, low=low, high=high) for item in items)  # type: ignore[arg-type]  # ends of the same kind
