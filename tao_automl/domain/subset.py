"""Subsets of options: a list in the order of the schema, each option in it or not."""

import itertools
import json
import math
import random
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace

from tao_automl.domain.axes import AxisKind, UnitAxis
from tao_automl.domain.fixed import Fixed, Named, written_like
from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.json_values import fresh, is_json, json_key
from tao_automl.domain.scales import clamp_unit

_MOST_LEVELS = 4096
_OUT, _IN = 0.25, 0.75


@dataclass(frozen=True, slots=True, kw_only=True)
class Subset(Named):
    """`min_size` to `max_size` distinct options. Each option is a coordinate: 0.5 and above means that it is chosen.

    Where too many are chosen, or too few, the coordinates decide which; of equal ones, the earlier option stays.
    """

    options: tuple[JsonValue, ...]
    default: Sequence[JsonValue]
    min_size: int = 0
    max_size: int
    _index: dict[Hashable, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        index = {json_key(option): k for k, option in enumerate(self.options)}
        object.__setattr__(self, "_index", index)
        shown = f"options={list(self.options)!r:.100}"
        self.law(len(self.options) >= 1, "at least one option", shown)
        self.law(len(index) == len(self.options), "distinct options", shown)
        sizes = f"min_size={self.min_size}, max_size={self.max_size}, options={len(self.options)}"
        law = "`0 <= min_size <= max_size <= options`, and more than one subset,"
        self.law(0 <= self.min_size <= self.max_size <= len(self.options) and self._count() > 1, law, sizes)
        got = f"default={list(self.default)!r:.80}, {sizes}"
        self.law(self._known(self.default) is not None, "a default of distinct options", got)
        object.__setattr__(self, "default", self._sorted(self.default))
        self.law(self.contains(self.default), "a default of an allowed size", got)
        for value in self.popular:
            self.law(self.contains(value), "every popular value a member", f"popular={value!r:.80}")

    def _count(self) -> int:
        return sum(math.comb(len(self.options), k) for k in range(self.min_size, self.max_size + 1))

    def _known(self, value: object) -> list[int] | None:
        """The places of the chosen options in the order given, or None if one of them is none, or comes twice."""
        if not isinstance(value, list | tuple) or not is_json(value):
            return None
        places = [self._index.get(json_key(item), -1) for item in value]
        return places if -1 not in places and len(set(places)) == len(places) else None

    def _sorted(self, value: Sequence[JsonValue]) -> list[JsonValue]:
        return [self.options[k] for k in sorted(self._known(value) or ())]

    @property
    def width(self) -> int:
        return len(self.options)

    def place(self, value: JsonValue) -> tuple[float, ...]:
        chosen = self._known(value)
        if chosen is None:
            raise self.refusal(f"a list of distinct options among {list(self.options)!r:.200} is needed", value)
        return tuple(_IN if k in chosen else _OUT for k in range(self.width))

    def at(self, units: Sequence[float]) -> JsonValue:
        places = [clamp_unit(unit) for unit in units]
        wished = sum(unit >= 0.5 for unit in places)
        size = min(max(wished, self.min_size), self.max_size)
        ranked = sorted(range(self.width), key=lambda k: -places[k])
        return [fresh(self.options[k]) for k in sorted(ranked[:size])]

    def draw(self, rng: random.Random) -> JsonValue:
        return self.at([rng.random() for _ in self.options])

    def contains(self, value: object) -> bool:
        chosen = self._known(value)
        return chosen is not None and chosen == sorted(chosen) and self.min_size <= len(chosen) <= self.max_size

    def allows(self, value: object) -> bool:
        """Whether training accepts `value`; it does not mind the order."""
        chosen = self._known(value)
        return chosen is not None and self.min_size <= len(chosen) <= self.max_size

    def cast(self, value: object) -> list[JsonValue]:
        items = value
        if isinstance(value, str):
            items = _parsed(value)
        if not isinstance(items, list | tuple):
            raise self.refusal("a list of options is needed", value)
        chosen = [self._option(item) for item in items]
        if self._known(chosen) is None:
            raise self.refusal("distinct options are needed", value)
        return self._sorted(chosen)

    def _option(self, value: object) -> JsonValue:
        if is_json(value) and json_key(value) in self._index:
            return self.options[self._index[json_key(value)]]
        alike = [option for option in self.options if isinstance(value, str) and written_like(option, value)]
        if len(alike) != 1:
            raise self.refusal(f"options among {list(self.options)!r:.200} are needed", value)
        return alike[0]

    def narrowed(self, options: Sequence[JsonValue]) -> "Subset | Fixed":
        """The same parameter with only `options` left to choose from."""
        left = tuple(self._sorted(list(dict.fromkeys(map(self._option, options)))))
        got = f"options={list(options)!r:.80}, min_size={self.min_size}"
        self.law(len(left) >= max(1, self.min_size), "at least `min_size` options", got)
        if len(left) == self.min_size:
            return self.fixed(list(left))
        most = min(self.max_size, len(left))
        default = [option for option in self.default if option in left]
        default += [option for option in left if option not in default][: max(0, self.min_size - len(default))]
        bare = replace(self, options=left, max_size=most, default=default, popular=())
        return replace(bare, popular=tuple(v for v in self.popular if bare.contains(v)))

    def levels(self, count: int) -> tuple[list[JsonValue], ...]:
        """All subsets; of very many, the default with one option put in or taken out."""
        if count == 1:
            return (list(self.default),)
        if self._count() > _MOST_LEVELS:
            return self._star()
        sizes = range(self.min_size, self.max_size + 1)
        return tuple(list(chosen) for size in sizes for chosen in itertools.combinations(self.options, size))

    def _star(self) -> tuple[list[JsonValue], ...]:
        start = self._known(self.default) or []
        toggled = [sorted(set(start) ^ {k}) for k in range(self.width)]
        sized = [places for places in toggled if self.min_size <= len(places) <= self.max_size]
        return tuple([self.options[k] for k in places] for places in [sorted(start), *sized])

    def lattice(self, count: int) -> tuple[tuple[float, ...], ...]:
        return ((_OUT, _IN),) * self.width if count > 1 else tuple((place,) for place in self.place(self.default))

    def axes(self) -> tuple[UnitAxis, ...]:
        return tuple(
            UnitAxis(
                index=k,
                owner=self.name,
                part=f"[{option if isinstance(option, str) else json.dumps(option)}]",
                kind=AxisKind.CATEGORICAL,
                cells=2,
                expected=expected,
            )
            for k, (option, expected) in enumerate(zip(self.options, self.place(self.default), strict=True))
        )


def _parsed(text: str) -> object:
    """A list in JSON, or names with commas between them."""
    if not text.strip().startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
