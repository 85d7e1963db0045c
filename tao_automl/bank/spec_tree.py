"""Specs as trees and as dotted names."""

from collections.abc import Iterator, Mapping
from typing import Any

from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.json_values import fresh, same_json
from tao_automl.errors import SettingsError


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


def lookup(tree: Mapping[str, Any], name: str, default: Any = None) -> Any:
    """The value under a dotted name."""
    found: Any = tree
    for part in name.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return default
        found = found[part]
    return found


def assign(tree: dict[str, Any], name: str, value: JsonValue) -> None:
    """Set a dotted name, making the sections above it."""
    *above, last = name.split(".")
    for part in above:
        if not isinstance(tree.get(part), dict):
            tree[part] = {}
        tree = tree[part]
    tree[last] = fresh(value)


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
