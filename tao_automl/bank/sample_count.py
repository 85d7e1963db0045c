"""How many samples a data set has, where that is cheap to find out: for the launch review and for batch sizes."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

LARGEST = 64 * 2**20  # bytes of a file that is read for its count
_LINES = {".jsonl", ".ndjson", ".csv", ".tsv", ".txt"}
_WITH_HEAD = {".csv", ".tsv"}
_LISTS = ("images", "data", "samples", "annotations")


def count_samples(paths: Iterable[str]) -> int | None:
    """The count of the first annotation file that tells one: lines of a table or of JSON Lines, images of a COCO file,
    entries of a JSON list. None if none does, or is local and small enough."""
    for path in map(Path, paths):
        if count := _count(path):
            return count
    return None


def _count(path: Path) -> int | None:
    kind = path.suffix.lower()
    try:
        if not path.is_file() or path.stat().st_size > LARGEST:
            return None
        if kind in _LINES:
            with path.open("rb") as file:
                return max(0, sum(1 for line in file if line.strip()) - (kind in _WITH_HEAD))
        return _count_json(json.loads(path.read_bytes())) if kind == ".json" else None
    except (OSError, ValueError, RecursionError):
        return None


def _count_json(content: Any) -> int | None:
    if isinstance(content, list):
        return len(content)
    lists = (content.get(name) for name in _LISTS) if isinstance(content, dict) else ()
    return next((len(found) for found in lists if isinstance(found, list)), None)
