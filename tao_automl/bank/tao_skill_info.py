"""The `skill_info.yaml` of the public TAO bank, brought into the shape of ours. The files are read as they are.

What is there and here has no use is dropped, unlike in our own files, where an unknown key is a fault.
"""

from collections.abc import Mapping
from typing import Any

from tao_automl.domain.json_types import JsonValue

_OURS = {
    "aliases",
    "checkpoints",
    "fidelity",
    "hpo",
    "limits",
    "metrics",
    "node_spec_key",
    "runtime",
    "runtime_requirements",
    "required_credentials",
}
_ACTION_MARKS = {"execution_contract", "metric_direction", "metric_file"}


def is_tao_info(info: object) -> bool:
    """Whether it has keys that only their files have, or none that only ours have."""
    if not isinstance(info, dict) or not isinstance(info.get("actions"), dict):
        return False
    actions = [action for action in info["actions"].values() if isinstance(action, dict)]
    marked = "spec_params" in info or any(_ACTION_MARKS & set(action) for action in actions)
    return not _OURS & set(info) and (marked or all("command" in action for action in actions))


def in_our_shape(info: JsonValue, schema: Mapping[str, Any]) -> JsonValue:
    """`info` with the keys that `schema` knows, and its metrics declared as ours are."""
    if not is_tao_info(info) or not isinstance(info, dict):
        return info
    found: dict[str, Any] = _known(info, schema["properties"])
    found |= {key: value for key, value in info.items() if key.startswith("x_")}
    defs = schema["$defs"]
    metrics = _metrics(info["actions"])
    if metrics:
        found["metrics"] = metrics
    found["actions"] = {name: _action(action, defs) for name, action in info["actions"].items()}
    if isinstance(info.get("data_sources"), dict):
        found["data_sources"] = {
            action: {key: _known(source, defs["data_source"]["properties"]) for key, source in _mapping(keys).items()}
            for action, keys in info["data_sources"].items()
        }
    return found


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _known(value: Any, keys: Mapping[str, Any]) -> Any:
    """A mapping without the keys that are not known; anything else as it is, for the checks to refuse."""
    return {key: item for key, item in value.items() if key in keys} if isinstance(value, dict) else value


def _action(action: Any, defs: Mapping[str, Any]) -> Any:
    found = _known(action, defs["action"]["properties"])
    if not isinstance(found, dict):
        return found
    if isinstance(found.get("inputs"), dict):
        known = defs["input"]["properties"]
        found["inputs"] = {key: _known(entry, known) for key, entry in found["inputs"].items()}
    if "metric" in found and "metric_direction" not in action:
        del found["metric"]
    return found


def _metrics(actions: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each metric that an action names with its direction, once."""
    found: dict[str, dict[str, Any]] = {}
    for action in actions.values():
        name, direction = _mapping(action).get("metric"), _mapping(action).get("metric_direction")
        if isinstance(name, str) and direction is not None and name not in found:
            found[name] = {"name": name, "direction": direction}
            if "metric_file" in action:
                found[name]["source"] = {"kind": "file", "path": action["metric_file"]}
    return list(found.values())
