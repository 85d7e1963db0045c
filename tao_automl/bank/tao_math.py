"""The `math_cond` of the public TAO dialect: comparisons, powers and multiples in one short text.

Forms that occur: ``> 0.0``, ``>0``, ``>= 1``, ``!= 0``, ``> 0.0 <= 1.0``, ``> depends_on`` (the parent's value),
``^ 2`` (powers of two), ``/ 8`` (multiples).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_PART = re.compile(r"\s*(?:and\b|&&?|,)?\s*(>=|<=|!=|==|>|<|\^|/)\s*([-+.\deE]+|depends_on)\s*")
_BOUNDS = {">": "exclusiveMinimum", ">=": "minimum", "<": "exclusiveMaximum", "<=": "maximum"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MathCondition:
    """`bounds` by JSON Schema keyword; `relations` compare with the parents."""

    bounds: dict[str, float]
    multiple: float | None = None
    powers_of_two: bool = False
    unequal: tuple[float, ...] = ()
    relations: tuple[str, ...] = ()


def read_math(text: object) -> MathCondition | None:
    """None for what is not understood."""
    if text is None or text == "":
        return MathCondition(bounds={})
    if not isinstance(text, str) or len(text) > 200:
        return None
    parts = list(_parts(text))
    return _condition(parts) if parts and all(parts) else None


def _parts(text: str) -> Iterator[tuple[str, float | None] | None]:
    """Symbols and their operands (None: the parents); None for what is none of these."""
    place = 0
    while place < len(text):
        match = _PART.match(text, place)
        if match is None:
            yield None
            return
        yield _part(match[1], match[2])
        place = match.end()


def _part(symbol: str, operand: str) -> tuple[str, float | None] | None:
    if operand == "depends_on":
        return symbol, None
    try:
        value = float(operand)
    except ValueError:
        return None
    whole = value.is_integer() and abs(value) < 2**53
    return symbol, int(value) if whole else value


def _condition(parts: list[tuple[str, float | None] | None]) -> MathCondition | None:
    bounds: dict[str, float] = {}
    unequal: list[float] = []
    relations: list[str] = []
    multiple, powers = None, False
    for symbol, value in filter(None, parts):
        if value is None:
            if symbol in ("^", "/"):
                return None
            relations.append(symbol)
        elif symbol in _BOUNDS:
            bounds[_BOUNDS[symbol]] = value
        elif symbol == "!=":
            unequal.append(value)
        elif symbol == "/" and value > 0:
            multiple = value
        elif symbol == "^" and value == 2:
            powers = True
        else:
            return None
    return MathCondition(
        bounds=bounds,
        multiple=multiple,
        powers_of_two=powers,
        unequal=tuple(unequal),
        relations=tuple(relations),
    )
