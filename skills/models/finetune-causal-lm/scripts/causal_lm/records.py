"""Prompts and answers from JSONL files, and the split of a training file."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from causal_lm.errors import DataError, SpecError

LEAST_TRAIN_ROWS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """`line` counts from 1. `answer` is empty only where none was asked for."""

    line: int
    prompt: str
    answer: str = ""


def read_records(path: str | None, setting: str, prompt_key: str, answer_key: str | None) -> list[Record]:
    """Every row of the file, or a DataError that names the first bad line. Without `answer_key`, prompts alone."""
    file = _existing(path, setting)
    records = [_record(row, line, file, prompt_key, answer_key) for line, row in _rows(file)]
    if not records:
        raise DataError(f"{file}: holds no rows", "one JSON object a line")
    return records


def read_train_records(path: str | None, prompt_key: str, answer_key: str) -> list[Record]:
    records = read_records(path, "dataset.train_path", prompt_key, answer_key)
    if len(records) < LEAST_TRAIN_ROWS:
        raise DataError(
            f"{path}: {len(records)} rows are too few to train and validate on; at least {LEAST_TRAIN_ROWS} are needed",
            "some hundred rows are a sensible start",
        )
    return records


def split(records: Sequence[Record], fraction: float, most: int) -> tuple[list[Record], list[Record]]:
    """(training, validation): about `fraction` of the rows, at most about `most` and at least one, validate.

    A hash of the prompt decides, so that the split is the same for every seed, trial and order of rows, and rows of
    the same prompt are never on both sides.
    """
    wanted = max(1, min(round(fraction * len(records)), most))
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(record.prompt, []).append(record)
    if len(groups) == 1:
        raise DataError("all prompts are the same: no validation rows can be set apart", "give dataset.val_path")
    validation: set[str] = set()
    rows = 0
    for prompt in sorted(groups, key=_rank):
        if rows >= wanted or len(validation) == len(groups) - 1:
            break
        validation.add(prompt)
        rows += len(groups[prompt])
    return (
        [record for record in records if record.prompt not in validation],
        [record for record in records if record.prompt in validation],
    )


def sample(records: Sequence[Record], most: int) -> list[Record]:
    """At most so many rows in their order, the same ones every time."""
    if len(records) <= most:
        return list(records)
    chosen = sorted(range(len(records)), key=lambda i: (_rank(records[i].prompt), i))[:most]
    return [records[i] for i in sorted(chosen)]


def _rank(prompt: str) -> bytes:
    return hashlib.blake2b(prompt.encode(), digest_size=16).digest()


def _existing(path: str | None, setting: str) -> Path:
    if not path:
        raise SpecError(f"{setting} is not set", "the path of a JSONL file with one prompt and answer a line")
    file = Path(path)
    if file.is_dir():
        raise DataError(f"{setting}: {path!r} is a folder", "name one .jsonl file")
    if not file.is_file():
        raise DataError(f"{setting}: {path!r} is not a file")
    return file


def _rows(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line, object); blank lines are passed over."""
    with open(file, "rb") as handle:
        for line, raw in enumerate(handle, start=1):
            text = _text(raw.removeprefix(b"\xef\xbb\xbf") if line == 1 else raw, file, line)
            if text.strip():
                yield line, _object(text, file, line)


def _text(raw: bytes, file: Path, line: int) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{file} line {line}: not UTF-8 text (byte {error.start + 1})", "save the file as JSONL in UTF-8"
        ) from None


def _object(text: str, file: Path, line: int) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        place = f" (column {error.colno}): {error.msg}" if isinstance(error, json.JSONDecodeError) else ""
        array = line == 1 and text.lstrip().startswith("[")
        hint = "the file is one JSON array; write one object a line instead" if array else ""
        raise DataError(f"{file} line {line}: not valid JSON{place}", hint or "one JSON object a line") from None
    if not isinstance(value, dict):
        raise DataError(
            f"{file} line {line}: a JSON object is needed, got {_shown(value)}", 'such as {"prompt": …, "answer": …}'
        )
    return value


def _record(row: dict[str, Any], line: int, file: Path, prompt_key: str, answer_key: str | None) -> Record:
    prompt = _string(row, prompt_key, "dataset.prompt_key", f"{file} line {line}")
    if answer_key is None:
        return Record(line=line, prompt=prompt)
    answer = _string(row, answer_key, "dataset.answer_key", f"{file} line {line}")
    if not answer.strip():
        raise DataError(f"{file} line {line}: {answer_key!r} is empty", "remove the row, or give it an answer")
    return Record(line=line, prompt=prompt, answer=answer)


def _string(row: dict[str, Any], key: str, setting: str, where: str) -> str:
    if key not in row:
        near = difflib.get_close_matches(key, row, n=1)
        raise DataError(
            f"{where}: no key {key!r}" + (f"; there is {near[0]!r}" if near else ""),
            f"keys there: {', '.join(map(repr, row)) or 'none'}; {setting} names the one to use",
        )
    value = row[key]
    if not isinstance(value, str):
        raise DataError(f"{where}: {key!r} must be text, got {_shown(value)}", "put it between quotation marks")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise DataError(f"{where}: {key!r} holds half of a surrogate pair, which is no text") from None
    return value


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:40] + "…"
