"""The words of an expression, and where they begin."""

import re
from dataclasses import dataclass
from enum import Enum

from tao_automl.domain.expression_values import Fault

_WORDS = {"and", "or", "not", "in"}
_PATTERN = re.compile(
    r"""\s*(?:
        (?P<number> (?: \d+ (?:\.\d*)? | \.\d+ ) (?:[eE][+-]?\d+)? )
      | (?P<name>   [A-Za-z_]\w* (?: \.\w+ )* )
      | `(?P<quoted> [^`]+ )`
      | (?P<text>   '[^']*' | "[^"]*" )
      | (?P<operator> \*\* | // | <= | >= | == | != | [-+*/%<>=()\[\],] )
      | (?P<end>    $ )
    )""",
    re.VERBOSE | re.ASCII,
)


class Kind(Enum):
    """What a token is."""

    NUMBER = "number"
    NAME = "name"
    TEXT = "text"
    WORD = "word"
    OPERATOR = "operator"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """A token without its quotes, at an offset of the expression."""

    kind: Kind
    text: str
    at: int
    quoted: bool = False


def tokens(text: str) -> list[Token]:
    """All tokens, the last one the end. Raises Fault."""
    found: list[Token] = []
    place = 0
    while not found or found[-1].kind is not Kind.END:
        match = _PATTERN.match(text, place)
        if match is None:
            raise _stray(text, place)
        found.append(_token(match))
        place = match.end()
    return found


def _token(match: re.Match[str]) -> Token:
    kind = str(match.lastgroup)
    text, at = match[kind], match.start(kind)
    if kind == "quoted":
        return Token(Kind.NAME, text, at - 1, quoted=True)
    if kind == "text":
        return Token(Kind.TEXT, text[1:-1], at)
    if kind == "name" and text in _WORDS:
        return Token(Kind.WORD, text, at)
    return Token(Kind(kind), text, at)


def _stray(text: str, place: int) -> Fault:
    rest = text[place:]
    at = place + len(rest) - len(rest.lstrip() or rest[-1])
    character = text[at]
    if character in "'\"`":
        return Fault(f"a closing {character} must follow", at)
    return Fault(f"this character has no meaning here: {character!r}", at)
