"""Specs as trees and as dotted names."""

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.json_values import fresh, same_json
from tao_automl.errors import SettingsError

_INDEXED = re.compile(r"([^\[\]]+)((?:\[\d{1,6}\])*)")
_INDEX = re.compile(r"\[(\d+)\]")


def nest(flat_or_nested: Mapping[str, JsonValue]) -> dict[str, Any]:
    """``{"a.b": 1, "a": {"c": 2}}`` as ``{"a": {"b": 1, "c": 2}}``; nothing of the input is shared or changed.

    Raises SettingsError for a name that is given twice with different values, or is both a value and a section.
    """
    tree: dict[str, Any] = {}
    for path, value in _leaves(flat_or_nested, ()):
        _put(tree, path, value)
    return tree


def flatten(tree: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Dotted names of all leaves; lists and empty mappings are leaves."""
    return {".".join(path): value for path, value in _leaves(tree, ())}


def _leaves(tree: Mapping[str, Any], prefix: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in tree.items():
        if not isinstance(key, str) or not all(key.split(".")):
            raise SettingsError(f"a key must be text with no empty part between its dots, got {key!r:.80}")
        path = (*prefix, *key.split("."))
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, path)
        else:
            yield path, value


def _put(tree: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for depth, part in enumerate(path[:-1]):
        tree = tree.setdefault(part, {})
        if not isinstance(tree, dict):
            name = ".".join(path[: depth + 1])
            raise SettingsError(f"{name}: must be either a value or a section, got {tree!r:.60} and {'.'.join(path)}")
    last = path[-1]
    if last in tree and not _agree(tree[last], value):
        raise SettingsError(f"{'.'.join(path)}: must be given once, got {tree[last]!r:.60} and {value!r:.60}")
    if last not in tree or value != {}:
        tree[last] = fresh(dict(value) if isinstance(value, Mapping) else value)


def _agree(old: Any, new: Any) -> bool:
    """Equal values, or an empty section where there is a section already."""
    return (isinstance(old, dict) and new == {}) or same_json(old, new)


def list_key(name: str) -> str:
    """The key of the list in which a name such as ``data.sources[0].path`` points; any other name itself."""
    return name.partition("[")[0]


def steps(name: str) -> list[str | int]:
    """``data.sources[0].path`` as ``["data", "sources", 0, "path"]``. Raises SettingsError for other brackets."""
    found: list[str | int] = []
    for part in name.split("."):
        match = _INDEXED.fullmatch(part)
        if match is None:
            raise SettingsError(f"{name}: an element must be written as name[0], counted from 0, got {part!r:.60}")
        found.append(match[1])
        found.extend(int(index) for index in _INDEX.findall(match[2]))
    return found


def lookup(tree: Mapping[str, Any], name: str, default: Any = None) -> Any:
    """The value under a dotted name, which may count elements."""
    found: Any = tree
    for step in steps(name) if "[" in name else name.split("."):
        inside = isinstance(found, Mapping) and step in found
        if not inside and not (isinstance(step, int) and isinstance(found, list) and step < len(found)):
            return default
        found = found[step]
    return found


def assign(tree: dict[str, Any], name: str, value: JsonValue) -> None:
    """Set a dotted name, making the sections above it, and the next element of a list by copying its last one.

    Raises SettingsError for an element of what is no list, or further behind its end.
    """
    *above, last = steps(name) if "[" in name else name.split(".")
    node: Any = tree
    for step, below in zip(above, [*above, last][1:], strict=True):
        node = _entered(node, step, below, name)
    if isinstance(last, int):
        _check_element(node, last, name)
        node[last : last + 1] = [fresh(value)]
    else:
        node[last] = fresh(value)


def _entered(node: Any, step: str | int, below: str | int, name: str) -> Any:
    """What lies at the step; a section where there is none, unless an element of a list is wanted from it."""
    if isinstance(step, int):
        _check_element(node, step, name)
        if step == len(node):
            node.append(copy.deepcopy(node[-1]) if node else {})
    elif isinstance(below, str) and not isinstance(node.get(step), dict):
        node[step] = {}
    found = node[step] if isinstance(step, int) else node.get(step)
    if isinstance(below, str) and not isinstance(found, dict):
        node[step] = found = {}
    return found


def _check_element(node: Any, index: int, name: str) -> None:
    if not isinstance(node, list):
        raise SettingsError(f"{name}: only a list has elements, got {node!r:.60}")
    if index > len(node):
        raise SettingsError(f"{name}: the list has {len(node)} elements, so the next one is [{len(node)}]")


def remove(tree: dict[str, Any], name: str) -> None:
    """Remove a dotted name, and the sections that it leaves empty."""
    head, _, rest = name.partition(".")
    if head not in tree:
        return
    if not rest:
        del tree[head]
    elif isinstance(tree[head], dict):
        remove(tree[head], rest)
        if not tree[head]:
            del tree[head]
