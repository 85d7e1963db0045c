"""Where an action writes."""

from typing import Any

from model_skills.sources import Source

RESULTS = "results"
_FILES = {"onnx": "model.onnx", "engine": "model.engine", "label": "labels.json", "pruned": "model_pruned.pth"}


def outputs_of(source: Source, action: str) -> dict[str, Any]:
    """The declared outputs; a training that claims to write another action's file does not."""
    declared: dict[str, Any] = source.facts["actions"][action].get("outputs", {})
    foreign = {key for key in declared if action.endswith("train") and key.startswith("export.")}
    return {key: value for key, value in declared.items() if key not in foreign}


def output_places(source: Source, action: str) -> dict[str, str]:
    """Spec key -> place relative to the job's folder."""
    return {key: _place(action, key, entry["type"]) for key, entry in outputs_of(source, action).items()}


def _place(action: str, key: str, kind: str) -> str:
    if kind == "folder":
        return RESULTS
    return f"{RESULTS}/{action}/{next((file for word, file in _FILES.items() if word in key), 'output.pth')}"
