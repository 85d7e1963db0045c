"""What goes to stdout and stderr: one JSON document or text, never both."""

import json
import shutil
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console

MAX_COLUMNS_WITHOUT_TERMINAL = 120
PAGE, WIDEST_PAGE = 100, 140


class Format(StrEnum):
    """How an answer is written."""

    TEXT = "text"
    JSON = "json"


def write_json(document: Any, *, indent: int | None = 2, stream: TextIO | None = None) -> None:
    """One strict JSON document and a line end."""
    out = stream or sys.stdout
    text = json.dumps(document, indent=indent, allow_nan=False, ensure_ascii=not _speaks_unicode(out), default=_plain)
    out.write(text + "\n")
    out.flush()


def write_text(text: str) -> None:
    """Text and a line end, at once: a pipe may be followed."""
    sys.stdout.write(text.rstrip("\n") + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """A diagnostic: on stderr, so that stdout stays what was asked for."""
    sys.stderr.write(text.rstrip("\n") + "\n")
    sys.stderr.flush()


def page_width() -> int:
    """Columns for tables: the terminal's, within reason."""
    columns = shutil.get_terminal_size((PAGE, 24)).columns if sys.stdout.isatty() else PAGE
    return min(max(columns, 60), WIDEST_PAGE)


def console(stream: TextIO | None = None) -> "Console":
    """A rich console; plain and as wide as needed where there is no terminal."""
    from rich.console import Console

    file = stream or sys.stdout
    width = None if file.isatty() else MAX_COLUMNS_WITHOUT_TERMINAL
    return Console(file=file, width=width, highlight=False, soft_wrap=False, emoji=False, markup=False)


def _plain(value: Any) -> Any:
    """What JSON does not know: mappings, tuples and sets that are not dict or list, paths."""
    if hasattr(value, "items"):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    return str(value)


def _speaks_unicode(stream: TextIO) -> bool:
    return (getattr(stream, "encoding", None) or "").lower().replace("-", "").startswith("utf")
