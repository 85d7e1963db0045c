"""Loading a model skill, and the gate that a skill must pass before anything is searched or launched."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tao_automl.bank.declarations import (
    Action,
    BatchDeclaration,
    CheckpointDeclaration,
    DataSource,
    FidelityDeclaration,
    InputDeclaration,
    Limits,
    MetricDeclaration,
    MetricSource,
    OutputDeclaration,
    RuntimeRequirements,
    Skill,
)
from tao_automl.bank.dialect import load_schema
from tao_automl.bank.digest import skill_digest
from tao_automl.bank.located_yaml import Document, read_yaml
from tao_automl.bank.skill_faults import find_faults, skill_info_schema
from tao_automl.bank.spec_formats import read_spec
from tao_automl.bank.tao_skill_info import in_our_shape
from tao_automl.errors import SkillError

SKILL_INFO = Path("references", "skill_info.yaml")
_FAULTS_SHOWN = 20
_IMAGE_KEY = re.compile(r"#\s*versions-key:\s*([\w.\-]+)")


def load_skill(path: str | Path) -> Skill:
    """The skill in the folder `path`.

    Raises SkillError; its message has one line per fault, each with file, line and place in the document.
    """
    folder = Path(path)
    document = read_skill_info(folder)
    document = replace(document, value=in_our_shape(document.value, skill_info_schema()))
    faults = find_faults(document)
    if faults:
        more = [f"… and {len(faults) - _FAULTS_SHOWN} more"] if len(faults) > _FAULTS_SHOWN else []
        raise SkillError("\n".join(faults[:_FAULTS_SHOWN] + more))
    info: Any = document.value
    return _skill(folder, document, info)


def read_skill_info(folder: Path) -> Document:
    """Raises SkillError when there is no skill, or no YAML in it."""
    path = folder / SKILL_INFO
    if not path.exists():
        raise SkillError(
            f"{folder}: a model skill must have {SKILL_INFO.as_posix()}, found none", "name a model skill's folder"
        )
    return read_yaml(path)


def _skill(folder: Path, document: Document, info: Mapping[str, Any]) -> Skill:
    plain = ("name", "network_arch", "automl_enabled", "description", "data_format", "container_image")
    optional = {
        key: info[key] for key in (*plain, "gpu_spec_key", "node_spec_key", "spec_shorthand_keys", "hpo") if key in info
    }
    return Skill(
        path=folder,
        actions={name: _action(name, action) for name, action in info["actions"].items()},
        digest=skill_digest(folder),
        aliases=tuple(info.get("aliases", ())),
        disabled_reason=" ".join(str(info.get("x_automl_disabled_reason") or "").split()),
        runtime=info.get("runtime") or ("container" if info.get("container_image") else "python"),
        image_key=_image_key(document),
        batch=_batch(info),
        metrics=tuple(_metric(metric) for metric in info.get("metrics", ())),
        fidelity=FidelityDeclaration(**info["fidelity"]) if info.get("fidelity") else None,
        checkpoints=CheckpointDeclaration(**info["checkpoints"]) if info.get("checkpoints") else None,
        limits=Limits(**info.get("limits", {})),
        runtime_requirements=_requirements(info.get("runtime_requirements", {})),
        required_credentials=tuple(info.get("required_credentials", ())),
        data_sources={
            name: _sources(keys, info.get("data_format")) for name, keys in info.get("data_sources", {}).items()
        },
        spec_params=info.get("spec_params", {}),
        **optional,
    )


def _batch(info: Mapping[str, Any]) -> BatchDeclaration | None:
    if "batch" in info:
        return BatchDeclaration(**info["batch"])
    short = info.get("spec_shorthand_keys", {})
    key = short.get("train_batch_size", short.get("batch_size"))
    return BatchDeclaration(key=key) if key else None


def _image_key(document: Document) -> str | None:
    if not isinstance(document.value, dict) or "container_image" not in document.value:
        return None
    lines = document.text.splitlines()
    found = _IMAGE_KEY.search(lines[document.line(("container_image",)) - 1])
    return found.group(1) if found else None


def _metric(declared: Mapping[str, Any]) -> MetricDeclaration:
    return MetricDeclaration(**{**declared, "source": MetricSource(**declared.get("source", {}))})


def _requirements(declared: Mapping[str, Any]) -> RuntimeRequirements:
    return RuntimeRequirements(**{**declared, "packages": tuple(declared.get("packages", ()))})


def _sources(keys: Mapping[str, Any], data_format: str | None) -> tuple[DataSource, ...]:
    return tuple(_source(key, declared, data_format) for key, declared in keys.items())


def _source(key: str, declared: Mapping[str, Any], data_format: str | None) -> DataSource:
    """Of a place that depends on the format of the data, the one for the skill's own; alternatives are not known."""
    by_format = declared.get("path_from_format", {})
    path = declared.get("path", by_format.get(data_format, by_format.get("*")))
    mapping = {name: part["path"] for name, part in declared.get("mapping", {}).items() if _is_certain(part)}
    return DataSource(
        key=key,
        source=declared["source"],
        path=path if isinstance(path, str) else None,
        optional=declared.get("optional", False),
        runtime=declared.get("runtime"),
        mapping=mapping,
        many=declared.get("list", False) or declared.get("multiple_sources", False),
        is_known=not isinstance(path, list) and "{" not in (path or ""),
    )


def _is_certain(part: Mapping[str, Any]) -> bool:
    return "path" in part and not part.get("optional", False)


def _action(name: str, declared: Mapping[str, Any]) -> Action:
    kept = ("command", "python_script", "data_check", "mode", "config_format", "container_image", "metric")
    return Action(
        name=name,
        inputs=tuple(_input(key, entry) for key, entry in declared.get("inputs", {}).items()),
        outputs=tuple(OutputDeclaration(key=key, type=o["type"]) for key, o in declared.get("outputs", {}).items()),
        upload_excludes=tuple(declared.get("upload_excludes", ())),
        checkpoints=CheckpointDeclaration(**declared["checkpoints"]) if "checkpoints" in declared else None,
        **{key: declared[key] for key in kept if key in declared},
    )


def _input(key: str, declared: Mapping[str, Any]) -> InputDeclaration:
    return InputDeclaration(
        key=key,
        type=declared["type"],
        optional=declared.get("optional", False),
        role=declared.get("role", "data"),
        base_from=declared.get("base_from"),
    )


def support_gate(skill: Skill, action: str) -> None:
    """Raises an error that names what is missing, unless hyperparameters of `action` can be searched.

    The schema must parse; whether it is a good one is for `read_space` to say.
    """
    skill.action(action)
    if not skill.automl_enabled:
        reason = skill.disabled_reason or "its skill_info.yaml has automl_enabled: false"
        raise SkillError(f"{skill.name} cannot be searched: {reason}", "tao-automl skills list --automl names models")
    schema, template = skill.schema_path(action), skill.template_path(action)
    for path, what in ((schema, "search space schema"), (template, "complete spec template")):
        if not path.is_file():
            raise SkillError(f"{skill.name}: the action {action!r} must have a {what}, missing: {path}")
    load_schema(schema)
    read_template(skill, action)


def read_template(skill: Skill, action: str) -> dict[str, Any]:
    """The complete defaults of an action. Raises SkillError."""
    path = skill.template_path(action)
    value: Any = read_spec(path)
    if not isinstance(value, dict) or not value:
        raise SkillError(f"{path}:1: (root): a spec template must be a mapping with keys, got {type(value).__name__}")
    return value
