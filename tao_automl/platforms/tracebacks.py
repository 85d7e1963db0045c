"""Reads a log as a person does: a traceback is one thing said, and what it says is its last line."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_HEAD = re.compile(r"^(?P<prefix>.*?)Traceback \(most recent call last\):\s*$")
_EXCEPTION = re.compile(r"^[A-Za-z_][\w.]*(?::|$)")
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
            said += [] if _is_chain(lines[index]) else [Utterance(line=index, text=lines[index])]
            index += 1
            continue
        end = _final_line(lines, index + 1, head["prefix"])
        text = _message(lines, end, head["prefix"])
        said.append(Utterance(line=min(end, len(lines) - 1), text=text, is_exception=True, cause=cause))
        index = end + 1
        cause = said[-1] if _leads_on(lines, index, head["prefix"]) else None
    return said


def _final_line(lines: Sequence[str], start: int, prefix: str) -> int:
    """Index of the first line of the traceback that is not indented; its length if the log breaks off."""
    for index in range(start, len(lines)):
        if not _bare(lines[index], prefix).startswith((" ", "\t")) and _bare(lines[index], prefix).strip():
            return index
    return len(lines)


def _message(lines: Sequence[str], end: int, prefix: str) -> str:
    """The final line; with the next one if it only announces it."""
    if end >= len(lines):
        return "the log ends within a traceback"
    text = _bare(lines[end], prefix).strip()
    if text.endswith(":") and end + 1 < len(lines):
        text += " " + _bare(lines[end + 1], prefix).strip()
    return text


def _leads_on(lines: Sequence[str], index: int, prefix: str) -> bool:
    """Whether the traceback before `index` is followed by one that it caused. Its message may have more lines."""
    for line in _until_next_head(lines, index):
        if _is_chain(_bare(line, prefix)):
            return True
    return False


def _until_next_head(lines: Sequence[str], index: int) -> Iterator[str]:
    for line in lines[index : index + 40]:
        if _HEAD.match(line):
            return
        yield line


def _is_chain(line: str) -> bool:
    return any(words in line for words in _CHAIN)


def _bare(line: str, prefix: str) -> str:
    """The line without what the launcher writes before each line of a rank, such as `[rank0]: `."""
    return line[len(prefix) :] if prefix and line.startswith(prefix) else line
