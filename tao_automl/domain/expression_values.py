"""What the operators and functions of expressions do with values. Whatever they cannot do is a Fault."""

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass

from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.json_values import is_number, same_json

_SAME = 1e-9
_WIDEST = 1100  # bits of an integer power; beyond that a double is the answer


class Fault(Exception):
    """What a node cannot do with its values. Never leaves this package's expressions."""

    def __init__(self, text: str, at: int, hint: str = "") -> None:
        super().__init__(text)
        self.text, self.at, self.hint = text, at, hint


def number(value: JsonValue, at: int) -> int | float:
    if type(value) is int or (type(value) is float and value - value == 0.0):
        return value
    if is_number(value):
        return value
    raise Fault(f"a number is needed here, got {value!r:.60}", at)


def truth(value: JsonValue, at: int) -> bool:
    if isinstance(value, bool):
        return value
    raise Fault(f"true or false is needed here, got {value!r:.60}", at)


def finite(found: object, at: int) -> int | float:
    if isinstance(found, complex):
        raise Fault("the result is not a real number", at)
    if not is_number(found):
        raise Fault("the result is too large", at)
    return found


def _power(base: float, exponent: float) -> float:
    if isinstance(base, int) and isinstance(exponent, int) and 0 <= exponent * base.bit_length() <= _WIDEST:
        return int(base**exponent)
    found: float = float(base) ** float(exponent)
    return found


ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": _power,
}


def equal_numbers(left: float, right: float) -> bool:
    if isinstance(left, int) and isinstance(right, int):
        return left == right
    return math.isclose(left, right, rel_tol=_SAME)


def _equal(left: JsonValue, right: JsonValue, at: int) -> bool:
    if is_number(left) and is_number(right):
        return equal_numbers(left, right)
    return same_json(left, right)


def _member(left: JsonValue, right: JsonValue, at: int) -> bool:
    if not isinstance(right, list | tuple):
        raise Fault(f"`in` needs a list on its right, got {right!r:.60}", at)
    return any(_equal(left, item, at) for item in right)


ORDERINGS: dict[str, Callable[[float, float], bool]] = {
    "<=": lambda a, b: a <= b or equal_numbers(a, b),
    ">=": lambda a, b: a >= b or equal_numbers(a, b),
    "<": lambda a, b: a < b and not equal_numbers(a, b),
    ">": lambda a, b: a > b and not equal_numbers(a, b),
}
EQUALITIES: dict[str, Callable[[JsonValue, JsonValue, int], bool]] = {
    "==": _equal,
    "!=": lambda a, b, at: not _equal(a, b, at),
    "in": _member,
    "not in": lambda a, b, at: not _member(a, b, at),
}


Apply = Callable[[list[JsonValue], int], float]
"""Of the arguments' values, and where the call begins."""


@dataclass(frozen=True, slots=True)
class Function:
    """How many arguments it takes, and what it does with their values."""

    least: int
    most: int | None
    apply: Apply


def _folding(name: str, fold: Callable[[list[int | float]], float]) -> Apply:
    """Of one list, or of the arguments."""

    def apply(found: list[JsonValue], at: int) -> float:
        items = found[0] if len(found) == 1 else found
        if not isinstance(items, list | tuple):
            raise Fault(f"{name} of one argument needs a list, got {items!r:.60}", at)
        if not items and name != "sum":
            raise Fault(f"{name} of an empty list", at)
        return fold([number(item, at) for item in items])

    return apply


def _mapping(name: str, of_number: Callable[[int | float], float]) -> Apply:
    def apply(found: list[JsonValue], at: int) -> float:
        try:
            return of_number(number(found[0], at))
        except ValueError:
            raise Fault(f"{name} is not defined for {found[0]!r:.60}", at) from None

    return apply


def _length(found: list[JsonValue], at: int) -> float:
    if not isinstance(found[0], list | tuple | str):
        raise Fault(f"only lists and texts have a length, got {found[0]!r:.60}", at)
    return len(found[0])


FUNCTIONS = {
    "min": Function(1, None, _folding("min", min)),
    "max": Function(1, None, _folding("max", max)),
    "sum": Function(1, None, _folding("sum", sum)),
    "len": Function(1, 1, _length),
    "abs": Function(1, 1, _mapping("abs", abs)),
    "round": Function(1, 1, _mapping("round", round)),
    "floor": Function(1, 1, _mapping("floor", math.floor)),
    "ceil": Function(1, 1, _mapping("ceil", math.ceil)),
    "log": Function(1, 1, _mapping("log", math.log)),
    "log2": Function(1, 1, _mapping("log2", math.log2)),
    "sqrt": Function(1, 1, _mapping("sqrt", math.sqrt)),
}
