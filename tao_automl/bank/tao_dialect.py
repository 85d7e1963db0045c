"""The schema dialect of the public TAO bank, translated into ours. The files are read as they are.

Nobody here wrote them, so that they are not judged as strictly as our own: what is not understood, out of place or of
another action is left out of the search, and a note says so.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tao_automl.bank.tao_leaf import TranslatedLeaf, translate_leaf
from tao_automl.bank.tao_relations import constraints_of
from tao_automl.bank.tao_values import is_ours, is_theirs
from tao_automl.domain.json_types import JsonValue
from tao_automl.errors import SearchSpaceError

_ACTIONS = {
    "calibration",
    "convert",
    "dataset_convert",
    "distill",
    "evaluate",
    "export",
    "gen_trt_engine",
    "inference",
    "prune",
    "quantize",
    "retrain",
    "train",
}
_OTHER_DATA = re.compile(r"(val|valid|validate|validation|eval|evaluation|test|infer|inference|predict)(_.*|$)")
_LISTED = ("automl_default_parameters", "automl_disabled_parameters")


def is_tao_dialect(root: object) -> bool:
    """Whether it has types that only this dialect knows: more of them than of those that only JSON Schema knows, unless
    it does not claim to be a JSON Schema 2020-12.
    """
    if not isinstance(root, dict):
        return False
    theirs = ours = 0
    for name, node in _nodes(root):
        for word in _type_words(node):
            theirs += is_theirs(word)
            ours += bool(name) and "properties" not in node and is_ours(word)
    claims = "2020-12" in str(root.get("$schema"))[:200]
    return theirs > ours or (theirs > 0 and not claims)


def _type_words(node: Mapping[str, Any]) -> list[Any]:
    """Also those of its branches."""
    branches = [part for key in ("anyOf", "oneOf") if isinstance(node.get(key), list) for part in node[key]]
    words = [part.get("type") for part in (node, *branches) if isinstance(part, dict)]
    return [word for found in words for word in (found if isinstance(found, list) else [found])]


def _nodes(root: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Dotted names and nodes, sections before what is in them, in the order of the file."""
    waiting: list[tuple[str, Any]] = [("", root)]
    while waiting:
        name, node = waiting.pop()
        if not isinstance(node, dict):
            continue
        yield name, node
        children = node.get("properties")
        if isinstance(children, dict):
            prefix = f"{name}." if name else ""
            waiting += [(prefix + key, child) for key, child in reversed(children.items())]


