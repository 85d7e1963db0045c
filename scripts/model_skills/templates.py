"""The complete defaults of an action, as a spec."""

import re
from typing import Any

from model_skills.leaves import leaf
from model_skills.outputs import output_places
from model_skills.schemas import ACTION_BLOCKS, Leaves, actions_with_schemas, leaves_of
from model_skills.sources import Source

_NOT_SHARED = ("wandb",)
_INDEXED = re.compile(r"\[\d+\]")


def build_template(source: Source, action: str) -> dict[str, Any]:
    """Defaults, the inputs as empty places to fill, and the outputs below the results folder."""
    leaves = leaves_of(source, action) if action in actions_with_schemas(source) else _shared(source, action)
    flat = {path: node["default"] for path, node in leaves.items() if "default" in node}
    declared = source.facts["actions"][action]
    flat = {**dict.fromkeys(_inputs(declared, flat), ""), **flat}
    flat |= output_places(source, action)
    flat |= source.overlay.get("template", {}).get(action, {})
    return _nest(flat)


def _shared(source: Source, action: str) -> Leaves:
    """For an action without a schema: the blocks that all actions share, and its own.

    An action whose inputs lie in other blocks is another program with a spec of its own, and shares nothing.
    """
    found: Leaves = {}
    own = "train" if action == "retrain" else action.removeprefix("segment_")
    blocks = {str(entry["path"]).partition(".")[0] for entry in source.parameters("train")} | {own}
    if any(key.partition(".")[0] not in blocks for key in source.facts["actions"][action].get("inputs", {})):
        return found
    for entry in source.parameters("train"):
        path = str(entry["path"])
        block = path.partition(".")[0]
        if "[" in path or block in _NOT_SHARED or (block in ACTION_BLOCKS and block != own):
            continue
        found[path] = leaf(source, entry)
    return found


def _inputs(declared: dict[str, Any], flat: dict[str, Any]) -> list[str]:
    """Inputs that no parameter stands for; elements of lists have their places already."""
    groups = {path.rpartition(".")[0] for path in flat}
    found = []
    for key in declared.get("inputs", {}):
        inside = any(flat.get(above) for above in _above(key) if isinstance(flat.get(above), dict))
        if key not in flat and not _INDEXED.search(key) and not inside and key not in groups:
            found.append(key)
    return found


def _above(key: str) -> list[str]:
    parts = key.split(".")
    return [".".join(parts[:depth]) for depth in range(1, len(parts))]


def _nest(flat: dict[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, value in flat.items():
        *groups, last = path.split(".")
        level = tree
        for group in groups:
            level = level.setdefault(group, {})
        if isinstance(value, dict) and isinstance(level.get(last), dict):
            level[last] = {**value, **level[last]}
        else:
            level[last] = value
    return tree
