"""Events as JSON and back.

Driven by the dataclasses' own type hints, so that an event has one definition. Reading is strict about what it finds
and lenient about what it does not: a field that an older version did not write takes its default.
"""

import dataclasses
import functools
import json
import types
import typing
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from tao_automl.domain import events as events_module
from tao_automl.domain import json_types
from tao_automl.domain.events import Event
from tao_automl.errors import JournalCorrupt, UserError

_PLAIN = frozenset({str, int, float, bool, types.NoneType})
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
    if type(value) in _PLAIN:
        return value
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
    return _reader(hint)(value)


Reader = Callable[[Any], Any]


@functools.cache
def _reader(hint: Any) -> Reader:
    """How JSON becomes an instance of `hint`. Worked out once: journals are long."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return _reader_of_optional(hint)
    if origin is tuple:
        return functools.partial(_read_tuple, _reader(typing.get_args(hint)[0]))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    if dataclasses.is_dataclass(hint):
        hints = typing.get_type_hints(hint, localns=vars(json_types))  # the JSON alias refers to itself by name
        readers = {name: _reader(kind) for name, kind in hints.items()}
        return functools.partial(_read_dataclass, typing.cast(type, hint), readers)
    return _read_float if hint is float else _read_as_it_is


def _reader_of_optional(hint: Any) -> Reader:
    kinds = [kind for kind in typing.get_args(hint) if kind is not types.NoneType]
    read = _reader(kinds[0]) if len(kinds) == 1 else _read_as_it_is
    return lambda value: None if value is None else read(value)


def _read_tuple(read: Reader, value: list[Any]) -> tuple[Any, ...]:
    return tuple([read(item) for item in value])


def _read_dataclass(cls: type, readers: Mapping[str, Reader], value: Mapping[str, Any]) -> Any:
    unknown = value.keys() - readers.keys()
    if unknown:
        raise ValueError(f"{cls.__name__} has no field {', '.join(map(repr, sorted(unknown)))}")
    return cls(**{name: readers[name](item) for name, item in value.items()})


def _read_float(value: Any) -> Any:
    return float(value) if isinstance(value, int) else value


def _read_as_it_is(value: Any) -> Any:
    return value


@functools.cache
def _fields(cls: type) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(cls)


def _is_default(field: dataclasses.Field[Any], value: Any) -> bool:
    if field.default is not dataclasses.MISSING:
        return bool(value == field.default) and type(value) is type(field.default)
    return field.default_factory is not dataclasses.MISSING and not value
