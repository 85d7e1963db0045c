"""What every parameter has, and the parameter that never varies."""

import copy
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeGuard

from tao_automl.domain.conditions import Condition, is_json, json_key, same_json
from tao_automl.domain.json_types import JsonValue
from tao_automl.errors import SearchSpaceError


def is_number(value: object) -> TypeGuard[int | float]:
    """A finite number within the range of a double; True and False are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def fresh(value: JsonValue) -> JsonValue:
    """A copy where it matters, so that nobody edits a list that belongs to the space."""
    return copy.deepcopy(value) if isinstance(value, list | dict) else value


def written_like(option: JsonValue, text: str) -> bool:
    """Whether sloppy `text` means `option`: its JSON or Python spelling, in any case, or the same number."""
    if text.strip().lower() in {json.dumps(option).strip('"').lower(), str(option).lower()}:
        return True
    try:
        return is_number(option) and float(text) == option
    except ValueError:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A name, and what every kind of parameter may say about itself."""

    name: str
    description: str = ""
    popular: tuple[JsonValue, ...] = ()
    when: Condition | None = None

    def law(self, holds: bool, law: str, got: str, hint: str = "") -> None:
        if not holds:
            raise SearchSpaceError(f"{self.name}: {law} must hold, got ({got})", hint)

    def refusal(self, law: str, value: object) -> SearchSpaceError:
        return SearchSpaceError(f"{self.name}: {law}, got {value!r:.100}")

    def check_popular(self, members: Sequence[JsonValue]) -> None:
        keys = {json_key(member) for member in members}
        for value in self.popular:
            self.law(json_key(value) in keys, "every popular value a member", f"popular={value!r:.80}")

    def fixed(self, value: JsonValue) -> "Fixed":
        """This parameter, no longer searched."""
        return Fixed(name=self.name, description=self.description, when=self.when, value=value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed(Named):
    """A value that is written into every configuration and never searched; it takes no axis of the unit cube."""

    value: JsonValue

    def __post_init__(self) -> None:
        json_key(self.value)

    @property
    def default(self) -> JsonValue:
        return self.value

    def encode(self, value: JsonValue) -> float:
        return 0.5

    def decode(self, unit: float) -> JsonValue:
        return fresh(self.value)

    def contains(self, value: object) -> bool:
        return is_json(value) and same_json(value, self.value)

    allows = contains

    def cast(self, value: object) -> JsonValue:
        if same_json(value, self.value) or (isinstance(value, str) and written_like(self.value, value)):
            return fresh(self.value)
        raise self.refusal(f"it is fixed at {self.value!r:.80}", value)

    def narrowed(self, options: Sequence[JsonValue]) -> "Fixed":
        for option in options:
            self.cast(option)
        return self

    def levels(self, count: int) -> tuple[JsonValue, ...]:
        return (self.value,)
