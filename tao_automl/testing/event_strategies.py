"""Events that nobody would think of: hypothesis strategies made from the events' own type hints."""

import dataclasses
import types
import typing
from collections.abc import Mapping
from enum import Enum
from typing import Any

from hypothesis import strategies as st

from tao_automl.domain import json_types
from tao_automl.domain.events import Event
from tao_automl.domain.problem import Fidelity

EVENT_TYPES: tuple[type, ...] = typing.get_args(Event)

TEXTS = st.text(st.characters(exclude_categories=()), max_size=20)  # lone surrogates too: log text has them
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
INTEGERS = st.integers(-(2**63), 2**63)
JSON = st.recursive(
    st.none() | st.booleans() | INTEGERS | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
PLAIN: Mapping[Any, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    int: INTEGERS,
    float: NUMBERS,
    str: TEXTS,
    types.NoneType: st.none(),
}


def events() -> st.SearchStrategy[Event]:
    """Any event."""
    return st.one_of([events_of(kind) for kind in EVENT_TYPES])


def events_of(kind: type) -> st.SearchStrategy[Any]:
    """Any event of one kind."""
    hints = typing.get_type_hints(kind, localns=vars(json_types))
    return st.builds(kind, **{name: _values(hint) for name, hint in hints.items()})


def _values(hint: Any) -> st.SearchStrategy[Any]:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint in PLAIN:
        return PLAIN[hint]
    if _is_json(hint):
        return JSON
    if origin in (typing.Union, types.UnionType):
        return st.one_of([_values(one) for one in inner])
    if origin is tuple:
        return st.lists(_values(inner[0]), max_size=3).map(tuple)
    if origin is not None and issubclass(origin, Mapping):
        return st.dictionaries(TEXTS, JSON if _is_json(inner[1]) else _values(inner[1]), max_size=3)
    if issubclass(hint, Enum):
        return st.sampled_from(list(hint))
    assert dataclasses.is_dataclass(hint), f"no strategy for {hint}"
    return _fidelities() if hint is Fidelity else events_of(typing.cast(type, hint))


def _is_json(hint: Any) -> bool:
    """Whether it is the union of everything that JSON can say: no other union here has a boolean in it."""
    return bool in typing.get_args(hint)


def _fidelities() -> st.SearchStrategy[Fidelity]:
    """The only type in an event with a law of its own."""
    bounds = st.tuples(st.integers(1, 100), st.integers(0, 1000))
    return st.builds(
        lambda key, low_and_more, resumable: Fidelity(
            key=key, low=low_and_more[0], high=sum(low_and_more), resumable=resumable
        ),
        TEXTS,
        bounds,
        st.booleans(),
    )
