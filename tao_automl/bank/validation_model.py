"""The machine's part of a model skill: skill_info.yaml, schemas and templates agree with each other."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tao_automl.bank.declarations import Action, Skill
from tao_automl.bank.files import Unreadable, parse_json, read_text
from tao_automl.bank.leaves import Property
from tao_automl.bank.schema import read_space
from tao_automl.bank.skill import SKILL_INFO, load_skill, read_template, support_gate
from tao_automl.bank.spec import known_properties
from tao_automl.bank.spec_tree import flatten
from tao_automl.bank.validation_page import fault_of
from tao_automl.bank.validation_types import Finding
from tao_automl.domain.conditions import same_json
from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.nearest import nearest_hint
from tao_automl.errors import SkillError, UserError

MANIFEST = Path("schemas", "manifest.json")
_SIZE_LIMIT = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model skill as its files say it: by action, the flat template and the leaves of the schema."""

    skill: Skill
    templates: Mapping[str, Mapping[str, JsonValue]]
    properties: Mapping[str, Mapping[str, Property]]
    findings: tuple[Finding, ...] = field(default=())

    @cached_property
    def keys(self) -> frozenset[str]:
        """All keys of all specs."""
        return frozenset(key for part in (self.templates, self.properties) for keys in part.values() for key in keys)

    def takes(self, key: str, action: str | None = None) -> bool:
        """Whether a spec of the action (None: of any) has a place for the key: ``a.b[0].c`` is one in the list a.b."""
        actions = [action] if action else list(self.skill.actions)
        return any(self._takes(name, key.partition("[")[0]) for name in actions)

    def _takes(self, action: str, key: str) -> bool:
        template, properties = self.templates.get(action, {}), self.properties.get(action, {})
        if key in template or key in properties or any(name.startswith(f"{key}.") for name in (*template, *properties)):
            return True
        parts = key.split(".")
        above = [".".join(parts[:depth]) for depth in range(1, len(parts))]
        return any(
            template.get(part) == {} or (part in properties and "object" in properties[part].types) for part in above
        )


def read_model(folder: Path, *, complete: bool) -> tuple[Model | None, list[Finding]]:
    """The model, or what keeps it from being read. `complete`: every action must have a template."""
    try:
        skill = load_skill(folder)
    except SkillError as error:
        return None, [_one_line(folder, line, error.hint) for line in error.message.splitlines()]
    templates, findings = _templates(skill, complete)
    properties = {}
    for action in skill.actions:
        try:
            properties[action] = known_properties(skill, action)
        except UserError as error:
            findings.append(fault_of(skill.schema_path(action), "search-space", error))
    return Model(skill=skill, templates=templates, properties=properties, findings=tuple(findings)), []


def check_model(model: Model) -> tuple[list[Finding], list[str]]:
    """Findings, and what reading the search spaces inferred."""
    skill, notes = model.skill, list[str]()
    findings = list(model.findings)
    with_schema = [action for action, leaves in model.properties.items() if leaves]
    for action in with_schema:
        found, said = _space(skill, action)
        findings += [*found, *_agreement(model, action)]
        notes += said
    if not skill.automl_enabled:
        notes.append("automl_enabled is false: it cannot be searched")
    elif not with_schema and not findings:
        findings += _space(skill, "train" if "train" in skill.actions else next(iter(skill.actions)))[0]
    return [*findings, *_named_keys(model), *_manifest(skill)], notes


def _one_line(folder: Path, line: str, hint: str) -> Finding:
    found = fault_of(folder, "skill-info", SkillError(line))
    text = f"{found.text}; {hint}" if hint else found.text
    return Finding(path=found.path, line=found.line, rule=found.rule, text=text)


def _templates(skill: Skill, complete: bool) -> tuple[dict[str, Mapping[str, JsonValue]], list[Finding]]:
    found: dict[str, Mapping[str, JsonValue]] = {}
    findings = []
    for action in skill.actions:
        path = skill.template_path(action)
        if not path.is_file():
            if complete:
                text = f"the action {action!r} must have a template of its complete defaults"
                findings.append(Finding(path=path, rule="template", text=text))
            continue
        try:
            found[action] = flatten(read_template(skill, action))
        except UserError as error:
            findings.append(fault_of(path, "template", error))
    return found, findings


