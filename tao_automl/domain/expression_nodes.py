"""The tree of a parsed expression. Evaluating a node is all that can be done with it: no name, attribute or call of
Python is within reach.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from tao_automl.domain.expression_values import (
    ARITHMETIC,
    EQUALITIES,
    FUNCTIONS,
    ORDERINGS,
    Fault,
    finite,
    number,
    truth,
)
from tao_automl.domain.json_types import JsonValue

Values: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Node:
    """A part of an expression that begins at the offset `at`."""

    at: int = field(compare=False)

    def value(self, values: Values) -> JsonValue:
        """Raises Fault."""
        raise NotImplementedError

    def children(self) -> "tuple[Node, ...]":
        return ()


@dataclass(frozen=True, slots=True)
class Literal(Node):
    constant: JsonValue

    def value(self, values: Values) -> JsonValue:
        return self.constant


@dataclass(frozen=True, slots=True)
class Name(Node):
    name: str

    def value(self, values: Values) -> JsonValue:
        try:
            return values[self.name]  # type: ignore[return-value]  # configurations hold JSON
        except KeyError:
            raise Fault(f"{self.name} has no value", self.at) from None


@dataclass(frozen=True, slots=True)
class Listing(Node):
    items: tuple[Node, ...]

    def value(self, values: Values) -> JsonValue:
        return [item.value(values) for item in self.items]

    def children(self) -> tuple[Node, ...]:
        return self.items


@dataclass(frozen=True, slots=True)
class Element(Node):
    """``of[index]``, counted from 0."""

    of: Node
    index: int

    def value(self, values: Values) -> JsonValue:
        found = self.of.value(values)
        if not isinstance(found, list | tuple):
            raise Fault(f"only a list has elements, got {found!r:.60}", self.at)
        if self.index >= len(found):
            raise Fault(f"the list has {len(found)} elements, counted from 0, got index {self.index}", self.at)
        element: JsonValue = found[self.index]
        return element

    def children(self) -> tuple[Node, ...]:
        return (self.of,)


@dataclass(frozen=True, slots=True)
class Negation(Node):
    """``-of``."""

    of: Node

    def value(self, values: Values) -> JsonValue:
        return -number(self.of.value(values), self.of.at)

    def children(self) -> tuple[Node, ...]:
        return (self.of,)


@dataclass(frozen=True, slots=True)
class Arithmetic(Node):
    """`symbol` is one of ``+ - * / // % **``; `at` is its place."""

    symbol: str
    left: Node
    right: Node

    def value(self, values: Values) -> JsonValue:
        left, right = number(self.left.value(values), self.left.at), number(self.right.value(values), self.right.at)
        try:
            found = ARITHMETIC[self.symbol](left, right)
        except ZeroDivisionError:
            raise Fault(f"`{self.symbol}` by zero", self.at) from None
        except OverflowError:
            raise Fault("the result is too large", self.at) from None
        return finite(found, self.at)

    def children(self) -> tuple[Node, ...]:
        return (self.left, self.right)


@dataclass(frozen=True, slots=True)
class Comparison(Node):
    """``first op second op third …``, every link of which must hold; links are (symbol, place, node)."""

    first: Node
    links: tuple[tuple[str, int, Node], ...]

    def value(self, values: Values) -> JsonValue:
        left, at_left = self.first.value(values), self.first.at
        for symbol, at, node in self.links:
            right = node.value(values)
            if symbol in ORDERINGS:
                holds = ORDERINGS[symbol](number(left, at_left), number(right, node.at))
            else:
                holds = EQUALITIES[symbol](left, right, at)
            if not holds:
                return False
            left, at_left = right, node.at
        return True

    def children(self) -> tuple[Node, ...]:
        return (self.first, *(node for _, _, node in self.links))


@dataclass(frozen=True, slots=True)
class Logic(Node):
    """`word` is ``and`` or ``or``; a part is evaluated only if it can still decide."""

    word: str
    parts: tuple[Node, ...]

    def value(self, values: Values) -> JsonValue:
        deciding = self.word == "or"
        return deciding if any(truth(p.value(values), p.at) is deciding for p in self.parts) else not deciding

    def children(self) -> tuple[Node, ...]:
        return self.parts


@dataclass(frozen=True, slots=True)
class Inversion(Node):
    """``not of``."""

    of: Node

    def value(self, values: Values) -> JsonValue:
        return not truth(self.of.value(values), self.of.at)

    def children(self) -> tuple[Node, ...]:
        return (self.of,)


@dataclass(frozen=True, slots=True)
class Call(Node):
    """One of the functions of the grammar; the parser checked how many arguments it has."""

    function: str
    arguments: tuple[Node, ...]

    def value(self, values: Values) -> JsonValue:
        found = [argument.value(values) for argument in self.arguments]
        try:
            return finite(FUNCTIONS[self.function].apply(found, self.at), self.at)
        except OverflowError:
            raise Fault("the result is too large", self.at) from None

    def children(self) -> tuple[Node, ...]:
        return self.arguments


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it."""
    waiting = [node]
    while waiting:
        yield (found := waiting.pop())
        waiting.extend(reversed(found.children()))


def substituted(node: Node, trees: Mapping[str, Node]) -> Node:
    """The same tree with the tree of `trees` in the place of each name that it has."""
    match node:
        case Name(name=name):
            return trees.get(name, node)
        case Listing(items=items):
            return replace(node, items=tuple(substituted(item, trees) for item in items))
        case Element(of=of) | Negation(of=of) | Inversion(of=of):
            return replace(node, of=substituted(of, trees))
        case Arithmetic(left=left, right=right):
            return replace(node, left=substituted(left, trees), right=substituted(right, trees))
        case Comparison(first=first, links=links):
            swapped = tuple((symbol, at, substituted(part, trees)) for symbol, at, part in links)
            return replace(node, first=substituted(first, trees), links=swapped)
        case Logic(parts=parts):
            return replace(node, parts=tuple(substituted(part, trees) for part in parts))
        case Call(arguments=arguments):
            return replace(node, arguments=tuple(substituted(argument, trees) for argument in arguments))
    return node
