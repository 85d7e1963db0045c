"""Expressions as functions, for those that are evaluated a great many times.

Only the common case is made fast: arithmetic and orderings of plain numbers. Whatever else comes up is left to the
nodes themselves, so that there is one meaning, and one wording of faults.
"""

from collections.abc import Callable
from operator import itemgetter
from typing import Any, TypeAlias

from tao_automl.domain.expression_nodes import Arithmetic, Comparison, Literal, Logic, Name, Node, Values
from tao_automl.domain.expression_values import ARITHMETIC, equal_numbers

Run: TypeAlias = Callable[[Values], Any]
_PLAIN: frozenset[Any] = frozenset((int, float))
_HUGE = 2**1000


def compiled(node: Node) -> Run:
    """What `node.value` gives, and raises. A name without a value is a KeyError here."""
    match node:
        case Literal(constant=constant):
            return lambda values: constant
        case Name(name=name):
            return itemgetter(name)
        case Arithmetic() if node.symbol != "**":
            return _arithmetic(node)
        case Comparison(links=((symbol, _, right),)) if symbol in ("<=", "<", ">=", ">"):
            swapped = symbol in (">=", ">")
            low, high = (right, node.first) if swapped else (node.first, right)
            return _ordering(node, compiled(low), compiled(high), strict=symbol in ("<", ">"))
        case Comparison(links=(("==", _, right),)):
            return _equality(node, compiled(node.first), compiled(right))
        case Logic():
            return _logic(node)
    return node.value


def _arithmetic(node: Arithmetic) -> Run:
    left: Run = compiled(node.left)
    right: Run = compiled(node.right)
    apply = ARITHMETIC[node.symbol]

    def run(values: Values) -> Any:
        a: Any = left(values)
        b: Any = right(values)
        if a.__class__ in _PLAIN and b.__class__ in _PLAIN:
            try:
                found = apply(a, b)
            except ArithmeticError:
                return node.value(values)
            if -_HUGE < found < _HUGE:
                return found
        return node.value(values)

    return run


def _ordering(node: Comparison, low: Run, high: Run, *, strict: bool) -> Run:
    def run(values: Values) -> Any:
        a: Any = low(values)
        b: Any = high(values)
        if a.__class__ not in _PLAIN or b.__class__ not in _PLAIN:
            return node.value(values)
        if strict:
            return a < b and not equal_numbers(a, b)
        return a <= b or equal_numbers(a, b)

    return run


def _equality(node: Comparison, left: Run, right: Run) -> Run:
    def run(values: Values) -> Any:
        a: Any = left(values)
        b: Any = right(values)
        if a.__class__ in _PLAIN and b.__class__ in _PLAIN:
            return a == b or equal_numbers(a, b)
        return a == b if a.__class__ is str and b.__class__ is str else node.value(values)

    return run


def _logic(node: Logic) -> Run:
    parts, deciding = [compiled(part) for part in node.parts], node.word == "or"

    def run(values: Values) -> Any:
        for part in parts:
            found = part(values)
            if found is deciding:
                return deciding
            if found is not (not deciding):
                return node.value(values)
        return not deciding

    return run
