"""What parameters of the public TAO dialect demand of each other, as constraints."""

import re
from collections.abc import Iterator, Mapping, Sequence

from tao_automl.bank.tao_leaf import TranslatedLeaf
from tao_automl.domain.expression_parser import LONGEST

_NUMERIC = {"integer", "number"}
_PLAIN_NAME = re.compile(r"[A-Za-z_]\w*(\.\w+)*", re.ASCII)


def constraints_of(leaves: Mapping[str, TranslatedLeaf], searched: Sequence[str]) -> tuple[list[str], list[str]]:
    """Expressions, and notes on what concerns the search and was read into the file or could not be."""
    constraints: list[str] = []
    notes: list[str] = []
    for name, leaf in leaves.items():
        constraints += [f"{written(name)} != {value!r}" for value in leaf.math.unequal if _numeric(leaf)]
        for parent, symbols, inferred in _relations(name, leaf, leaves, notes if name in searched else []):
            side = f"max({written(name)})" if _kinds(leaf) == {"array"} else written(name)
            found = [f"{side} {symbol} {written(parent)}" for symbol in symbols]
            constraints += [text for text in found if len(text) <= LONGEST]
            if inferred and {name, parent} & set(searched):
                notes.append(f"{name}: depends_on {parent} does not say how; read as {found[0]}")
    return constraints, notes


def written(name: str) -> str:
    """A name as expressions write it."""
    return name if _PLAIN_NAME.fullmatch(name) else f"`{name}`"


def _relations(
    name: str, leaf: TranslatedLeaf, leaves: Mapping[str, TranslatedLeaf], notes: list[str]
) -> Iterator[tuple[str, tuple[str, ...], bool]]:
    """Parents and comparisons; without one, a number is at most its parent."""
    for declared in leaf.parents:
        parent = _resolved(declared, name, leaves)
        if parent is None:
            notes.append(f"{name}: depends_on {declared:.80}: no such parameter in this schema; ignored")
        elif _numeric(leaf, lists=True) and _numeric(leaves[parent]) and "`" not in name + parent:
            yield parent, leaf.math.relations or ("<=",), not leaf.math.relations
        else:
            notes.append(f"{name}: depends_on {parent}: what that means for values that are no numbers is not known")


def _resolved(declared: str, name: str, leaves: Mapping[str, TranslatedLeaf]) -> str | None:
    """The full name, that of a neighbour, or the only one that ends so."""
    neighbour = f"{name.rpartition('.')[0]}.{declared}".removeprefix(".")
    for candidate in (declared, neighbour):
        if candidate in leaves and candidate != name:
            return candidate
    ends = [leaf for leaf in leaves if leaf.endswith(f".{declared}") and leaf != name]
    return ends[0] if len(ends) == 1 else None


def _kinds(leaf: TranslatedLeaf) -> set[str]:
    types = leaf.node.get("type", [])
    return set(types if isinstance(types, list) else [types])


def _numeric(leaf: TranslatedLeaf, *, lists: bool = False) -> bool:
    if lists and _kinds(leaf) == {"array"}:
        default = leaf.node.get("default")
        return isinstance(default, list) and bool(default) and all(isinstance(v, int | float) for v in default)
    return _kinds(leaf) - {"null"} in ({"integer"}, {"number"}) and "enum" not in leaf.node
