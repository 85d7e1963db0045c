"""A job's log, or another text file, by byte cursor: whole lines, bounded, and the same lines however the reading is
divided.

A line ends at LF, CR LF or CR, so that each state of a progress bar is a line; the empty ones between two CR are
dropped. What lies behind the last line end is a line only once the job has ended.
"""

import re
from pathlib import Path

from tao_automl.domain.job import LogChunk

READ_LIMIT = 1 << 20
LINE_LIMIT = 1 << 16
TRUNCATED = " [line truncated]"

_LINE_END = re.compile(rb"\r\n|\n|\r")


def read_log(path: Path, cursor: int, *, ended: bool, line_limit: int | None = None) -> LogChunk:
    """New lines of the file from `cursor` on. No file: no lines. `ended`: nobody writes to it any more."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, cursor - 1))
            before = file.read(1) if cursor > 0 else b"\n"
            raw = file.read(READ_LIMIT)
    except FileNotFoundError:
        return LogChunk(lines=(), cursor=cursor)
    more = cursor + len(raw) < size
    inside = before not in (b"\n", b"\r", b"")
    return cut_lines(raw, cursor, inside=inside, last=ended and not more, more=more, line_limit=line_limit)


def cut_lines(
    raw: bytes,
    cursor: int,
    *,
    inside: bool = False,
    last: bool = False,
    more: bool = False,
    line_limit: int | None = None,
) -> LogChunk:
    """The whole lines in `raw`, which begins at `cursor`.

    `inside`: the cursor is in the middle of a line too long to keep, whose rest is skipped. `last`: nothing follows
    `raw`. `more`: something does already."""
    lines: list[str] = []
    start = 0
    for end in _LINE_END.finditer(raw):
        if end.group() == b"\r" and end.end() == len(raw) and not last:
            break  # perhaps the first half of CR LF
        if not inside and (end.start() > start or end.group() != b"\r"):
            lines.append(_text(raw[start : end.start()], line_limit))
        inside, start = False, end.end()
    if start < len(raw) and (last or (start == 0 and len(raw) >= READ_LIMIT)):
        rest = raw[start:] if last else raw[start:].rstrip(b"\r")
        lines += [] if inside else [_text(rest, line_limit)]
        start += len(rest)
    return LogChunk(lines=tuple(lines), cursor=cursor + start, more=more)


def tail_lines(path: Path, limit: int = 1 << 18) -> tuple[str, ...]:
    """The last lines of a file that nobody writes to any more, from its last `limit` bytes."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return ()
    return read_log(path, max(0, size - min(limit, READ_LIMIT)), ended=True).lines


def _text(raw: bytes, limit: int | None) -> str:
    limit = LINE_LIMIT if limit is None else limit
    text = raw[:limit].decode("utf-8", "replace")
    return text + TRUNCATED if len(raw) > limit else text
