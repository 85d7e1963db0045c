"""The search space of an action, in our dialect."""

from collections.abc import Iterator, Mapping
from typing import Any

from model_skills.leaves import leaf
from model_skills.outputs import output_places
from model_skills.sources import Source

DIALECT = "https://json-schema.org/draft/2020-12/schema"
ACTION_BLOCKS = (
    "train",
    "evaluate",
    "inference",
    "export",
    "gen_trt_engine",
    "quantize",
    "distill",
    "prune",
    "dataset_convert",
    "convert",
    "visualize",
)
_ALSO_TRAINS = {"distill": ("train", "distill"), "retrain": ("train",), "segment_train": ("train",)}
Leaves = dict[str, dict[str, Any]]


def actions_with_schemas(source: Source) -> list[str]:
    """Declared actions whose parameters the facts list, and those that the overlay derives from another."""
    known = list(source.facts.get("schemas", {})) + list(source.overlay.get("schema_from", {}))
    return [action for action in source.facts["actions"] if action in known]


def leaves_of(source: Source, action: str) -> Leaves:
    """All properties of an action by dotted name; blocks that belong to other actions are left out."""
    origin = source.overlay.get("schema_from", {}).get(action, action)
    own = _ALSO_TRAINS.get(action, (action,))
    found: Leaves = {}
    for entry in source.parameters(origin):
        path = str(entry["path"])
        block = path.partition(".")[0]
        if "[" not in path and (block not in ACTION_BLOCKS or block in own):
            found[path] = leaf(source, entry)
    return _without_shadows(found)


def build_schema(source: Source, action: str) -> dict[str, Any]:
    leaves = leaves_of(source, action)
    plan = search_plan(source, action)
    for path, wish in {**plan.get("optional", {}), **plan.get("search", {})}.items():
        if path not in leaves:
            raise source.fault(f"{action}: {path}: searched, but no parameter of the facts")
        leaves[path] |= searched(source, path, leaves[path], wish or {})
    given = {**output_places(source, action), **source.overlay.get("template", {}).get(action, {})}
    for path, value in given.items():
        if path in leaves:
            leaves[path]["default"] = value
    for path, values in plan.get("when", {}).items():
        leaves[path]["depends_on"] = values
    return {
        "$schema": DIALECT,
        "title": f"{source.name}: settings and search space of {action}",
        "type": "object",
        "x_skill": _about(source, action),
        "automl_default_parameters": list(plan.get("search", {})),
        "automl_disabled_parameters": [path for path in plan.get("disabled", []) if path in leaves],
        "automl_constraints": list(plan.get("constraints", [])),
        "additionalProperties": False,
        "properties": nested(leaves),
    }


def search_plan(source: Source, action: str) -> Mapping[str, Any]:
    """What to search: the overlay's for train, its `actions` or the common file's for the others."""
    if action == "train":
        return source.overlay
    plan = source.overlay.get("actions", {}).get(action) or source.common.get("actions", {}).get(action)
    if plan is None:
        raise source.fault(f"actions.{action}: must say what {action} searches")
    return dict(plan)


def searched(source: Source, path: str, node: Mapping[str, Any], wish: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords of a searched property; its default is its weak prior."""
    found: dict[str, Any] = {"automl_enabled": True}
    if "description" in wish:
        found["description"] = wish["description"]
    elif "description" not in node:
        raise source.fault(f"{path}: a searched parameter must be described")
    if "default" not in node:
        raise source.fault(f"{path}: a searched parameter must have a default")
    for key in ("popular", "option_weights", "ordered"):
        if key in wish:
            found[key] = wish[key]
    if node["type"] in ("integer", "number") and "enum" not in node:
        found |= _range(source, path, node, wish)
    return found


def _range(source: Source, path: str, node: Mapping[str, Any], wish: Mapping[str, Any]) -> dict[str, Any]:
    if "range" not in wish:
        raise source.fault(f"{path}: a searched number must have a range")
    low, high = wish["range"]
    if not low <= node["default"] <= high:
        raise source.fault(f"{path}: the default {node['default']!r} must lie in the range {wish['range']!r}")
    return {
        "search_minimum": low,
        "search_maximum": high,
        "scale": wish.get("scale", "linear"),
        "prior": {"mean": node["default"], "strength": wish.get("prior", "weak")},
    }


def _about(source: Source, action: str) -> dict[str, Any]:
    fidelity = source.overlay.get("fidelity", {})
    about = {
        "model": source.name,
        "network_arch": source.facts["network_arch"],
        "action": action,
        "metrics": {metric["name"]: metric["direction"] for metric in source.overlay.get("metrics", [])},
    }
    trains = str(fidelity.get("key")).partition(".")[0] in _ALSO_TRAINS.get(action, (action,))
    return about | ({"fidelity": {key: fidelity[key] for key in ("key", "min", "max")}} if trains else {})


def nested(leaves: Leaves) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, node in leaves.items():
        *groups, last = path.split(".")
        level = tree
        for group in groups:
            made = level.setdefault(group, {"type": "object", "additionalProperties": False, "properties": {}})
            level = made["properties"]
        level[last] = node
    return tree


def _without_shadows(leaves: Leaves) -> Leaves:
    """A mapping that the facts list whole and in parts is kept in parts."""
    groups = set(_groups(leaves))
    return {path: node for path, node in leaves.items() if path not in groups}


def _groups(leaves: Leaves) -> Iterator[str]:
    for path in leaves:
        parts = path.split(".")
        yield from (".".join(parts[:depth]) for depth in range(1, len(parts)))
