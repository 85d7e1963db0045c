"""Files and folders that are there whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from causal_lm.cli import finite
from causal_lm.errors import SpecError


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """`write` fills a file beside `path`, which then takes its place: a reader sees the old file or the whole new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.parent / f".{path.stem}.{os.getpid()}.part{path.suffix}"
    try:
        write(part)
        with open(part, "rb") as handle:
            os.fsync(handle.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    write_atomically(path, lambda part: _write(part, text))


def write_json(path: Path, content: Any) -> None:
    write_text(path, json.dumps(finite(content), indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def fill_folder(path: Path, mark: str, fill: Callable[[Path], None]) -> None:
    """`fill` writes into a new folder beside `path`, which then takes its place.

    A folder that is in the way is replaced if it holds the file `mark`, that is, if an earlier export wrote it.
    """
    if path.exists() and not (path / mark).is_file():
        raise SpecError(f"{path} exists and was not written by this skill", "set results_dir to another folder")
    part = path.parent / f".{path.name}.{os.getpid()}.part"
    old = path.parent / f".{path.name}.{os.getpid()}.old"
    part.mkdir(parents=True)
    try:
        fill(part)
        if path.exists():
            path.rename(old)
        part.rename(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def sha256(path: Path) -> str:
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="")
