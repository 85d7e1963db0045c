"""The grammar of expressions.

    list        = or ("," or)*                            several objectives
    or          = and ("or" and)*
    and         = not ("and" not)*
    not         = "not" not | comparison
    comparison  = sum (("<=" | "<" | ">=" | ">" | "==" | "!=" | "in" | "not in") sum)*
    sum         = product (("+" | "-") product)*
    product     = sign (("*" | "/" | "//" | "%") sign)*
    sign        = "-" sign | power
    power       = element ("**" sign)?
    element     = atom ("[" digits "]")*
    atom        = number | text | name | `any name` | true | false | null
                | "(" or ")" | "[" (or ("," or)*)? "]" | function "(" or ("," or)* ")"

Names are dotted. A name with other characters is written between back-quotes. Sums, products and the like may be as
long as they want; what is nested, or as deep as a nested expression once parsed, is bounded.
"""

import math
from collections.abc import Iterator

from tao_automl.domain.expression_nodes import (
    Arithmetic,
    Call,
    Comparison,
    Element,
    Inversion,
    Listing,
    Literal,
    Logic,
    Name,
    Negation,
    Node,
)
from tao_automl.domain.expression_tokens import Kind, Token, tokens
from tao_automl.domain.expression_values import FUNCTIONS, Fault
from tao_automl.domain.expressions import Expression, ExpressionError
from tao_automl.domain.nearest import nearest_hint

LONGEST = 2_000
DEEPEST = 50
_CONSTANTS = {"true": True, "false": False, "null": None, "True": True, "False": False, "None": None}
_INVERTING, _COMPARING = 3, 4
_LEVELS = (
    {"or": 1, "and": 2}
    | dict.fromkeys(("<=", "<", ">=", ">", "==", "!=", "in", "not in"), _COMPARING)
    | {"+": 5, "-": 5, "*": 6, "/": 6, "//": 6, "%": 6}
)


def parse(text: str) -> Expression:
    """One expression. Raises ExpressionError with the place of the first fault."""
    found = parse_list(text)
    if len(found) > 1:
        raise ExpressionError("one expression is needed, got a list of them", text, found[0].end)
    return found[0]


def parse_list(text: str) -> tuple[Expression, ...]:
    """One or more expressions with commas between them."""
    if not isinstance(text, str):
        raise ExpressionError(f"an expression must be text, got {type(text).__name__}", "", 0)
    if len(text) > LONGEST:
        raise ExpressionError(f"an expression must have at most {LONGEST} characters, got {len(text)}", text, LONGEST)
    try:
        return _Parser(text).parse()
    except Fault as fault:
        raise ExpressionError(fault.text, text, fault.at, fault.hint) from None


