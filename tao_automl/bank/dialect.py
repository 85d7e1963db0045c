"""Which dialect a schema file is written in. Past here there is only ours."""

from dataclasses import dataclass
from pathlib import Path

from tao_automl.bank.files import load_json
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
    return LoadedSchema(root=load_json(path, SCHEMA_LIMIT, SearchSpaceError))
