"""How parameters are described to people: in problems, in errors and in the launch review."""

import json
from collections.abc import Iterable
from typing import assert_never

from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.nearest import nearest_hint
from tao_automl.domain.parameters import (
    Bool,
    Choice,
    Derived,
    Fixed,
    Float,
    Int,
    Optional,
    Parameter,
    Subset,
    Text,
    Vector,
)
from tao_automl.errors import SearchSpaceError


def unknown_name(kind: str, name: str, known: Iterable[str]) -> SearchSpaceError:
    """An error that names the nearest known names."""
    return SearchSpaceError(f"{name}: no such {kind}", nearest_hint(name, known))


def legal_values(parameter: Parameter) -> str:
    """What training accepts."""
    match parameter:
        case Float() | Int():
            return f"{parameter.legal_low} to {parameter.legal_high}"
        case Bool() | Choice() | Fixed():
            return ", ".join(json.dumps(option) for option in parameter.levels(2))
        case Vector():
            return "a list of " + ", ".join(legal_values(item) for item in parameter.items)
        case Optional():
            return f"null, or {legal_values(parameter.inner)}"
        case _:
            return membership(parameter)


def membership(parameter: Parameter) -> str:
    """What a value of this parameter must be, as the end of a sentence."""
    match parameter:
        case Float() | Int():
            grid = f" that is {parameter.grid_law()}" if parameter.is_grid() else ""
            kind = "an integer" if isinstance(parameter, Int) else "a number"
            return f"{kind} in [{parameter.low!r}, {parameter.high!r}]{grid}"
        case Bool():
            return "true or false"
        case Choice():
            return f"one of {list(parameter.options)!r:.200}"
        case Vector():
            return _of_elements(parameter)
        case Subset():
            sizes = f"{parameter.min_size} to {parameter.max_size}"
            return f"{sizes} of {list(parameter.options)!r:.200}, in this order"
        case Optional():
            return f"null, or {membership(parameter.inner)}"
        case Text():
            return f"a text of at most {parameter.max_length} characters"
        case Derived():
            return f"the value of {parameter.expression}"
        case Fixed():
            return f"the fixed value {parameter.value!r:.80}"
        case _:
            assert_never(parameter)


def _of_elements(vector: Vector) -> str:
    kinds = list(dict.fromkeys(membership(item) for item in vector.items))
    order = f", {vector.monotone}" if vector.monotone else ""
    if len(kinds) == 1:
        return f"a list of {vector.width} elements{order}, each {kinds[0]}"
    return f"a list of {vector.width} elements{order}: {'; '.join(kinds)}"


_CELLS = ("low", "high", "scale", "scale_inferred", "step", "options", "weights")


def row(parameter: Parameter) -> dict[str, JsonValue]:
    """The row of a launch review; what does not apply to a type is null.

    Lists have one row per element under `elements`, an optional parameter the cells of what it may be, a derived one
    its `expression`.
    """
    cells: dict[str, JsonValue] = {"name": parameter.name, "type": _type_word(parameter), **_cells(parameter)}
    when = parameter.when.to_json() if parameter.when else None
    popular = list(parameter.popular)
    cells |= {"default": parameter.default, "popular": popular, "when": when, "description": parameter.description}
    return cells | _prior(parameter)


def _cells(parameter: Parameter) -> dict[str, JsonValue]:
    cells: dict[str, JsonValue] = dict.fromkeys(_CELLS)
    match parameter:
        case Float() | Int():
            found = {key: getattr(parameter, key) for key in ("low", "high", "scale_inferred", "step")}
            return cells | found | {"scale": str(parameter.scale)}
        case Choice():
            weights = list(parameter.weights) if parameter.weights else None
            return cells | {"options": list(parameter.options), "weights": weights}
        case Bool():
            return cells | {"options": [False, True]}
        case Fixed():
            return cells | {"options": [parameter.value]}
        case Vector():
            elements: list[JsonValue] = [row(item) for item in parameter.items]
            order = str(parameter.monotone) if parameter.monotone else None
            return cells | _shared(parameter) | {"elements": elements, "monotone": order}
        case Subset():
            sizes = {"min_size": parameter.min_size, "max_size": parameter.max_size}
            return cells | {"options": list(parameter.options)} | sizes
        case Optional():
            return cells | _cells(parameter.inner)
        case Derived():
            return cells | {"expression": parameter.expression.text}
        case Text():
            return cells | {"max_length": parameter.max_length}
        case _:
            assert_never(parameter)


def _shared(vector: Vector) -> dict[str, JsonValue]:
    """The cells that all elements have in common."""
    rows = [_cells(item) for item in vector.items]
    return {key: rows[0][key] for key in _CELLS if all(row[key] == rows[0][key] for row in rows)}


def _prior(parameter: Parameter) -> dict[str, JsonValue]:
    """What the author said about the best value; nothing where nothing was said."""
    if not isinstance(parameter, Float | Int) or parameter.prior is None:
        return {}
    return {"prior": {"mean": parameter.prior.mean, "strength": str(parameter.prior.strength)}}


def _type_word(parameter: Parameter) -> str:
    match parameter:
        case Choice():
            return "ordinal" if parameter.ordered else "choice"
        case Vector():
            return "list"
        case Optional():
            return f"optional {_type_word(parameter.inner)}"
        case _:
            return type(parameter).__name__.lower()
