"""Trials of a skill as jobs: specs, commands, inputs and checkpoints."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tao_automl.bank import (
    Action,
    CheckpointDeclaration,
    Skill,
    dump_spec,
    flatten,
    nest,
    read_template,
    render_spec,
    spec_file,
)
from tao_automl.bank.checkpoints import all_checkpoints, latest_checkpoint
from tao_automl.bank.spec import known_properties
from tao_automl.bank.spec_tree import lookup
from tao_automl.domain.events import Purpose
from tao_automl.domain.experiment import Job
from tao_automl.domain.goal import Objective
from tao_automl.domain.job import JobOutputs, JobSpec
from tao_automl.domain.json_types import JsonObject, JsonValue
from tao_automl.domain.problem import Fidelity
from tao_automl.engine.world import FileSource, NotPossible, Reading, Resume
from tao_automl.metrics import LogPattern, read_line
from tao_automl.runner.metric_sources import evaluation_objectives

RESULTS = "results"


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillJobs:
    """See `tao_automl.engine.world.Jobs`.

    `overrides` and `data` map an action to dotted spec keys and their values; a value of `data` is a path, or a list or
    mapping of paths. All paths of a run that are not the user's are relative to the job's folder, so that a spec reads
    the same on every platform.
    """

    skill: Skill
    action: str
    fidelity: Fidelity | None
    overrides: Mapping[str, Mapping[str, Any]]
    data: Mapping[str, Mapping[str, JsonValue]]
    patterns: tuple[LogPattern, ...] = ()
    metric_files: tuple[FileSource, ...] = ()
    image: str | None = None
    gpus: int = 0
    nodes: int = 1
    time_limit: float | None = None
    sample_count: int | None = None
    env: Mapping[str, str] = field(default_factory=dict)

    def training(self, key: str, params: JsonObject, budget: int, resume: Resume | None) -> JobSpec:
        after = resume.job if resume and self._action(self.action).input_key("resume") else None
        return self._job(key, self.action, self.training_spec(params, budget, resume), after)

    def training_spec(self, params: JsonObject, budget: int, resume: Resume | None = None) -> dict[str, Any]:
        """The nested spec that trains a configuration."""
        values: dict[str, Any] = dict(self.data.get(self.action, {})) | self._shape()
        if self.fidelity:
            values[self.fidelity.key] = budget
        changes = {str(change["key"]): change["to"] for change in self.adjustments(params)}
        values |= changes
        params = {name: changes.get(name, value) for name, value in params.items()}
        resume_key = self._action(self.action).input_key("resume")
        if resume and resume_key:
            values[resume_key] = f"../{resume.job}/{RESULTS}/{resume.checkpoint}"
        return self._render(self.action, self.overrides.get(self.action, {}), params, values)

    def adjustments(self, params: JsonObject) -> Sequence[JsonObject]:
        """A batch that the data cannot fill would make no step: it is made as small as the data, if the schema permits
        that."""
        batch, count = self.skill.batch, self.sample_count
        if batch is None or count is None:
            return ()
        given: Mapping[str, Any] = {**self.overrides.get(self.action, {}), **params}
        if batch.key not in given:
            given = flatten(read_template(self.skill, self.action))
        size = given.get(batch.key)
        shards = max(1, self.gpus * self.nodes) if batch.per == "gpu" else 1
        if not isinstance(size, int) or size * shards <= count:
            return ()
        leaf = known_properties(self.skill, self.action).get(batch.key)
        capped = next((n for n in range(count // shards, 0, -1) if leaf is None or not leaf.problem(n)), size)
        if capped == size:
            return ()
        reason = f"{size} x {shards} is more than the {count} samples: an epoch would have no step"
        facts: JsonObject = {"sample_count": count, "shards": shards, "reason": reason}
        return ({"type": "effective_batch_cap", "key": batch.key, "from": size, "to": capped, **facts},)

    def base_evaluation(self, key: str) -> JobSpec | NotPossible:
        reason = self.why_no_evaluation() or self.why_no_base_model()
        if reason:
            return NotPossible(reason)
        spec = self._evaluation_spec({}, self.fidelity.high if self.fidelity else 1, str(self._base_model()))
        return self._job(key, "evaluate", spec, None)

    def why_no_base_model(self) -> str | None:
        """Why the evaluate action cannot evaluate the model that training begins from, if it cannot."""
        if self._base_model():
            return None
        checkpoint = self._action("evaluate").input("checkpoint")
        if checkpoint is None or checkpoint.base_from is None:
            return f"{self.skill.name} does not evaluate a base model"
        return f"no base model was given (`{checkpoint.base_from}`)"

    def _base_model(self) -> object:
        checkpoint = self._action("evaluate").input("checkpoint")
        if checkpoint is None or checkpoint.base_from is None:
            return None
        given = {**self.overrides.get(self.action, {}), **self.data.get(self.action, {})}
        template = flatten(read_template(self.skill, self.action))
        return given.get(checkpoint.base_from, template.get(checkpoint.base_from))

    def evaluation(self, key: str, purpose: Purpose, params: JsonObject, trained: Job) -> JobSpec | NotPossible:
        reason = self.why_no_evaluation()
        checkpoint = trained.ended.checkpoint if trained.ended else None
        if reason or checkpoint is None:
            return NotPossible(reason or "the training left no checkpoint that the skill's pattern finds")
        spec = self._evaluation_spec(params, trained.budget, f"../{trained.key}/{RESULTS}/{checkpoint}")
        return self._job(key, "evaluate", spec, trained.key)

    def why_no_evaluation(self) -> str | None:
        """Why the evaluate action cannot run, if it cannot."""
        action = self.skill.actions.get("evaluate")
        if action is None or not self.skill.template_path("evaluate").is_file():
            return f"{self.skill.name} has no evaluate action"
        if action.input_key("checkpoint") is None:
            return f"{self.skill.name}'s evaluate action declares no input with `role: checkpoint`"
        needed = [i.key for i in action.inputs if i.role == "data" and not i.optional]
        overrides = {**self.overrides.get(self.action, {}), **self.overrides.get("evaluate", {})}
        given = {**overrides, **self.data.get("evaluate", {})}
        missing = [key for key in needed if key not in given]
        return f"no evaluation data was given (`eval_dataset_uri`, for {', '.join(missing)})" if missing else None

    @property
    def _checkpoints(self) -> CheckpointDeclaration | None:
        return self._action(self.action).checkpoints or self.skill.checkpoints

    def checkpoint(self, outputs: JobOutputs) -> str | None:
        return latest_checkpoint(outputs, self._checkpoints)

    def checkpoints(self, outputs: JobOutputs) -> Sequence[str]:
        return all_checkpoints(outputs, self._checkpoints)

    def read_metrics(self, line: str) -> Reading | None:
        found = read_line(line, self.patterns)
        return Reading(*found) if found else None

    def evaluation_objectives(self, objective: Objective) -> Sequence[Objective]:
        return evaluation_objectives(self.skill, self.action, objective)

    def _evaluation_spec(self, params: JsonObject, budget: int, checkpoint: str) -> dict[str, Any]:
        """What the evaluation's template shares with the training's spec takes the values of the training."""
        template = flatten(read_template(self.skill, "evaluate"))
        training = flatten(self.training_spec(params, budget))
        shared = {name: value for name, value in training.items() if name in template}
        action = self._action("evaluate")
        values = shared | dict(self.data.get("evaluate", {}))
        values[str(action.input_key("checkpoint"))] = checkpoint
        return self._render("evaluate", self.overrides.get("evaluate", {}), {}, values)

    def _render(
        self, action: str, overrides: Mapping[str, Any], params: JsonObject, values: Mapping[str, Any]
    ) -> dict[str, Any]:
        outputs = {output.key: RESULTS for output in self._action(action).outputs if output.type == "folder"}
        return render_spec(
            self.skill, action, overrides=nest(overrides), params=params, fixed_values=dict(values) | outputs
        )

    def _job(self, key: str, action: str, spec: Mapping[str, Any], after: str | None) -> JobSpec:
        declared = self._action(action)
        file = spec_file(declared.config_format)
        return JobSpec(
            key=key,
            command=_command(declared, file),
            files={file: dump_spec(spec, declared.config_format)},
            code=str(self.skill.path),
            inputs=self._inputs(declared, spec),
            env=self.env,
            secrets=self.skill.required_credentials,
            resume_from=after,
            image=self.image,
            gpus=self.gpus,
            nodes=self.nodes,
            time_limit=self.time_limit,
        )

    def _inputs(self, action: Action, spec: Mapping[str, Any]) -> dict[str, str]:
        """Where the data is, and what else of this machine the declared inputs were given."""
        template = read_template(self.skill, action.name)
        values = {entry.key: lookup(spec, entry.key) for entry in action.inputs}
        given = {key: value for key, value in values.items() if value != lookup(template, key)}
        named = {name: path for name, path in _paths("", given) if path.startswith("/")}
        return named | dict(_paths("", self.data.get(action.name, {})))

    def _shape(self) -> dict[str, Any]:
        keys = {self.skill.gpu_spec_key: self.gpus, self.skill.node_spec_key: self.nodes}
        return {key: value for key, value in keys.items() if key}

    def _action(self, name: str) -> Action:
        return self.skill.action(name)


def _command(action: Action, spec: str) -> tuple[str, ...]:
    if action.python_script:
        return ("python", f"code/{action.python_script}", "--config", spec)
    words = shlex.split(action.command or "")
    return tuple(word.replace("{config_path}", spec) for word in words)


def _paths(name: str, value: JsonValue) -> Iterator[tuple[str, str]]:
    """Every path in a value with the place that it has in the spec: ``data.sources[0].path``."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _paths(f"{name}.{key}" if name else key, item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _paths(f"{name}[{index}]", item)
    elif isinstance(value, str):
        yield name, value
