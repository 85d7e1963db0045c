"""Which comparisons are linear in the parameters, or in their logarithms: what a projection can repair.

A variable is a parameter's name, or ``name[i]`` for an element of a list.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from tao_automl.domain.expression_nodes import (
    Arithmetic,
    Call,
    Comparison,
    Element,
    Listing,
    Literal,
    Logic,
    Name,
    Negation,
    Node,
)
from tao_automl.domain.json_values import is_number

Terms: TypeAlias = dict[str, float]
Lengths: TypeAlias = Mapping[str, int]
_SWAPPED = {"<=": "<=", "<": "<", ">=": "<=", ">": "<", "==": "=="}


@dataclass(frozen=True, slots=True)
class Law:
    """``sum(coefficient * variable) <= bound``, or ``==``; with `log`, of the variables' logarithms."""

    terms: tuple[tuple[str, float], ...]
    bound: float
    equal: bool = False
    strict: bool = False
    log: bool = False
    variables: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "variables", tuple(name for name, _ in self.terms))


def laws(tree: Node, lengths: Lengths) -> tuple[Law, ...]:
    """The laws that follow from `tree` being true; `lengths` are those of the parameters that are lists."""
    return tuple(_laws(tree, lengths))


def _laws(tree: Node, lengths: Lengths) -> Iterator[Law]:
    if isinstance(tree, Logic) and tree.word == "and":
        for part in tree.parts:
            yield from _laws(part, lengths)
    elif isinstance(tree, Comparison):
        left = tree.first
        for symbol, _, right in tree.links:
            law = _law(left, symbol, right, lengths)
            if law is not None and law.terms:
                yield law
            left = right


def _law(left: Node, symbol: str, right: Node, lengths: Lengths) -> Law | None:
    if symbol not in _SWAPPED:
        return None
    low, high = (right, left) if symbol in (">=", ">") else (left, right)
    kind = {"equal": symbol == "==", "strict": symbol in ("<", ">")}
    difference = _added(linear(low, lengths), linear(high, lengths), -1.0)
    if difference is not None:
        terms, constant = difference
        return Law(_sorted(terms), -constant, **kind)
    ratio = _multiplied(monomial(low, lengths), monomial(high, lengths), -1.0)
    if ratio is None:
        return None
    exponents, factor = ratio
    return Law(_sorted(exponents), -math.log(factor), log=True, **kind)


def _sorted(terms: Terms) -> tuple[tuple[str, float], ...]:
    return tuple((name, terms[name]) for name in sorted(terms) if terms[name] != 0.0)


Form: TypeAlias = tuple[Terms, float]


def linear(node: Node, lengths: Lengths) -> Form | None:
    """Coefficients and a constant, or None where the node is not linear."""
    match node:
        case Literal(constant=constant):
            return ({}, float(constant)) if is_number(constant) else None
        case Name() | Element():
            variable = _variable(node, lengths)
            return None if variable is None else ({variable: 1.0}, 0.0)
        case Negation(of=of):
            return _added(({}, 0.0), linear(of, lengths), -1.0)
        case Call(function="sum", arguments=arguments):
            return _summed(arguments, lengths)
        case Arithmetic():
            return _linear_arithmetic(node, lengths)
    return None


def _linear_arithmetic(node: Arithmetic, lengths: Lengths) -> Form | None:
    left, right = linear(node.left, lengths), linear(node.right, lengths)
    if left is None or right is None:
        return None
    if node.symbol in ("+", "-"):
        return _added(left, right, 1.0 if node.symbol == "+" else -1.0)
    if node.symbol == "*" and (not left[0] or not right[0]):
        return _scaled(right, left[1]) if not left[0] else _scaled(left, right[1])
    if node.symbol == "/" and not right[0] and right[1]:
        return _scaled(left, 1.0 / right[1])
    return None


def _variable(node: Node, lengths: Lengths) -> str | None:
    if isinstance(node, Name) and node.name not in lengths:
        return node.name
    if isinstance(node, Element) and isinstance(node.of, Name) and node.index < lengths.get(node.of.name, 0):
        return f"{node.of.name}[{node.index}]"
    return None


def _summed(arguments: tuple[Node, ...], lengths: Lengths) -> Form | None:
    if len(arguments) == 1:
        single = arguments[0]
        if isinstance(single, Name) and single.name in lengths:
            return {f"{single.name}[{k}]": 1.0 for k in range(lengths[single.name])}, 0.0
        if not isinstance(single, Listing):
            return None
        arguments = single.items
    total: Form | None = ({}, 0.0)
    for argument in arguments:
        total = _added(total, linear(argument, lengths), 1.0)
    return total


def _added(left: Form | None, right: Form | None, sign: float) -> Form | None:
    if left is None or right is None:
        return None
    terms = dict(left[0])
    for name, coefficient in right[0].items():
        terms[name] = terms.get(name, 0.0) + sign * coefficient
    return _finite((terms, left[1] + sign * right[1]))


def _scaled(form: Form, factor: float) -> Form | None:
    return _finite(({name: coefficient * factor for name, coefficient in form[0].items()}, form[1] * factor))


def _finite(form: Form) -> Form | None:
    return form if all(map(math.isfinite, (*form[0].values(), form[1]))) else None


def monomial(node: Node, lengths: Lengths) -> Form | None:
    """Exponents and a factor above 0: products, ratios and powers of variables that are above 0 themselves."""
    match node:
        case Literal(constant=constant):
            return ({}, float(constant)) if is_number(constant) and constant > 0 else None
        case Name() | Element():
            variable = _variable(node, lengths)
            return None if variable is None else ({variable: 1.0}, 1.0)
        case Call(function="sqrt", arguments=(of,)):
            return _raised(monomial(of, lengths), 0.5)
        case Arithmetic(symbol="*", left=left, right=right):
            return _multiplied(monomial(left, lengths), monomial(right, lengths), 1.0)
        case Arithmetic(symbol="/", left=left, right=right):
            return _multiplied(monomial(left, lengths), monomial(right, lengths), -1.0)
        case Arithmetic(symbol="**", left=left, right=Literal(constant=exponent)) if is_number(exponent):
            return _raised(monomial(left, lengths), float(exponent))
    return None


def _multiplied(left: Form | None, right: Form | None, sign: float) -> Form | None:
    added = _added(left, right, sign)
    if added is None or left is None or right is None:
        return None
    return _positive(added[0], left[1] * right[1] if sign > 0 else left[1] / right[1])


def _raised(form: Form | None, exponent: float) -> Form | None:
    if form is None:
        return None
    try:
        return _positive({name: power * exponent for name, power in form[0].items()}, form[1] ** exponent)
    except OverflowError:
        return None


def _positive(exponents: Terms, factor: float) -> Form | None:
    return _finite((exponents, factor)) if factor > 0 else None
