"""When a parameter exists, and when two JSON values are the same."""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from tao_automl.domain.json_types import JsonValue
from tao_automl.errors import SearchSpaceError


def json_key(value: object) -> Hashable:
    """A key that is equal for equal JSON values: 1 and 1.0 are one number, while True is not 1.

    Raises SearchSpaceError for what JSON cannot say.
    """
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return ("constant", repr(value))
    if isinstance(value, int | float):
        return _number_key(value)
    if isinstance(value, Mapping):
        return ("object", frozenset((_text_key(key), json_key(item)) for key, item in value.items()))
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return ("list", tuple(json_key(item) for item in value))
    raise SearchSpaceError(f"a value must be JSON, got {type(value).__name__} {value!r:.80}")


def _number_key(value: int | float) -> Hashable:
    if isinstance(value, float) and not math.isfinite(value):
        raise SearchSpaceError(f"a number must be finite, got {value!r}", "write null or a number")
    return ("number", value)


def _text_key(key: object) -> str:
    if not isinstance(key, str):
        raise SearchSpaceError(f"the keys of a JSON object must be strings, got {key!r:.80}")
    return key


def is_json(value: object) -> bool:
    """Whether JSON can say it; false for a number that is not finite."""
    try:
        json_key(value)
    except (SearchSpaceError, RecursionError):
        return False
    return True


def same_json(left: object, right: object) -> bool:
    return json_key(left) == json_key(right)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Holds when every named parent is active and has one of its allowed values."""

    clauses: tuple[tuple[str, tuple[JsonValue, ...]], ...]
    _allowed: tuple[tuple[str, frozenset[Hashable]], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.clauses:
            raise SearchSpaceError("a condition must name at least one parent, got none")
        names = [name for name, _ in self.clauses]
        if len(set(names)) != len(names):
            raise SearchSpaceError(f"a condition must name each parent once, got {names}")
        for name, values in self.clauses:
            if not values:
                raise SearchSpaceError(f"a condition on {name} must allow at least one value, got none")
        object.__setattr__(self, "_allowed", tuple((n, frozenset(map(json_key, v))) for n, v in self.clauses))

    @classmethod
    def of(cls, allowed: Mapping[str, Sequence[JsonValue]]) -> "Condition":
        """From ``{parent: [allowed values]}``."""
        return cls(clauses=tuple((name, tuple(values)) for name, values in allowed.items()))

    @property
    def parents(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.clauses)

    def holds(self, config: Mapping[str, object]) -> bool:
        """`config` holds active parameters only, so that a child of an inactive parent is inactive too."""
        return all(name in config and json_key(config[name]) in allowed for name, allowed in self._allowed)

    def to_json(self) -> dict[str, JsonValue]:
        return {name: list(values) for name, values in self.clauses}
