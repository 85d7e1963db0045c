"""Parameters that are one of a few values."""

import random
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace

from tao_automl.domain.axes import AxisKind, UnitAxis
from tao_automl.domain.fixed import Fixed, Named, written_like
from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.json_values import fresh, is_json, is_number, json_key, same_json
from tao_automl.domain.scales import clamp_unit

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Bool(Named):
    """True or false."""

    default: bool

    def __post_init__(self) -> None:
        self.law(isinstance(self.default, bool), "a default of true or false", f"default={self.default!r:.80}")
        self.check_popular((False, True))

    def encode(self, value: JsonValue) -> float:
        return 0.75 if self.cast(value) else 0.25

    def decode(self, unit: float) -> bool:
        return clamp_unit(unit) >= 0.5

    def column(self, rng: random.Random, count: int) -> list[JsonValue]:
        return [rng.random() >= 0.5 for _ in range(count)]

    def axes(self) -> tuple[UnitAxis, ...]:
        expected = self.encode(self.default)
        return (UnitAxis(index=0, owner=self.name, kind=AxisKind.CATEGORICAL, cells=2, expected=expected),)

    def contains(self, value: object) -> bool:
        return isinstance(value, bool)

    allows = contains

    def cast(self, value: object) -> bool:
        text = str(value).strip().lower()
        if isinstance(value, bool | int | str) and text in _TRUE | _FALSE:
            return text in _TRUE
        raise self.refusal("true or false is needed", value)

    def narrowed(self, options: Sequence[JsonValue]) -> "Bool | Fixed":
        """The same parameter with only `options` left."""
        kept = {self.cast(option) for option in options}
        self.law(bool(kept), "at least one option", "options=[]")
        return self if len(kept) == 2 else self.fixed(kept.pop())

    def levels(self, count: int) -> tuple[bool, ...]:
        return (self.default,) if count == 1 else (False, True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(Named):
    """One of `options`, which may be any JSON values; `ordered` makes it ordinal, `weights` are prior weights."""

    options: tuple[JsonValue, ...]
    default: JsonValue
    ordered: bool = False
    weights: tuple[float, ...] | None = None
    _index: dict[Hashable, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        index = {json_key(option): k for k, option in enumerate(self.options)}
        object.__setattr__(self, "_index", index)
        self.law(len(self.options) >= 2, "at least two options", f"options={list(self.options)!r:.100}")
        self.law(len(index) == len(self.options), "distinct options", f"options={list(self.options)!r:.100}")
        self._check_weights()
        self.law(self.contains(self.default), "a default among the options", f"default={self.default!r:.80}")
        self.check_popular(self.options)

    def _check_weights(self) -> None:
        if self.weights is None:
            return
        law = "one finite weight >= 0 per option, one of them > 0,"
        valid = all(is_number(w) and w >= 0 for w in self.weights) and sum(self.weights) > 0
        self.law(valid and len(self.weights) == len(self.options), law, f"weights={list(self.weights)}")

    def encode(self, value: JsonValue) -> float:
        index = self._index.get(json_key(value))
        if index is None:
            raise self.refusal(f"one of {list(self.options)!r:.200} is needed", value)
        return (index + 0.5) / len(self.options)

    def decode(self, unit: float) -> JsonValue:
        count = len(self.options)
        return fresh(self.options[min(int(clamp_unit(unit) * count), count - 1)])

    def draw(self, rng: random.Random) -> JsonValue:
        if self.weights is None:
            return self.decode(rng.random())
        return fresh(rng.choices(self.options, self.weights)[0])

    def column(self, rng: random.Random, count: int) -> list[JsonValue]:
        plain = not any(isinstance(option, list | dict) for option in self.options)
        if not plain:
            return [self.draw(rng) for _ in range(count)]
        if self.weights is not None:
            return rng.choices(self.options, self.weights, k=count)
        options, cells = self.options, len(self.options)
        return [options[int(rng.random() * cells)] for _ in range(count)]

    def axes(self) -> tuple[UnitAxis, ...]:
        found = UnitAxis(
            index=0,
            owner=self.name,
            kind=AxisKind.ORDINAL if self.ordered else AxisKind.CATEGORICAL,
            cells=len(self.options),
            expected=self.encode(self.default),
            weights=self.weights,
        )
        return (found,)

    def contains(self, value: object) -> bool:
        return is_json(value) and json_key(value) in self._index

    allows = contains

    def cast(self, value: object) -> JsonValue:
        """The option equal to `value`, or the only one that is written like it (``"8"`` for 8, ``"None"`` for null)."""
        index = self._index.get(json_key(value))
        if index is not None:
            return fresh(self.options[index])
        alike = [option for option in self.options if isinstance(value, str) and written_like(option, value)]
        if len(alike) != 1:
            raise self.refusal(f"one of {list(self.options)!r:.200} is needed", value)
        return fresh(alike[0])

    def narrowed(self, options: Sequence[JsonValue]) -> "Choice | Fixed":
        """The same parameter with only `options` left, in the order of the schema."""
        kept = sorted({self._index[json_key(self.cast(option))] for option in options})
        self.law(bool(kept), "at least one option", "options=[]")
        left = tuple(self.options[k] for k in kept)
        if len(left) == 1:
            return self.fixed(left[0])
        weights = tuple(self.weights[k] for k in kept) if self.weights else None
        popular = tuple(v for v in self.popular if any(same_json(v, option) for option in left))
        default = self.default if self._index[json_key(self.default)] in kept else (*popular, *left)[0]
        weights = weights if weights and sum(weights) > 0 else None
        return replace(self, options=left, weights=weights, popular=popular, default=default)

    def levels(self, count: int) -> tuple[JsonValue, ...]:
        return (self.default,) if count == 1 else self.options