def _space(skill: Skill, action: str) -> tuple[list[Finding], list[str]]:
    if not skill.automl_enabled:
        return [], []
    try:
        support_gate(skill, action)
        return [], list(read_space(skill, action).notes)
    except UserError as error:
        return [fault_of(skill.schema_path(action), "search-space", error)], []


def _agreement(model: Model, action: str) -> Iterator[Finding]:
    """What is searched, and what decides whether it is, has one default: trial 0 trains the template."""
    if action not in model.templates:
        return
    template, properties = model.templates[action], model.properties[action]
    searched = {name for name, leaf in properties.items() if leaf.searchable}
    parents = {parent for name in searched for parent in _parents(properties[name])}
    path = model.skill.schema_path(action)
    for name in sorted(searched | parents):
        leaf = properties[name]
        if name in template and leaf.has_default and not same_json(leaf.default, template[name]):
            values = f"{leaf.default!r:.60} here, {template[name]!r:.60} in the template"
            yield Finding(path=path, rule="template", text=f"{name} must have one default, got {values}")
        elif name in searched and name not in template and leaf.condition is None:
            hint = nearest_hint(name, template)
            yield Finding(path=path, rule="template", text=f"{name} is searched, and not in the template ({hint})")


def _parents(leaf: Property) -> tuple[str, ...]:
    return tuple(leaf.condition.parents) if leaf.condition else ()


def _named_keys(model: Model) -> Iterator[Finding]:
    """The spec keys that skill_info.yaml names have a place in the specs that they are for."""
    path = model.skill.path / SKILL_INFO
    for what, key, action in _keys(model.skill) if model.templates else ():
        if (action is None or action in model.templates) and not model.takes(key, action):
            where = f"specs of {action}" if action else "any spec"
            text = f"{what}: {key} has no place in {where} ({nearest_hint(key, sorted(model.keys))})"
            yield Finding(path=path, rule="template", text=text)


def _keys(skill: Skill) -> Iterator[tuple[str, str, str | None]]:
    general = {"gpu_spec_key": skill.gpu_spec_key, "node_spec_key": skill.node_spec_key}
    yield from ((what, key, None) for what, key in general.items() if key)
    if skill.fidelity:
        yield "fidelity", skill.fidelity.key, None
    yield from ((f"spec_shorthand_keys.{short}", key, None) for short, key in skill.spec_shorthand_keys.items())
    if skill.batch:
        yield "batch", skill.batch.key, None
    for action in skill.actions.values():
        yield from _action_keys(skill, action)


def _action_keys(skill: Skill, action: Action) -> Iterator[tuple[str, str, str | None]]:
    named = [entry.key for entry in action.inputs] + [entry.key for entry in action.outputs]
    yield from ((f"actions.{action.name}", key, action.name) for key in named)
    bases = [entry.base_from for entry in action.inputs if entry.base_from]
    yield from ((f"actions.{action.name}: base_from", key, "train") for key in bases)
    for source in skill.data_sources.get(action.name, ()):
        yield f"data_sources.{action.name}", source.key, action.name


def _manifest(skill: Skill) -> Iterator[Finding]:
    path = skill.path / MANIFEST
    present = sorted(file.name for file in path.parent.glob("*.schema.json"))
    if not present and not path.exists():
        return
    try:
        listed: Any = parse_json(read_text(path, _SIZE_LIMIT))
    except Unreadable as error:
        yield Finding(path=path, rule="manifest", text=str(error))
        return
    wanted = {name.removesuffix(".schema.json"): name for name in present}
    if listed != wanted:
        yield Finding(
            path=path, rule="manifest", text=f"must list the schemas that are there: {wanted}, got {listed!r:.200}"
        )
    for action in wanted:
        if action not in skill.actions:
            text = f"{wanted[action]} must belong to a declared action ({nearest_hint(action, skill.actions)})"
            yield Finding(path=path, rule="manifest", text=text)
