"""Files in the dialect of the public TAO bank, written anew from facts about its models.

The facts are names, types, bounds and commands. How a file of that dialect looks, with its habits (bare Infinity,
booleans in quotes, lists of names at any node), is what this writer knows.
"""

import copy
import json
import math
import os
from pathlib import Path

import pytest
import yaml

FACTS = Path(os.environ.get("TAO_FACTS", Path(__file__).parents[3] / "skills" / "sources" / "tao"))
MODELS = sorted(FACTS.glob("tao-*.json"))
needs_facts = pytest.mark.skipif(not MODELS, reason=f"no facts about TAO models in {FACTS}")
NUMERIC = {"int", "float"}


def facts_of(name):
    """With every schema's parameters written out; an action may have those of another."""
    facts = json.loads((FACTS / f"{name}.json").read_text())
    for schema in facts["schemas"].values():
        if isinstance(schema["parameters"], str):
            schema["parameters"] = facts["schemas"][schema["parameters"]]["parameters"]
    return facts


def schema_document(facts):
    """The tree of a schema file; what the facts do not have is made up in the way of that dialect."""
    root = {"type": "collection", "title": "spec", "properties": {}, "default": {}}
    for k, parameter in enumerate(facts["parameters"]):
        *above, last = parameter["path"].split(".")
        node = root
        for part in above:
            section = {"type": "collection", "title": part, "description": f"the {part} part", "properties": {}}
            node = node["properties"].setdefault(part, section)
            node.setdefault("properties", {})
        node["properties"][last] = _leaf(parameter, k)
    listed = facts.get("automl_default_parameters")
    if listed is not None:
        root["automl_default_parameters"] = listed
        for node, prefix in _sections(root, ""):
            names = [name.removeprefix(prefix) for name in listed if name.startswith(prefix)]
            node["automl_default_parameters"] = names
            node["automl_disabled_parameters"] = []
    root["automl_disabled_parameters"] = ["encryption_key", "results_dir"]
    return root


def schema_text(facts):
    return json.dumps(schema_document(facts), indent=1)


def _sections(node, prefix):
    for key, child in node["properties"].items():
        if "properties" in child:
            yield child, f"{prefix}{key}."
            yield from _sections(child, f"{prefix}{key}.")


def _leaf(parameter, k):
    node = {key: copy.deepcopy(value) for key, value in parameter.items() if key != "path"}
    node |= {"title": parameter["path"].rpartition(".")[2], "description": "", "popular": "yes" if k % 5 == 0 else ""}
    if node.get("type") in NUMERIC:
        node.setdefault("minimum", -math.inf)
        node.setdefault("maximum", math.inf)
        node.setdefault("math_cond", "")
    if "automl_enabled" in node:
        node["automl_enabled"] = {True: ["TRUE", "true", True], False: ["FALSE", "false", False]}[
            node["automl_enabled"]
        ][k % 3]
    if node.get("type") == "bool" and isinstance(node.get("default"), bool) and k % 2:
        node["default"] = str(node["default"]).upper()
    if "type" not in node:
        kind = "float" if isinstance(node.get("default"), int | float) else "string"
        other = {"type": "list"} if node.get("automl_enabled") else {"type": "null"}
        node["anyOf"] = [{"type": kind}, other]
    return node


INFO_KEYS = (
    "name",
    "network_arch",
    "automl_enabled",
    "data_format",
    "gpu_spec_key",
    "container_image",
    "spec_shorthand_keys",
    "actions",
    "data_sources",
    "spec_params",
)


def skill_info_text(facts):
    info = {key: facts[key] for key in INFO_KEYS if key in facts}
    text = yaml.safe_dump(info, sort_keys=False, allow_unicode=True)
    pin, image = facts.get("image_key"), facts.get("container_image")
    return text.replace(f"container_image: {image}", f"container_image: {image}  # versions-key: {pin}", 1)


def write_tao_skill(folder, facts, schemas=None):
    """The skill folder of a model: its skill_info.yaml, a schema and a template for each action that has one."""
    for name in ("references", "schemas"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "SKILL.md").write_text(f"---\nname: {facts['name']}\ndescription: a model\n---\n")
    (folder / "references/skill_info.yaml").write_text(skill_info_text(facts))
    for action, schema in facts["schemas"].items():
        (folder / f"schemas/{action}.schema.json").write_text((schemas or {}).get(action) or schema_text(schema))
        template = {}
        for parameter in schema["parameters"]:
            *above, last = parameter["path"].split(".")
            node = template
            for part in above:
                node = node.setdefault(part, {})
            node[last] = parameter.get("default")
        (folder / f"references/spec_template_{action}.yaml").write_text(yaml.safe_dump(template))
    return folder
