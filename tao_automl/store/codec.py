"""Events as JSON and back.

Driven by the dataclasses' own type hints, so that an event has one definition. Reading is strict about what it finds
and lenient about what it does not: a field that an older version did not write takes its default.
"""

import dataclasses
import functools
import json
import types
import typing
from collections.abc import Mapping
from enum import Enum
from typing import Any

from tao_automl.domain import events as events_module
from tao_automl.domain import json_types
from tao_automl.domain.events import Event
from tao_automl.errors import JournalCorrupt, UserError

EVENT_TYPES: Mapping[str, type] = {cls.__name__: cls for cls in typing.get_args(events_module.Event)}


def encode_event(event: Event) -> tuple[str, str]:
    """The event's type name and its fields as one line of strict JSON (no NaN, no infinity), in ASCII: log text may
    hold lone surrogates, which no encoding takes."""
    return type(event).__name__, json.dumps(to_json(event), allow_nan=False, separators=(",", ":"))


def decode_event(kind: str, body: str) -> Event:
    """The event that `encode_event` wrote. Raises JournalCorrupt if it cannot be one of this version's events."""
    if kind not in EVENT_TYPES:
        raise JournalCorrupt(
            f"the journal holds an event `{kind}` that this version does not know",
            "it was written by a newer version of tao-automl: upgrade to read it",
        )
    try:
        return typing.cast(Event, from_json(EVENT_TYPES[kind], json.loads(body)))
    except (ValueError, TypeError, LookupError, AttributeError, UserError) as error:
        raise JournalCorrupt(f"an event `{kind}` cannot be read: {error}") from error


def to_json(value: Any) -> Any:
    """Dataclasses, enums, tuples and mappings as JSON values; fields that hold their default are left out."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(v) for f in _fields(type(value)) if not _is_default(f, v := getattr(value, f.name))}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(k): to_json(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(v) for v in value]
    return value


def from_json(hint: Any, value: Any) -> Any:
    """`value` as an instance of the type `hint`."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return _from_optional(hint, value)
    if origin is tuple:
        item = typing.get_args(hint)[0]
        return tuple(from_json(item, v) for v in value)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(value)
    if dataclasses.is_dataclass(hint):
        return _dataclass_from_json(typing.cast(type, hint), value)
    if hint is float and isinstance(value, int):
        return float(value)
    return value


def _from_optional(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    kinds = [kind for kind in typing.get_args(hint) if kind is not types.NoneType]
    return from_json(kinds[0], value) if len(kinds) == 1 else value


def _dataclass_from_json(cls: type, value: Mapping[str, Any]) -> Any:
    hints = _hints(cls)
    unknown = [name for name in value if name not in hints]
    if unknown:
        raise ValueError(f"{cls.__name__} has no field {', '.join(map(repr, unknown))}")
    return cls(**{name: from_json(hints[name], item) for name, item in value.items()})


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls, localns=vars(json_types))  # the JSON alias refers to itself by name


@functools.cache
def _fields(cls: type) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(cls)


def _is_default(field: dataclasses.Field[Any], value: Any) -> bool:
    if field.default is not dataclasses.MISSING:
        return bool(value == field.default) and type(value) is type(field.default)
    return field.default_factory is not dataclasses.MISSING and not value
