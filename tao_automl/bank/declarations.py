"""What a skill's `skill_info.yaml` declares, as types. Built only by `load_skill`, from a validated document."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.nearest import nearest_hint
from tao_automl.errors import SettingsError, SkillError


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSource:
    """Where training reports a metric; `kind` is json_line, status_json, file or log_pattern."""

    kind: str = "json_line"
    path: str | None = None
    key: str | None = None
    pattern: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricDeclaration:
    """A number that training reports. `direction` is maximize or minimize."""

    name: str
    direction: str
    primary: bool = False
    source: MetricSource = MetricSource()
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FidelityDeclaration:
    """The spec key that says how far to train, in whole units."""

    key: str
    min: int
    max: int
    unit: str = "epoch"
    resumable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointDeclaration:
    """`pattern` is a glob below the results folder; the first group of `epoch_from` is a checkpoint's epoch."""

    pattern: str
    metric: str | None = None
    epoch_from: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InputDeclaration:
    """A spec key that takes a path. `type` is file, folder, list or local_glob. `base_from` is the spec key of the
    training that names a base model which would do here, too."""

    key: str
    type: str
    optional: bool = False
    role: str = "data"
    base_from: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchDeclaration:
    """The spec key of a step's batch; `per` gpu or job."""

    key: str
    per: str = "gpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputDeclaration:
    """A spec key that says where results go."""

    key: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSource:
    """A spec key that is filled from a dataset URI; `source` is the dataset's role, `path` the part below the URI.

    With a `mapping`, the value has several places: a dict of such parts. `many`: the key takes a list of values.
    `is_known` is false where the place depends on what the dataset holds, so that the user has to give it.
    """

    key: str
    source: str
    path: str | None = None
    optional: bool = False
    runtime: str | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    many: bool = False
    is_known: bool = True

    @property
    def role(self) -> str:
        """train, eval, inference, …"""
        return self.source.removesuffix("s").removesuffix("_dataset")

    def place(self, uri: str) -> JsonValue:
        """The value for one URI."""
        if self.mapping:
            return {key: f"{uri.rstrip('/')}/{path}" for key, path in self.mapping.items()}
        return f"{uri}/{self.path}" if self.path else uri


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The shapes that the model can train on; None means unlimited."""

    min_gpus: int = 0
    max_gpus: int | None = None
    max_nodes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeRequirements:
    """What a native model's interpreter must offer."""

    python: str | None = None
    packages: tuple[str, ...] = ()
    extra: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something that the model can do. Exactly one of `command` and `python_script` is set. Without `checkpoints` of
    its own it leaves those of the skill."""

    name: str
    command: str | None = None
    python_script: str | None = None
    data_check: str | None = None
    mode: str = "config"
    config_format: str = "yaml"
    inputs: tuple[InputDeclaration, ...] = ()
    outputs: tuple[OutputDeclaration, ...] = ()
    upload_excludes: tuple[str, ...] = ()
    container_image: str | None = None
    metric: str | None = None
    checkpoints: CheckpointDeclaration | None = None

    def input(self, role: str) -> InputDeclaration | None:
        """The first input with `role`, if there is one."""
        return next((entry for entry in self.inputs if entry.role == role), None)

    def input_key(self, role: str) -> str | None:
        """The spec key of the first input with `role` (checkpoint, resume, pretrained), if there is one."""
        found = self.input(role)
        return found.key if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill:
    """A model skill. `digest` changes when, and only when, a file that influences a run does.

    `disabled_reason` says why a model cannot be searched, in its author's words; mostly for `automl_enabled: false`.
    """

    path: Path
    name: str
    network_arch: str
    automl_enabled: bool
    actions: Mapping[str, Action]
    digest: str
    aliases: tuple[str, ...] = ()
    description: str = ""
    disabled_reason: str = ""
    data_format: str | None = None
    runtime: str = "python"
    container_image: str | None = None
    image_key: str | None = None
    gpu_spec_key: str | None = None
    node_spec_key: str | None = None
    spec_shorthand_keys: Mapping[str, str] = field(default_factory=dict)
    batch: BatchDeclaration | None = None
    metrics: tuple[MetricDeclaration, ...] = ()
    fidelity: FidelityDeclaration | None = None
    checkpoints: CheckpointDeclaration | None = None
    limits: Limits = Limits()
    runtime_requirements: RuntimeRequirements = RuntimeRequirements()
    required_credentials: tuple[str, ...] = ()
    data_sources: Mapping[str, tuple[DataSource, ...]] = field(default_factory=dict)
    hpo: Mapping[str, JsonValue] = field(default_factory=dict)
    spec_params: Mapping[str, JsonValue] = field(default_factory=dict)

    def action(self, name: str) -> Action:
        """Raises SkillError that names the declared actions."""
        if name not in self.actions:
            declared = ", ".join(self.actions)
            raise SkillError(
                f"{self.name}: must declare the action {name!r}, declares: {declared}", nearest_hint(name, self.actions)
            )
        return self.actions[name]

    def metric(self, name: str) -> MetricDeclaration:
        """A declared metric; ``kpi`` is the primary one. Raises SettingsError."""
        if name == "kpi":
            return self.primary_metric
        for declared in self.metrics:
            if declared.name == name:
                return declared
        raise SettingsError(
            f"{self.name} declares no metric {name!r}", nearest_hint(name, [m.name for m in self.metrics])
        )

    @property
    def primary_metric(self) -> MetricDeclaration:
        """The one marked `primary`, else the first. Raises SkillError when there is none."""
        for declared in self.metrics:
            if declared.primary:
                return declared
        if not self.metrics:
            raise SkillError(f"{self.name}: skill_info.yaml must declare a metric, declares none")
        return self.metrics[0]

    def schema_path(self, action: str) -> Path:
        return self.path / "schemas" / f"{action}.schema.json"

    def template_path(self, action: str) -> Path:
        """In the format of the action's specs if there is such a file, else in YAML."""
        folder, format_ = self.path / "references", self.action(action).config_format
        own = folder / f"spec_template_{action}.{format_}"
        return own if own.is_file() else folder / f"spec_template_{action}.yaml"
