"""Specs as files: YAML, JSON or TOML, as the action that reads them declares."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tao_automl.bank.files import Unreadable, check_nesting, dotted, parse_json, read_text
from tao_automl.bank.located_yaml import SIZE_LIMIT, parse_yaml
from tao_automl.bank.spec_yaml import dump_yaml
from tao_automl.domain.json_types import JsonValue
from tao_automl.errors import SettingsError, SkillError

_TOML_INTEGERS = range(-(2**63), 2**63)


def spec_file(config_format: str) -> str:
    """The name of a job's spec in its folder: ``spec.yaml``, ``spec.json`` or ``spec.toml``."""
    return f"spec.{config_format}"


def dump_spec(spec: Mapping[str, JsonValue], config_format: str) -> str:
    """The text of a spec, which every reader of the format reads back as the same object.

    TOML has no null: there a key without a value is left out. Raises SettingsError for what TOML cannot say.
    """
    if config_format == "json":
        return json.dumps(dict(spec), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    if config_format == "toml":
        import tomli_w

        return tomli_w.dumps({key: _for_toml(value, (key,)) for key, value in spec.items() if value is not None})
    return dump_yaml(spec)


def _for_toml(value: JsonValue, place: tuple[str | int, ...]) -> Any:
    if isinstance(value, Mapping):
        return {key: _for_toml(item, (*place, key)) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_for_toml(item, (*place, index)) for index, item in enumerate(value)]
    if value is None or (type(value) is int and value not in _TOML_INTEGERS):
        law = "TOML has no null in a list, and no integer beyond 64 bits"
        raise SettingsError(f"{dotted(place)}: {law}, got {value!r:.40}", "give another value")
    return value


def read_spec(path: Path) -> JsonValue:
    """The value in a file of one of the three formats, by its ending. Raises SkillError with file and law."""
    try:
        return parse_spec(path, read_text(path, SIZE_LIMIT))
    except Unreadable as error:
        raise SkillError(f"{path}: {error}") from error


def parse_spec(path: Path, text: str) -> JsonValue:
    """The value of a text that is, or was, in the file. Raises Unreadable, and SkillError for a date."""
    if path.suffix == ".json":
        return parse_json(text)
    return _parse_toml(path, text) if path.suffix == ".toml" else parse_yaml(path, text).value


def _parse_toml(path: Path, text: str) -> JsonValue:
    try:
        value: Any = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise Unreadable("must be nested less deep" if isinstance(error, RecursionError) else str(error)) from error
    check_nesting(value)
    _refuse_dates(path, value, ())
    found: JsonValue = value
    return found


def _refuse_dates(path: Path, value: Any, place: Sequence[str | int]) -> None:
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            _refuse_dates(path, item, (*place, key))
    elif not isinstance(value, str | int | float):
        raise SkillError(f"{path}: {dotted(place)}: a spec holds JSON values only, got {value}; quote it")
