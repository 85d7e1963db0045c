"""Which dialect a schema file is written in. Past here there is only ours."""

from dataclasses import dataclass
from pathlib import Path

from tao_automl.bank.files import Unreadable, parse_json, parse_loose_json, read_text
from tao_automl.bank.tao_dialect import is_tao_dialect, translated
from tao_automl.domain.json_types import JsonValue
from tao_automl.errors import SearchSpaceError

SCHEMA_LIMIT = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSchema:
    """A document in our dialect; `notes` say what a translation inferred."""

    root: JsonValue
    translated: bool = False
    notes: tuple[str, ...] = ()


def load_schema(path: Path) -> LoadedSchema:
    """Raises SearchSpaceError that names the file."""
    try:
        root = _parsed(read_text(path, SCHEMA_LIMIT))
    except Unreadable as error:
        raise SearchSpaceError(f"{path}: {error}") from error
    if not is_tao_dialect(root):
        return LoadedSchema(root=root)
    try:
        ours, notes = translated(root, path.name.partition(".")[0])
    except SearchSpaceError as error:
        raise SearchSpaceError(f"{path}: {error.message}", error.hint) from error
    return LoadedSchema(root=ours, translated=True, notes=notes)


def _parsed(text: str) -> JsonValue:
    """Strict JSON; only a file of the TAO dialect may have numbers that are none."""
    try:
        return parse_json(text)
    except Unreadable as strict:
        try:
            loose = parse_loose_json(text)
        except Unreadable:
            raise strict from None
        if not is_tao_dialect(loose):
            raise
        return loose
