"""What every parameter has, and the parameter that never varies."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from tao_automl.domain.axes import UnitAxis
from tao_automl.domain.conditions import Condition
from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.json_values import fresh, is_json, is_number, json_key, same_json
from tao_automl.errors import SearchSpaceError

__all__ = ["Fixed", "Named", "fresh", "is_number", "written_like"]


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
    """A name, and what every kind of parameter may say about itself.

    Most kinds have one coordinate, which `encode` and `decode` know. Kinds with none or several replace `width`,
    `place`, `at`, `draw`, `lattice`, `present` and `axes` instead.
    """

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

    def encode(self, value: JsonValue) -> float:
        self._no_axis()

    def decode(self, unit: float) -> JsonValue:
        self._no_axis()

    def levels(self, count: int) -> tuple[JsonValue, ...]:
        raise NotImplementedError

    def _no_axis(self) -> NoReturn:
        raise SearchSpaceError(f"{self.name}: has no axis of its own, or several", "use place() and at()")

    @property
    def width(self) -> int:
        """How many coordinates of the unit cube it takes."""
        return 1

    def place(self, value: JsonValue) -> tuple[float, ...]:
        """The coordinates of a value."""
        return (self.encode(value),)

    def at(self, units: Sequence[float]) -> JsonValue:
        """The member at these coordinates."""
        return self.decode(units[0])

    def draw(self, rng: random.Random) -> JsonValue:
        """A member, drawn from the prior."""
        return self.decode(rng.random())

    def column(self, rng: random.Random, count: int) -> list[JsonValue]:
        """`count` members, drawn from the prior."""
        return [self.draw(rng) for _ in range(count)]

    def lattice(self, count: int) -> tuple[tuple[float, ...], ...]:
        """For each coordinate, where up to `count` levels of it lie."""
        return (tuple(dict.fromkeys(self.encode(value) for value in self.levels(count))),)

    def present(self, value: JsonValue) -> tuple[bool, ...]:
        """Which of its coordinates count when it has this value."""
        return (True,) * self.width

    def axes(self) -> tuple[UnitAxis, ...]:
        """Its coordinates, counted from 0."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant(Named):
    """A parameter without coordinates."""

    @property
    def width(self) -> int:
        return 0

    def place(self, value: JsonValue) -> tuple[float, ...]:
        return ()

    def lattice(self, count: int) -> tuple[tuple[float, ...], ...]:
        return ()

    def axes(self) -> tuple[UnitAxis, ...]:
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed(Constant):
    """A value that is written into every configuration and never searched."""

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

    def at(self, units: Sequence[float]) -> JsonValue:
        return fresh(self.value)

    def draw(self, rng: random.Random) -> JsonValue:
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
