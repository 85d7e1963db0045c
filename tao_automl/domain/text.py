"""Texts, such as prompts: whoever can write proposes them, everyone else keeps the default."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from tao_automl.domain.fixed import Constant, Fixed
from tao_automl.domain.json_types import JsonValue

LONGEST = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Text(Constant):
    """A text of at most `max_length` characters. It has no coordinate and is never drawn."""

    default: str
    max_length: int = LONGEST

    def __post_init__(self) -> None:
        self.law(0 <= self.max_length <= LONGEST, f"`0 <= max_length <= {LONGEST}`", f"max_length={self.max_length!r}")
        self.law(self.contains(self.default), "a text as default that is not too long", f"default={self.default!r:.80}")
        for value in self.popular:
            self.law(self.contains(value), "every popular value a member", f"popular={value!r:.80}")

    def at(self, units: Sequence[float]) -> JsonValue:
        return self.default

    def draw(self, rng: random.Random) -> JsonValue:
        return self.default

    def contains(self, value: object) -> bool:
        return isinstance(value, str) and len(value) <= self.max_length

    allows = contains

    def cast(self, value: object) -> str:
        if isinstance(value, str):
            return value
        raise self.refusal("a text is needed", value)

    def narrowed(self, options: Sequence[JsonValue]) -> "Text | Fixed":
        """One text is all that a text can be narrowed to."""
        self.law(len(options) == 1, "exactly one text", f"options={list(options)!r:.80}")
        return self.fixed(self.cast(options[0]))

    def levels(self, count: int) -> tuple[JsonValue, ...]:
        return (self.default,)
