"""What no text file of a skill may hold: secrets, and paths of somebody's machine."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from tao_automl.bank.files import Unreadable, read_text
from tao_automl.bank.validation_types import Finding

_SUFFIXES = frozenset({".md", ".yaml", ".yml", ".json", ".py", ".sh", ".toml", ".txt", ".cfg", ".ini"})
_SIZE_LIMIT = 4_000_000
_SECRET = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|\b(?:nvapi-|sk-|hf_|gh[pousr]_|github_pat_|glpat-)[A-Za-z0-9_-]{16,}"
    r"|\bxox[abeprs]-[\w-]{10,}"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\."
    r"|\b[a-z][a-z0-9+.-]{0,20}://[^/\s:@<>$]{1,200}:[^/\s@<>$]{1,200}@"
)
_HOME = re.compile(r"(?<![\w.~-])(?:/(?:home|Users)/\w|/root/\w|[A-Z]:\\+Users\\)")


def check_files(folder: Path) -> Iterator[Finding]:
    for path in _text_files(folder):
        try:
            text = read_text(path, _SIZE_LIMIT)
        except Unreadable as error:
            yield Finding(path=path, rule="layout", text=str(error))
            continue
        yield from _lines(path, text)


def _lines(path: Path, text: str) -> Iterator[Finding]:
    if not _SECRET.search(text) and not _HOME.search(text):
        return
    for number, line in enumerate(text.splitlines(), 1):
        if _SECRET.search(line):
            yield Finding(path=path, line=number, rule="secret", text="must not hold what looks like a credential")
        if _HOME.search(line):
            text = "must not name a folder of somebody's machine; write a relative path or a variable"
            yield Finding(path=path, line=number, rule="home-path", text=text)


def _text_files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "__pycache__" and not name.startswith("."))
        for name in sorted(names):
            if Path(name).suffix in _SUFFIXES:
                yield Path(parent, name)
