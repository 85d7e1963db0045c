"""How parameters are described to people: in problems, in errors and in the launch review."""

import json
from collections.abc import Iterable
from typing import assert_never

from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.nearest import nearest_hint
from tao_automl.domain.parameters import Bool, Choice, Fixed, Float, Int, Parameter
from tao_automl.errors import SearchSpaceError


def unknown_name(kind: str, name: str, known: Iterable[str]) -> SearchSpaceError:
    """An error that names the nearest known names."""
    return SearchSpaceError(f"{name}: no such {kind}", nearest_hint(name, known))


def legal_values(parameter: Parameter) -> str:
    """What training accepts."""
    if isinstance(parameter, Float | Int):
        return f"{parameter.legal_low} to {parameter.legal_high}"
    return ", ".join(json.dumps(option) for option in parameter.levels(2))


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
        case Fixed():
            return f"the fixed value {parameter.value!r:.80}"
        case _:
            assert_never(parameter)


def row(parameter: Parameter) -> dict[str, JsonValue]:
    """The row of a launch review; what does not apply to a type is null."""
    cells: dict[str, JsonValue] = dict.fromkeys(
        ("low", "high", "scale", "scale_inferred", "step", "options", "weights")
    )
    match parameter:
        case Float() | Int():
            cells |= {key: getattr(parameter, key) for key in ("low", "high", "scale_inferred", "step")}
            cells["scale"] = str(parameter.scale)
        case Choice():
            cells["options"] = list(parameter.options)
            cells["weights"] = list(parameter.weights) if parameter.weights else None
        case Bool():
            cells["options"] = [False, True]
        case Fixed():
            cells["options"] = [parameter.value]
        case _:
            assert_never(parameter)
    return {"name": parameter.name, "type": _type_word(parameter)} | cells | _tail(parameter)


def _tail(parameter: Parameter) -> dict[str, JsonValue]:
    when = parameter.when.to_json() if parameter.when else None
    popular = list(parameter.popular)
    return {"default": parameter.default, "popular": popular, "when": when, "description": parameter.description}


def _type_word(parameter: Parameter) -> str:
    if isinstance(parameter, Choice):
        return "ordinal" if parameter.ordered else "choice"
    return type(parameter).__name__.lower()
