"""The complete defaults of an action, as a spec."""

import re
from typing import Any

from model_skills.leaves import leaf
from model_skills.schemas import ACTION_BLOCKS, Leaves, actions_with_schemas, leaves_of
from model_skills.sources import Source

RESULTS = "results"
_NOT_SHARED = ("wandb",)
_INDEXED = re.compile(r"\[\d+\]")
_FILES = {"onnx": "model.onnx", "engine": "model.engine", "json": "labels.json", "pruned": "model_pruned.pth"}


def build_template(source: Source, action: str) -> dict[str, Any]:
    """Defaults, the inputs as empty places to fill, and the outputs below the results folder.

    A key that the facts list as an empty text is unset: it is left out, so that the container's own default holds.
    """
    leaves = leaves_of(source, action) if action in actions_with_schemas(source) else _shared(source, action)
    flat = {path: node["default"] for path, node in leaves.items() if node.get("default") not in (None, "")}
    declared = source.facts["actions"][action]
    flat = {**{key: "" for key in _inputs(declared, leaves, flat)}, **flat}
    flat |= {key: _output(action, key, out["type"]) for key, out in outputs_of(source, action).items()}
    flat |= source.overlay.get("template", {}).get(action, {})
    return _nest(flat)


def outputs_of(source: Source, action: str) -> dict[str, Any]:
    """The declared outputs; a training that claims to write another action's file does not."""
    declared: dict[str, Any] = source.facts["actions"][action].get("outputs", {})
    foreign = {key for key in declared if action.endswith("train") and key.startswith("export.")}
    return {key: value for key, value in declared.items() if key not in foreign}


def _shared(source: Source, action: str) -> Leaves:
    """For an action without a schema: the blocks that all actions share, and its own."""
    found: Leaves = {}
    for entry in source.parameters("train"):
        path = str(entry["path"])
        block = path.partition(".")[0]
        if "[" in path or block in _NOT_SHARED or (block in ACTION_BLOCKS and block != action):
            continue
        found[path] = leaf(source, entry)
    return found


def _inputs(declared: dict[str, Any], leaves: Leaves, flat: dict[str, Any]) -> list[str]:
    """Required inputs, and optional ones that no schema knows; elements of lists have their places already."""
    groups = {path.rpartition(".")[0] for path in flat}
    found = []
    for key, entry in declared.get("inputs", {}).items():
        inside = any(isinstance(flat.get(above), dict) for above in _above(key))
        if not _INDEXED.search(key) and not inside and key not in groups:
            if not entry.get("optional") or key not in leaves:
                found.append(key)
    return found


def _above(key: str) -> list[str]:
    parts = key.split(".")
    return [".".join(parts[:depth]) for depth in range(1, len(parts))]


def _output(action: str, key: str, kind: str) -> str:
    if kind == "folder":
        return RESULTS
    name = next((file for word, file in _FILES.items() if word in key), "labels.json" if "label" in key else "output")
    return f"{RESULTS}/{action}/{name}"


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
