"""Where a skill's jobs report metrics besides the log, as its metrics' `source` declares it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from tao_automl.bank import MetricSource, Skill
from tao_automl.domain.goal import Direction, Objective
from tao_automl.engine.world import FileReader, FileSource, Reading
from tao_automl.metrics import DocumentReader, Found, StatusReader, SummaryReader

STATUS_FILE = "status.json"
WANDB_SUMMARY = "wandb/*/files/wandb-summary.json"
GROWING = (".jsonl", ".ndjson")


class _Reader(Protocol):
    """See `tao_automl.metrics.StatusReader`."""

    def read(self, line: str) -> Found | None: ...

    def close(self) -> Sequence[Found]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedReader:
    """Readings by the skill's names. `names` maps them to the source's names, where the two differ."""

    reader: _Reader
    names: Mapping[str, str]

    def read(self, line: str) -> Reading | None:
        found = self.reader.read(line)
        return self._reading(found) if found else None

    def close(self) -> Sequence[Reading]:
        return [self._reading(found) for found in self.reader.close()]

    def _reading(self, found: Found) -> Reading:
        epoch, values = found
        named = {name: values[key] for name, key in self.names.items() if key in values}
        return Reading(epoch, {**named, **values})  # a metric that has the skill's name already comes first


def metric_files(skill: Skill) -> tuple[FileSource, ...]:
    """The files that the skill declares, in order of its metrics, and what W&B leaves on disk as the last resort."""
    names: dict[tuple[str, str], dict[str, str]] = {}
    for metric in skill.metrics:
        if place := _place(metric.source):
            named = names.setdefault(place, {})
            if metric.source.key:
                named[metric.name] = metric.source.key
    declared = [_declared(kind, pattern, named) for (kind, pattern), named in names.items()]
    summary = FileSource(pattern=WANDB_SUMMARY, open=partial(_open, SummaryReader, {}), last_resort=True)
    return (*declared, summary)


def evaluation_objectives(skill: Skill, action: str, objective: Objective) -> Sequence[Objective]:
    """The metric of the evaluate action stands for that of the training: it is the same thing on other data. It comes
    second where another metric was asked for, or a formula."""
    evaluate = skill.actions.get("evaluate")
    if evaluate is None or evaluate.metric is None:
        return (objective,)
    declared = skill.metric(evaluate.metric)
    measured = Objective(metric=declared.name, direction=Direction(declared.direction))
    own = skill.metric(skill.action(action).metric or "kpi").name
    both = (measured, objective) if objective.metric in (own, skill.primary_metric.name) else (objective, measured)
    return both if measured.metric != objective.metric else (objective,)


def _place(source: MetricSource) -> tuple[str, str] | None:
    if source.kind == "status_json":
        return source.kind, source.path or STATUS_FILE
    return (source.kind, source.path) if source.kind == "file" and source.path else None


def _declared(kind: str, pattern: str, names: Mapping[str, str]) -> FileSource:
    grows = kind == "status_json" or pattern.endswith(GROWING)
    return FileSource(
        pattern=pattern, open=partial(_open, StatusReader if grows else DocumentReader, names), grows=grows
    )


def _open(reader: Callable[[int, int], _Reader], names: Mapping[str, str], before: int, budget: int) -> FileReader:
    return NamedReader(reader=reader(before, budget), names=names)
