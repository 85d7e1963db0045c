"""Everything that is wrong with a skill_info.yaml, found at once."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from tao_automl.bank.files import is_file
from tao_automl.bank.located_yaml import Document
from tao_automl.domain.nearest import nearest_hint

Fault = tuple[tuple[str | int, ...], str]
_KINDS = {"object": "a mapping", "array": "a list", "string": "text", "null": "null"}


@cache
def skill_info_schema() -> dict[str, Any]:
    """The published JSON Schema of skill_info.yaml."""
    text = files("tao_automl.bank").joinpath("skill_info.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def find_faults(document: Document) -> list[str]:
    """One sentence per fault with file, line and place, in the order of the file."""
    found = list(_schema_faults(document.value))
    if not found:
        found = list(_meaning_faults(document))
    ranked = sorted(dict.fromkeys(found), key=lambda fault: document.line(fault[0]))
    return [document.at(place, text) for place, text in ranked]


def _schema_faults(value: object) -> Iterator[Fault]:
    from jsonschema import Draft202012Validator

    for error in Draft202012Validator(skill_info_schema()).iter_errors(value):
        yield from _worded(_deepest(error))


def _deepest(error: Any) -> Any:
    """Of a failed oneOf with null, the branch that the author meant."""
    while error.context:
        meant = [child for child in error.context if child.validator != "type" or child.path]
        error = (meant or error.context)[-1]
    return error


def _worded(error: Any) -> Iterator[Fault]:
    place = tuple(error.absolute_path)
    if error.validator == "additionalProperties":
        known = list(error.schema.get("properties", {}))
        for key in error.instance:
            if key not in known and not key.startswith("x_"):
                yield (*place, key), f"must be a known key, got {key!r:.80} ({nearest_hint(key, known)})"
    elif error.validator == "required":
        for key in error.validator_value:
            if key not in error.instance:
                yield place, f"must have the key {key!r}"
    else:
        yield place, _law(error)


def _law(error: Any) -> str:
    got = f"got {json.dumps(error.instance):.80}"
    wanted = error.validator_value
    if error.validator == "type":
        kinds = [wanted] if isinstance(wanted, str) else wanted
        return f"must be {' or '.join(_KINDS.get(kind, f'of type {kind}') for kind in kinds)}, {got}"
    if error.validator == "enum":
        return f"must be one of {', '.join(map(str, wanted))}, {got}"
    if error.validator == "pattern":
        return f"must match {wanted}, {got}"
    return f"{error.validator} {json.dumps(wanted):.60} must hold, {got}"


def _meaning_faults(document: Document) -> Iterator[Fault]:
    info: Any = document.value
    yield from _metric_faults(info.get("metrics", []))
    yield from _fidelity_faults(info)
    yield from _runtime_faults(info)
    for name, action in info["actions"].items():
        yield from _action_faults(document, name, action)
    for name in info.get("data_sources", {}):
        if name not in info["actions"]:
            yield ("data_sources", name), f"must be a declared action ({nearest_hint(name, info['actions'])})"


def _metric_faults(metrics: list[Any]) -> Iterator[Fault]:
    names = [metric["name"] for metric in metrics]
    for index, metric in enumerate(metrics):
        place = ("metrics", index)
        if metric["name"] in names[:index]:
            yield (*place, "name"), f"a metric must be declared once, got {metric['name']!r} twice"
        source = metric.get("source", {"kind": "json_line"})
        needed = {"file": "path", "log_pattern": "pattern"}.get(source["kind"])
        if needed and needed not in source:
            yield (*place, "source"), f"the kind {source['kind']} must have {needed!r}"
        if "pattern" in source:
            yield from _regex_faults((*place, "source", "pattern"), source["pattern"])
    primary = [index for index, metric in enumerate(metrics) if metric.get("primary")]
    for index in primary[1:]:
        yield ("metrics", index, "primary"), "at most one metric must be primary"


def _fidelity_faults(info: Mapping[str, Any]) -> Iterator[Fault]:
    fidelity, checkpoints = info.get("fidelity"), info.get("checkpoints")
    if fidelity and fidelity["min"] > fidelity["max"]:
        yield ("fidelity", "min"), f"`min <= max` must hold, got (min={fidelity['min']}, max={fidelity['max']})"
    if checkpoints and checkpoints.get("epoch_from"):
        yield from _regex_faults(("checkpoints", "epoch_from"), checkpoints["epoch_from"], groups=1)


def _regex_faults(place: tuple[str | int, ...], text: str, groups: int = 0) -> Iterator[Fault]:
    try:
        if re.compile(text).groups < groups:
            yield place, f"must have {groups} group in parentheses, got {text!r}"
    except (re.error, OverflowError, RecursionError) as error:
        yield place, f"must be a regular expression: {error}, got {text!r:.80}"


def _runtime_faults(info: Mapping[str, Any]) -> Iterator[Fault]:
    if info.get("runtime") == "container" and not info.get("container_image"):
        bare = [name for name, action in info["actions"].items() if not action.get("container_image")]
        if bare:
            yield (), f"a container model must name a container_image, got none for {', '.join(bare)}"


def _action_faults(document: Document, name: str, action: Mapping[str, Any]) -> Iterator[Fault]:
    place = ("actions", name)
    if ("command" in action) == ("python_script" in action):
        got = "both" if "command" in action else "neither"
        yield place, f"must have exactly one of command and python_script, got {got}"
    folder = document.path.parent.parent
    for key in ("python_script", "data_check"):
        if key in action and not is_file(folder / action[key]):
            yield (*place, key), f"must be a file of the skill, got {action[key]!r:.80}"
    declared = [metric["name"] for metric in _info(document).get("metrics", [])]
    if action.get("metric") and action["metric"] not in declared:
        yield (*place, "metric"), f"must be a declared metric, got {action['metric']!r}"


def _info(document: Document) -> Mapping[str, Any]:
    info: Any = document.value
    return dict(info)
