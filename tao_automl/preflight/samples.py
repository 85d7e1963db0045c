"""Counting the samples of a dataset, and looking for fields in its records, cheaply and within bounds."""

import csv
import gzip
import io
import json
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

JSON_LIMIT = 512 * 1024 * 1024
FILE_LIMIT = 5_000_000  # entries of a folder that are looked at
LINE_LIMIT = 64 * 1024 * 1024
_IMAGES = frozenset({".bmp", ".jpeg", ".jpg", ".npy", ".png", ".ppm", ".tif", ".tiff", ".webp"})
_MEDIA = _IMAGES | {".avi", ".bin", ".flac", ".mkv", ".mov", ".mp3", ".mp4", ".npz", ".pcd", ".tar", ".wav", ".webm"}
_RECORD_LISTS = ("images", "samples", "data", "records", "annotations", "videos")


class Uncountable(Exception):
    """It cannot be told how many samples there are; `installs` is the package that would help."""

    def __init__(self, reason: str, installs: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.installs = installs


class Malformed(Exception):
    """The file is not what its name says."""


@dataclass(frozen=True, slots=True)
class Count:
    """How many samples, and what was counted."""

    number: int
    of: str


def count_samples(path: Path) -> Count:
    """Raises Uncountable and Malformed."""
    if path.is_dir():
        return _count_folder(path)
    with _reading(path):
        match _kind(path):
            case ".csv":
                return Count(_count_rows(path, ","), "rows")
            case ".tsv":
                return Count(_count_rows(path, "\t"), "rows")
            case ".jsonl":
                return Count(sum(1 for _ in _json_lines(path)), "lines")
            case ".json":
                return _count_json(_read_json(path))
            case ".parquet":
                return Count(_count_parquet(path), "rows")
            case ".txt":
                return Count(sum(1 for line in _lines(path) if line.strip()), "lines")
    raise Uncountable(f"samples of {path.suffix or 'such'} files cannot be counted")


def missing_fields(path: Path, fields: tuple[str, ...]) -> tuple[int, str]:
    """How many records were looked at, and what the first bad one lacks (empty if none is bad).

    A JSON object must have the fields itself; in a list, and in JSON lines, every record must.
    Raises Uncountable and Malformed.
    """
    with _reading(path):
        if _kind(path) == ".jsonl":
            return _missing(_json_lines(path), fields)
        if _kind(path) == ".json":
            value = _read_json(path)
            return _missing(iter(value if isinstance(value, list) else [value]), fields)
    raise Uncountable(f"{path.name}: fields are looked for in .json and .jsonl files")


def _missing(records: Iterator[Any], fields: tuple[str, ...]) -> tuple[int, str]:
    number = 0
    for number, record in enumerate(records, 1):
        if not isinstance(record, dict):
            return number, f"record {number} is no object"
        lacking = [name for name in fields if name not in record]
        if lacking:
            return number, f"record {number} lacks {', '.join(lacking)}"
    return number, "" if number else "there is no record"


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """What goes wrong with a file, as one of our two errors."""
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        raise Malformed(f"{path} cannot be read: {error}") from error
    except UnicodeDecodeError as error:
        raise Malformed(f"{path} must be UTF-8 text") from error
    except (csv.Error, json.JSONDecodeError, RecursionError) as error:
        raise Malformed(f"{path} cannot be parsed: {error}") from error


def _kind(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    kind = suffixes[-2] if suffixes[-1:] == [".gz"] and len(suffixes) > 1 else "".join(suffixes[-1:])
    return {".ndjson": ".jsonl", ".odvg": ".jsonl", ".pq": ".parquet"}.get(kind, kind)


def _open(path: Path) -> io.TextIOBase:
    stream: Any = gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")  # noqa: SIM115
    return io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")


def _lines(path: Path) -> Iterator[str]:
    with _open(path) as stream:
        while line := stream.readline(LINE_LIMIT + 1):
            if len(line) > LINE_LIMIT:
                raise Uncountable(f"{path.name} has a line of more than {LINE_LIMIT >> 20} MiB")
            yield line


def _count_rows(path: Path, delimiter: str) -> int:
    rows = csv.reader(_lines(path), delimiter=delimiter)
    return max(0, sum(1 for row in rows if row) - 1)  # the first one names the columns


def _json_lines(path: Path) -> Iterator[Any]:
    for number, line in enumerate(_lines(path), 1):
        if line.strip():
            try:
                yield json.loads(line)
            except json.JSONDecodeError as error:
                raise Malformed(f"{path}:{number} is no JSON: {error.msg}") from error


def _read_json(path: Path) -> Any:
    with _open(path) as stream:
        text = stream.read(JSON_LIMIT + 1)
    if len(text) > JSON_LIMIT:
        raise Uncountable(f"{path.name} has more than {JSON_LIMIT >> 20} MiB; JSON lines can be counted at any size")
    return json.loads(text)


def _count_json(value: Any) -> Count:
    if isinstance(value, list):
        return Count(len(value), "records")
    for name in _RECORD_LISTS if isinstance(value, dict) else ():
        if isinstance(value.get(name), list):
            return Count(len(value[name]), name)
    raise Uncountable(f"a JSON list, or an object with one of {', '.join(_RECORD_LISTS)}, can be counted")


def _count_parquet(path: Path) -> int:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise Uncountable("Parquet needs the package pyarrow, which is not installed", "pyarrow") from error
    try:
        return int(parquet.ParquetFile(path).metadata.num_rows)
    except ArrowException as error:
        raise Malformed(f"{path} cannot be parsed: {error}") from error


def _count_folder(path: Path) -> Count:
    """Images if there are any, else other media, else all files; hidden ones never count."""
    found = {"images": 0, "media files": 0, "files": 0}
    for number, name in enumerate(_files(path)):
        if number >= FILE_LIMIT:
            raise Uncountable(f"{path} has more than {FILE_LIMIT:,} files")
        suffix = Path(name).suffix.lower()
        found["files"] += 1
        found["images"] += suffix in _IMAGES
        found["media files"] += suffix in _MEDIA
    what = next((what for what, number in found.items() if number), "files")
    return Count(found[what], what)


def _files(path: Path) -> Iterator[str]:
    for _, folders, names in os.walk(path):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (name for name in names if not name.startswith("."))
