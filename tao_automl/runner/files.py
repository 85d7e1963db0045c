"""Files that a reader never sees half of."""

import os
from pathlib import Path


def write_atomically(path: Path, text: str) -> None:
    """Replaces `path` by a file with this text: a reader sees the old one or the new one, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
