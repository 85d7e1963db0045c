"""Taking secrets out of a stream, line by line, keys over several lines included."""

from collections.abc import Iterator
from typing import TextIO

from tao_automl.platforms.redact import Redactor

LONGEST_LINE = 1 << 20  # of a longer one, only a part is held at a time
LONGEST_KEY = 1 << 16  # characters from a BEGIN that are held back in search of the END
_BEGIN, _END = "-----BEGIN ", "-----END "


def redact_stream(source: TextIO, redactor: Redactor) -> Iterator[str]:
    """The text of `source` without secrets, in pieces that can be shown at once."""
    held = ""
    for piece in _pieces(source):
        held += piece
        if _is_open(held) and len(held) < LONGEST_KEY:
            continue
        yield redactor(held)
        held = ""
    if held:
        yield redactor(held)


def _is_open(text: str) -> bool:
    """Whether a private key has begun, and not ended."""
    begin = text.rfind(_BEGIN)
    return begin >= 0 and "PRIVATE KEY" in text[begin:] and _END not in text[begin:]


def _pieces(source: TextIO) -> Iterator[str]:
    """Lines; very long ones are cut where there is a blank, so that no word is."""
    rest = ""
    while text := source.readline(LONGEST_LINE):
        text = rest + text
        rest = ""
        if not text.endswith("\n") and len(text) >= LONGEST_LINE:
            head, blank, tail = text.rpartition(" ")
            if blank and len(tail) < LONGEST_LINE:
                text, rest = head + blank, tail
        yield text
    if rest:
        yield rest