def _leaves(root: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The nodes that are no sections."""
    for name, node in _nodes(root):
        if name and not isinstance(node.get("properties"), dict):
            yield name, node


def translated(root: Any, action: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """A document in our dialect, and notes. Raises SearchSpaceError for what is no schema at all."""
    _check_nodes(root)
    defaults = _inherited_defaults(root)
    leaves = {name: translate_leaf(name, node, defaults.get(name)) for name, node in _leaves(root)}
    notes: list[str] = []
    listed = {key: _listed(root, key, leaves, notes) for key in _LISTED}
    searched = _searched(leaves, listed["automl_default_parameters"], action, notes)
    for name, leaf in leaves.items():
        if name in searched:
            notes.extend(leaf.notes)
    constraints, more = constraints_of(leaves, searched)
    document: dict[str, Any] = {
        "type": "object",
        "automl_default_parameters": searched,
        "automl_disabled_parameters": listed["automl_disabled_parameters"] or [],
        "automl_constraints": constraints,
        "properties": _nested(leaves),
    }
    return document, (*notes, *more)


def _check_nodes(root: Any) -> None:
    waiting = [("(root)", root)]
    while waiting:
        place, node = waiting.pop()
        if not isinstance(node, dict):
            raise SearchSpaceError(f"{place}: a property must be an object, got {node!r:.80}")
        children = node.get("properties", {})
        if not isinstance(children, dict):
            raise SearchSpaceError(f"{place}: properties must be an object, got {children!r:.80}")
        for key, child in children.items():
            if "." in key or key.strip() != key or not key:
                raise SearchSpaceError(f"{place}: a property's name must have no dots or blanks, got {key!r:.80}")
            waiting.append((f"{place}.{key}".removeprefix("(root)."), child))


def _inherited_defaults(root: Mapping[str, Any]) -> dict[str, JsonValue]:
    """Defaults that are written at a node above the leaf; the nearest one counts."""
    found: dict[str, JsonValue] = {}
    waiting: list[tuple[str, Any]] = [("", root)]
    while waiting:
        prefix, node = waiting.pop(0)
        children = node.get("properties")
        own = node.get("default")
        if isinstance(own, dict):
            found.update(_flat(own, prefix))
        if isinstance(children, dict):
            waiting += [(f"{prefix}{key}.", child) for key, child in children.items()]
    return found


def _flat(tree: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, JsonValue]]:
    """Every node of the tree under its dotted name, sections too: whether a name is a leaf, the schema decides."""
    waiting = [(prefix + key, value) for key, value in tree.items()]
    while waiting:
        name, value = waiting.pop()
        yield name, value
        if isinstance(value, dict):
            waiting += [(f"{name}.{key}", child) for key, child in value.items()]


def _listed(
    root: Mapping[str, Any], key: str, leaves: Mapping[str, TranslatedLeaf], notes: list[str]
) -> list[str] | None:
    """The names in all lists of this key, which may stand at any node; None if there is none."""
    found: dict[str, None] = {}
    any_list = False
    waiting: list[tuple[str, Any]] = [("", root)]
    while waiting:
        prefix, node = waiting.pop(0)
        if not isinstance(node, dict):
            continue
        names = node.get(key)
        if isinstance(names, list):
            any_list = True
            for name in names:
                matching = _matching(str(name), prefix, leaves)
                found.update(dict.fromkeys(matching))
                if not matching and key == _LISTED[0]:
                    notes.append(f"{key}: {name!s:.80}: no such parameter in this schema; ignored")
        if isinstance(node.get("properties"), dict):
            waiting += [(f"{prefix}{part}.", child) for part, child in node["properties"].items()]
    return [name for name in leaves if name in found] if any_list else None


def _matching(name: str, prefix: str, leaves: Mapping[str, TranslatedLeaf]) -> list[str]:
    """The leaf of that name below the node, or from the root; or all leaves of a section of that name."""
    for full in (prefix + name, name):
        if full in leaves:
            return [full]
        below = [leaf for leaf in leaves if leaf.startswith(f"{full}.")]
        if below and name:
            return below
    return []


def _searched(
    leaves: Mapping[str, TranslatedLeaf], listed: list[str] | None, action: str, notes: list[str]
) -> list[str]:
    """What is listed, or all that is enabled; without what cannot be searched, or does not belong to this action."""
    names = listed if listed is not None else [name for name, leaf in leaves.items() if leaf.enabled]
    if listed is None:
        notes.append("the schema has no automl_default_parameters: everything that is enabled is searched")
    reasons: dict[str, list[str]] = {}
    kept = []
    for name in names:
        reason = leaves[name].blocker or _foreign(name, action)
        if reason:
            reasons.setdefault(reason, []).append(name)
        else:
            kept.append(name)
    notes.extend(f"not searched, {reason}: {', '.join(found)}" for reason, found in reasons.items())
    return kept


def _foreign(name: str, action: str) -> str:
    """Why a parameter does not belong to the action, or an empty string."""
    parts = name.split(".")
    for part in parts[:-1]:
        if part in _ACTIONS - {action, "train"}:
            return f"because it belongs to the action {part}"
    if action not in ("evaluate", "inference") and any(_OTHER_DATA.match(part) for part in parts):
        return "because it is about the data or the measure of validation, test or inference"
    return ""


def _nested(leaves: Mapping[str, TranslatedLeaf]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, leaf in leaves.items():
        *above, last = name.split(".")
        node = tree
        for part in above:
            node = node.setdefault(part, {"type": "object", "properties": {}})["properties"]
        node[last] = leaf.node
    return tree