class _Parser:
    """Recursive descent, with one rule for all binary operators: a higher level binds tighter."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens(text)
        self._next = 0
        self._depth = 0
        self._heights: dict[int, int] = {}

    def parse(self) -> tuple[Expression, ...]:
        starts, found = [0], [self._expression()]
        ends = []
        while self._take(","):
            ends.append(self._tokens[self._next - 1].at)
            starts.append(ends[-1] + 1)
            found.append(self._expression())
        if self._token.kind is not Kind.END:
            raise self._unexpected("an operator or the end must follow")
        ends.append(len(self._text))
        return tuple(Expression(self._text, tree, a, b) for tree, a, b in zip(found, starts, ends, strict=True))

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _take(self, *texts: str) -> Token | None:
        """The next token if it is one of these operators or words."""
        token = self._token
        if token.kind in (Kind.OPERATOR, Kind.WORD) and token.text in texts:
            self._next += 1
            return token
        return None

    def _expect(self, text: str, opened: Token) -> None:
        if not self._take(text):
            raise self._unexpected(f"`{text}` must close the `{opened.text}` of column {opened.at + 1}")

    def _unexpected(self, law: str) -> Fault:
        token = self._token
        return Fault(f"{law}, got {'the end' if token.kind is Kind.END else f'`{token.text:.40}`'}", token.at)

    def _built(self, node: Node) -> Node:
        """`node`, whose height is known from now on."""
        height = 1 + max((self._heights.get(id(child), 0) for child in node.children()), default=0)
        self._check(height, node.at)
        self._heights[id(node)] = height
        return node

    def _check(self, depth: int, at: int) -> None:
        if depth > DEEPEST:
            raise Fault(f"an expression must be nested at most {DEEPEST} deep", at)

    def _expression(self, level: int = 1) -> Node:
        """Operators that bind at least as tightly as `level`."""
        self._depth += 1
        self._check(self._depth, self._token.at)
        found = self._prefixed(level)
        while (token := self._operator()) and _LEVELS[token.text] >= level:
            found = self._joined(found, token)
        self._depth -= 1
        return found

    def _operator(self) -> Token | None:
        """The operator that comes next; it is not consumed."""
        token, after = self._token, self._tokens[min(self._next + 1, len(self._tokens) - 1)]
        if token.kind not in (Kind.OPERATOR, Kind.WORD):
            return None
        if token.text == "not" and after.kind is Kind.WORD and after.text == "in":
            return Token(Kind.WORD, "not in", token.at)
        if token.text == "=":
            raise Fault("one `=` means nothing here; `==` compares", token.at)
        return token if token.text in _LEVELS else None

    def _joined(self, left: Node, token: Token) -> Node:
        """`left` and all that the operator, and others of its level, append to it."""
        level = _LEVELS[token.text]
        if level == _COMPARING:
            return self._built(Comparison(left.at, left, tuple(self._links())))
        if token.kind is Kind.WORD:
            parts = [left]
            while self._take(token.text):
                parts.append(self._expression(level + 1))
            return self._built(Logic(left.at, token.text, tuple(parts)))
        self._next += 1
        return self._built(Arithmetic(token.at, token.text, left, self._expression(level + 1)))

    def _links(self) -> Iterator[tuple[str, int, Node]]:
        while (token := self._operator()) and _LEVELS[token.text] == _COMPARING:
            self._next += 2 if token.text == "not in" else 1
            yield token.text, token.at, self._expression(_COMPARING + 1)

    def _prefixed(self, level: int) -> Node:
        prefix = "not" if level <= _INVERTING and self._token.text == "not" else "-"
        taken = []
        while token := self._take(prefix):
            taken.append(token)
        found = self._expression(_COMPARING) if taken and prefix == "not" else self._power()
        for token in reversed(taken):
            found = self._built((Inversion if prefix == "not" else Negation)(token.at, found))
        return found

    def _power(self) -> Node:
        base = self._element()
        token = self._take("**")
        if token is None:
            return base
        self._depth += 1
        self._check(self._depth, token.at)
        exponent = self._prefixed(_COMPARING + 1)
        self._depth -= 1
        return self._built(Arithmetic(token.at, "**", base, exponent))

    def _element(self) -> Node:
        found = self._atom()
        while opened := self._take("["):
            index = self._token
            if index.kind is not Kind.NUMBER or not index.text.isdecimal() or len(index.text) > 9:
                raise self._unexpected("an index must be a whole number from 0")
            self._next += 1
            self._expect("]", opened)
            found = self._built(Element(opened.at, found, int(index.text)))
        return found

    def _atom(self) -> Node:
        token = self._token
        if opened := self._take("(", "["):
            return self._bracketed(opened)
        self._next += 1
        match token.kind:
            case Kind.NUMBER:
                return Literal(token.at, _number(token))
            case Kind.TEXT:
                return Literal(token.at, token.text)
            case Kind.NAME:
                return self._named(token)
        self._next -= 1
        raise self._unexpected("a value must stand here")

    def _bracketed(self, opened: Token) -> Node:
        if opened.text == "[":
            return self._built(Listing(opened.at, self._items(opened, "]")))
        found = self._expression()
        self._expect(")", opened)
        return found

    def _items(self, opened: Token, closing: str) -> tuple[Node, ...]:
        if self._take(closing):
            return ()
        items = [self._expression()]
        while self._take(","):
            items.append(self._expression())
        self._expect(closing, opened)
        return tuple(items)

    def _named(self, token: Token) -> Node:
        if not token.quoted and token.text in _CONSTANTS:
            return Literal(token.at, _CONSTANTS[token.text])
        opened = None if token.quoted else self._take("(")
        return Name(token.at, token.text) if opened is None else self._called(token, opened)

    def _called(self, token: Token, opened: Token) -> Node:
        function = FUNCTIONS.get(token.text)
        if function is None:
            raise Fault(f"{token.text:.40}: no such function", token.at, nearest_hint(token.text[:40], FUNCTIONS))
        arguments = self._items(opened, ")")
        if not function.least <= len(arguments) <= (function.most or len(arguments)):
            counts = "one argument" if function.most == 1 else "at least one argument"
            raise Fault(f"{token.text} takes {counts}, got {len(arguments)}", token.at)
        return self._built(Call(token.at, token.text, arguments))


def _number(token: Token) -> int | float:
    found: int | float = int(token.text) if token.text.isdecimal() else float(token.text)
    if not math.isfinite(found if isinstance(found, float) else 0.0) or (isinstance(found, int) and found >= 2**1023):
        raise Fault("a number must be finite", token.at)
    return found
