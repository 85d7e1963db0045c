"""Reads a log as a person does: a traceback is one thing said, and what it says is its last line."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_HEAD = re.compile(r"^(?P<prefix>.*?)Traceback \(most recent call last\):\s*$")
# How a final line looks where the launcher or a prettifier left the head away.
_EXCEPTION = re.compile(r"^(?:\w+\.)*[A-Z]\w*(?:Error|Exception)(?:: |:?$)")
_CHAIN = ("During handling of the above exception", "The above exception was the direct cause")


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """A line of the log, or the final line of a traceback. `line` is its index; `cause` is the exception that an
    exception was raised from, or while handling."""

    line: int
    text: str
    is_exception: bool = False
    cause: "Utterance | None" = None


def utterances(lines: Sequence[str]) -> list[Utterance]:
    """What the log says, in order. Source lines and frames of tracebacks are left out."""
    said: list[Utterance] = []
    index, cause = 0, None
    while index < len(lines):
        head = _HEAD.match(lines[index])
        if head is None:
            if not _is_chain(lines[index]):
                said.append(_plain(lines, index))
            index += 1
            continue
        prefix = _prefix(lines, index, head["prefix"])
        end = _final_line(lines, index + 1, prefix)
        text = _message(lines, end, prefix)
        said.append(Utterance(line=min(end, len(lines) - 1), text=text, is_exception=True, cause=cause))
        index = _after_message(lines, end + 1, prefix)
        cause = said[-1] if _leads_on(lines, index, prefix) else None
    return said


def _plain(lines: Sequence[str], index: int) -> Utterance:
    return Utterance(line=index, text=lines[index], is_exception=_EXCEPTION.match(lines[index]) is not None)


def _prefix(lines: Sequence[str], head: int, prefix: str) -> str:
    """What a launcher writes before every line of a rank, such as `[rank0]: `; a time of day is before one only."""
    return prefix if any(line.startswith(prefix) for line in lines[head + 1 : head + 6]) else ""


def _final_line(lines: Sequence[str], start: int, prefix: str) -> int:
    """Index of the first line of this rank's traceback that is not indented; the log's length if it breaks off."""
    for index in range(start, len(lines)):
        line = lines[index].removeprefix(prefix)
        if lines[index].startswith(prefix) and line.strip() and not line.startswith((" ", "\t")):
            return index
    return len(lines)


def _after_message(lines: Sequence[str], index: int, prefix: str) -> int:
    """Indented lines after the final one go on with what it says."""
    while index < len(lines) and lines[index].removeprefix(prefix).startswith((" ", "\t")):
        index += 1
    return index


def _message(lines: Sequence[str], end: int, prefix: str) -> str:
    """The final line; with the next one if it only announces it."""
    if end >= len(lines):
        return "the log ends within a traceback"
    text = lines[end].removeprefix(prefix).strip()
    if text.endswith(":") and end + 1 < len(lines):
        text += " " + lines[end + 1].removeprefix(prefix).strip()
    return text


def _leads_on(lines: Sequence[str], index: int, prefix: str) -> bool:
    """Whether the traceback before `index` is followed by one that it caused. Its message may have more lines."""
    return any(_is_chain(line.removeprefix(prefix)) for line in _until_next_head(lines, index))


def _until_next_head(lines: Sequence[str], index: int) -> Iterator[str]:
    for line in lines[index : index + 40]:
        if _HEAD.match(line):
            return
        yield line


def _is_chain(line: str) -> bool:
    return any(words in line for words in _CHAIN)
