"""One parameter of the public TAO dialect as a leaf of ours."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tao_automl.bank.bound_laws import value_problem
from tao_automl.bank.tao_math import MathCondition, read_math
from tao_automl.bank.tao_ranges import Inferred, infer_list, infer_range
from tao_automl.bank.tao_values import SUBSETS, bound, flag, json_type, type_of, typed, without_infinity
from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.json_values import is_number, json_key

_ABSENT: Any = object()
_NUMERIC = ("integer", "number")
_BOUND_KEYS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


@dataclass(frozen=True, slots=True, kw_only=True)
class TranslatedLeaf:
    """`node` is in our dialect. `blocker` says why it cannot be searched although it is `enabled`; `notes` say what
    was inferred and matter only if it is searched. `parents` and `math` are what it says about other parameters.
    """

    node: dict[str, Any]
    enabled: bool
    math: MathCondition
    parents: tuple[str, ...] = ()
    blocker: str = ""
    notes: tuple[str, ...] = ()


def translate_leaf(name: str, node: Mapping[str, Any], inherited: JsonValue = _ABSENT) -> TranslatedLeaf:
    """Whatever the node says; at the very least, its type and default."""
    merged = _merged(node)
    enabled = flag(merged.get("automl_enabled")) is True
    math = read_math(merged.get("math_cond"))
    leaf = _Leaf(name, merged, math or MathCondition(bounds={}), inherited)
    built = leaf.searchable() if enabled else leaf.plain()
    if enabled and math is None:
        leaf.notes.append(f"{name}: math_cond {merged.get('math_cond')!r:.60} is not understood, so it is not kept")
    built["automl_enabled"] = enabled and not leaf.blocker
    return TranslatedLeaf(
        node=built,
        enabled=enabled,
        math=leaf.math,
        parents=_parents(merged.get("depends_on")),
        blocker=leaf.blocker or ("" if enabled else "because automl_enabled is not true"),
        notes=tuple(leaf.notes),
    )


def _merged(node: Mapping[str, Any]) -> dict[str, Any]:
    """Of several branches (anyOf), the one that the default or a number speaks for; null becomes a flag."""
    branches: list[Any] = next((node[key] for key in ("anyOf", "oneOf") if isinstance(node.get(key), list)), [])
    found = [branch for branch in branches if isinstance(branch, dict)]
    real = [branch for branch in found if branch.get("type") not in ("null", None, "none")]
    merged = {key: value for key, value in node.items() if key not in ("anyOf", "oneOf")}
    if len(real) < len(found) or _has_null(merged.get("type")):
        merged["nullable"] = True
    if real:
        wanted = type_of(merged.get("default"))
        fitting = [b for b in real if json_type(b.get("type")) in (wanted, "number" if wanted == "integer" else wanted)]
        merged = {**(fitting or real)[0], **merged}
    return merged


def _has_null(words: object) -> bool:
    return isinstance(words, list) and "null" in words


def _parents(declared: object) -> tuple[str, ...]:
    names = declared.split(",") if isinstance(declared, str) else declared if isinstance(declared, list) else []
    return tuple(name.strip() for name in names if isinstance(name, str) and name.strip())


class _Leaf:
    """The leaf as it is translated: what it says, and what has to be said about it."""

    def __init__(self, name: str, node: Mapping[str, Any], math: MathCondition, inherited: JsonValue) -> None:
        self._name = name
        self._node = node
        self.math = math
        self.notes: list[str] = []
        self.blocker = ""
        default = node.get("default", inherited)
        self._word = next((w for w in _words(node.get("type")) if w != "null"), None)
        known = json_type(self._word)
        self._default = default if default is _ABSENT else typed(without_infinity(default), known)
        self._options = self._read_options(known)
        self._type = known or self._guessed()
        self._nullable = node.get("nullable") is True

    def _read_options(self, kind: str | None) -> list[JsonValue]:
        declared = self._node.get("enum", self._node.get("valid_options"))
        if not isinstance(declared, list):
            return []
        distinct = {json_key(o): o for o in (typed(without_infinity(o), kind) for o in declared)}
        return list(distinct.values())

    def _guessed(self) -> str | None:
        """Without a type: that of the default, where it has one; a whole number may well be a real one."""
        if self._word is not None:
            return None
        if self._default is _ABSENT or self._default is None:
            return type_of(self._options[0]) if self._options else None
        kind = type_of(self._default)
        real = any(isinstance(self._node.get(key), float) for key in ("minimum", "maximum", "valid_min", "valid_max"))
        return "number" if kind == "integer" and real else kind

    def _described(self) -> dict[str, Any]:
        text = self._node.get("description")
        return {"description": text} if isinstance(text, str) else {}

    def plain(self) -> dict[str, Any]:
        """A leaf that is not searched: as much as its own default keeps, to check overrides against."""
        node = self._described()
        if self._type is not None:
            node["type"] = self._type
        node |= self._bounds() if self._type in _NUMERIC else {}
        if self._options and self._type != "array":
            node["enum"] = self._options
        if self._default is not _ABSENT:
            node["default"] = self._default
        return self._relaxed(node)

    def _relaxed(self, node: dict[str, Any]) -> dict[str, Any]:
        """Without what contradicts the default; a leaf of no known type takes anything."""
        types = [node["type"]] if "type" in node else []
        if self._default is not _ABSENT and value_problem(node, types, self._default):
            node = {key: node[key] for key in ("description", "type", "default") if key in node}
            if types and value_problem(node, types, self._default):
                node["type"] = [*types, type_of(self._default)]
        if self._nullable and "type" in node and "null" not in _words(node["type"]):
            node["type"] = [*_words(node["type"]), "null"]
        return node if "type" in node else node | {"type": [*_NUMERIC, "boolean", "string", "array", "object", "null"]}

    def _bounds(self) -> dict[str, float]:
        """Legal bounds: those declared, and those of math_cond, whichever are tighter; infinite ones are none."""
        found: dict[str, float] = {}
        for key, old in (("minimum", "valid_min"), ("maximum", "valid_max")):
            value = bound(self._node.get(key, self._node.get(old)))
            if value is not None:
                found[key] = value
        for key, value in self.math.bounds.items():
            found[key] = (max if "inimum" in key else min)(value, found.get(key, value))
        for open_end, end in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
            if open_end in found and end in found:
                tighter = found[open_end] >= found[end] if end == "minimum" else found[open_end] <= found[end]
                del found[end if tighter else open_end]
        return found

    def searchable(self) -> dict[str, Any]:
        """A leaf that may be searched, or one like the others and the reason why it cannot be."""
        node = self._searchable_node()
        types = _words(node.get("type"))
        problem = value_problem(node, types, node.get("default"))
        if not self.blocker and problem:
            self._block(f"its default {problem}, got {node.get('default')!r:.60}")
        return self.plain() if self.blocker else self._described() | node | self._hopes()

    def _block(self, reason: str) -> None:
        self.blocker = f"because {reason}"

    def _searchable_node(self) -> dict[str, Any]:
        if self._word in SUBSETS or (self._type == "array" and self._options):
            return self._subset()
        if self._options:
            return self._choice()
        if self._type == "boolean":
            return {"type": "boolean", "default": self._first(False)}
        if self._type in _NUMERIC:
            return self._number()
        if self._type == "array":
            return self._list()
        self._block(f"a parameter of type {self._word!r:.40} without options cannot be searched")
        return {}

    def _first(self, otherwise: JsonValue) -> JsonValue:
        """The default, or something to begin with, which is said."""
        if self._default is not _ABSENT and self._default is not None:
            return self._default
        self.notes.append(f"{self._name}: no default, so the search begins at {otherwise!r:.60}")
        return otherwise

    def _choice(self) -> dict[str, Any]:
        options = self._options
        default = self._first(options[0])
        if json_key(default) not in map(json_key, options):
            self.notes.append(f"{self._name}: the default {default!r:.60} is not among the options, and is added")
            options = [*options, default]
        node: dict[str, Any] = {"enum": options, "default": default}
        node |= {"type": self._type} if self._type and all(type_of(o) == self._type for o in options) else {}
        weights = self._node.get("option_weights")
        if isinstance(weights, list) and len(weights) == len(options) and self._are_weights(weights):
            node["option_weights"] = weights
        elif weights is not None:
            self.notes.append(f"{self._name}: option_weights {weights!r:.60} do not fit the options; ignored")
        return node | ({"ordered": True} if self._word in ("ordered_int", "ordered") else {})

    def _are_weights(self, weights: list[Any]) -> bool:
        return all(is_number(w) and w >= 0 for w in weights) and any(weights)

    def _subset(self) -> dict[str, Any]:
        if not self._options:
            self._block("a subset without options cannot be searched")
            return {}
        default = self._first([])
        items = {"enum": self._options}
        return {"type": "array", "items": items, "uniqueItems": True, "minItems": 0, "default": default}

    def _number(self) -> dict[str, Any]:
        whole = self._type == "integer"
        bounds = self._bounds()
        low, high = (_end(bounds, f"{end}imum", f"exclusive{end.capitalize()}imum") for end in ("min", "max"))
        default: Any = self._first(self._middle(low, high, whole))
        if not is_number(default):
            self._block(f"its default is no number, got {default!r:.60}")
            return {}
        node = {"type": self._type, "default": default, **self._around(default, bounds)}
        node |= {"multipleOf": self.math.multiple} if self.math.multiple else {}
        low, high = (_end(node, f"{end}imum", f"exclusive{end.capitalize()}imum") for end in ("min", "max"))
        node = self._with(node, infer_range(self._name, whole, low, high, default)) | self._nullable_type()
        return node | {"scale": "power2", "x_scale_inferred": False} if self.math.powers_of_two else node

    def _nullable_type(self) -> dict[str, Any]:
        return {"type": [self._type, "null"]} if self._nullable else {}

    def _middle(self, low: float | None, high: float | None, whole: bool) -> JsonValue:
        if low is None or high is None:
            return low if low is not None else high
        return int((low + high) // 2) if whole else (low + high) / 2

    def _around(self, default: float, bounds: dict[str, float]) -> dict[str, float]:
        """The bounds, made to hold the default: training uses it, so that it is legal."""
        kept = dict(bounds)
        for key in _BOUND_KEYS:
            outside = {"default": default} | ({key: kept[key]} if key in kept else {})
            if key in kept and value_problem(outside, (), default):
                del kept[key]
                end = "minimum" if "inimum" in key else "maximum"
                kept[end] = default
                self.notes.append(f"{self._name}: the default {default!r} counts, not {key} {bounds[key]!r}")
        return kept

    def _with(self, node: dict[str, Any], inferred: Inferred) -> dict[str, Any]:
        if inferred.reason and not inferred.keywords:
            self._block(inferred.reason)
        elif inferred.reason and not self.math.powers_of_two:
            self.notes.append(f"{self._name}: {inferred.reason}")
        return node | inferred.keywords

    def _list(self) -> dict[str, Any]:
        default: Any = self._first([])
        if not isinstance(default, list) or not all(map(is_number, default)) or not default:
            self._block(f"its default is no list of numbers, got {default!r:.60}")
            return {}
        node = {"type": "array", "default": default, "minItems": len(default), "maxItems": len(default)}
        low, high = (self._of_elements(key, len(default)) for key in ("minimum", "maximum"))
        if low and high:
            whole = all(isinstance(v, int) for v in (*default, *low, *high))
            kind = "integer" if whole else "number"
            items = [{"type": kind, "minimum": a, "maximum": b} for a, b in zip(low, high, strict=True)]
            return node | {"prefixItems": items}
        return self._with(node, infer_list(default))

    def _of_elements(self, key: str, count: int) -> list[float] | None:
        """One bound for each element: a list of them, or one for all."""
        declared = self._node.get(key, self._node.get(f"valid_{key[:3]}"))
        values = declared if isinstance(declared, list) else [declared] * count
        finite = [bound(value) for value in values]
        return [v for v in finite if v is not None] if len(finite) == count and None not in finite else None

    def _hopes(self) -> dict[str, Any]:
        """`popular` is a flag in this dialect; where it is a list of values, these are tried first."""
        declared = self._node.get("popular")
        return {"popular": declared} if isinstance(declared, list) and declared else {}


def _end(node: Mapping[str, Any], *keys: str) -> float | None:
    """The first of these bounds that there is."""
    return next((node[key] for key in keys if key in node), None)


def _words(types: object) -> list[Any]:
    return list(types) if isinstance(types, list) else [types] if types is not None else []
