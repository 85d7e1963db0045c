"""The launch review as text tables: what will run, before anything does."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.text import Text

from tao_automl.report.blocks import BAD, DIM, HEAD, Cell, grid, note, pairs, section
from tao_automl.report.labels import fitted, middle, short_names
from tao_automl.report.reading import read_parameter
from tao_automl.report.shapes import Parameter
from tao_automl.report.values import items, mapping, number, rows, text
from tao_automl.report.wording import (
    MISSING,
    condition_text,
    duration,
    flat,
    hours,
    range_text,
    scale_text,
    spec_value,
)

_RUNS = ("skill", "action", "platform", "image")
_SEARCH = ("algorithm", "budget", "max_concurrent", "metric", "direction")
_OTHERS = ("gpus", "nodes", "workspace", "dataset", "settings", "parameters", "fixed", "first_batch", "estimate")
_MORE = ("baseline", "final_evaluation", "notes", "blockers", "objectives", "constraints", "token")
_KNOWN = frozenset((*_RUNS, *_SEARCH, *_OTHERS, *_MORE))
_BATCH = 12

Rows = list[tuple[str, Cell]]


class PlanText:
    """A rich renderable of the dict form of a plan."""

    def __init__(self, plan: Mapping[str, Any]) -> None:
        self.plan = plan

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from plan_parts(self.plan, options.max_width)


def plan_parts(plan: Mapping[str, Any], width: int) -> Iterator[RenderableType]:
    """The parts of the page, top to bottom; a key that no part knows is shown with the search's settings."""
    parameters = _parameters(plan)
    unknown = {key: value for key, value in plan.items() if key not in _KNOWN}
    search = named({key: plan[key] for key in _SEARCH if key in plan}) + goal(plan)
    said = {name for name, _ in search} | {name for name, _ in _words(mapping(plan.get("budget")))}
    batch = rows(plan.get("first_batch"))
    yield Text.assemble(("Launch review", HEAD), ("   nothing has been started", DIM))
    yield from _part("What runs where", where(plan))
    yield from _part("Data", data(mapping(plan.get("dataset"))))
    yield from _part("Search", search + listed({**mapping(plan.get("settings")), **unknown}, said))
    yield section(f"Searched parameters ({len(parameters)})", *parameter_blocks(parameters, width - 2))
    yield from _part("Held fixed", listed(mapping(plan.get("fixed"))))
    if batch:
        yield section(f"First batch ({len(batch)})", *batch_blocks(batch, parameters, width - 2))
    yield from _part("Evaluation", [*how("baseline", plan), *how("final_evaluation", plan)])
    yield from _part("Estimate", *estimate(mapping(plan.get("estimate"))))
    yield from _part("Notes", [], lines(plan.get("notes")))
    yield from _part("Before this can be launched", [], blocked(plan))


def _part(title: str, found: Rows, more: Iterable[RenderableType] = ()) -> Iterator[RenderableType]:
    blocks = [*([pairs(found)] if found else []), *more]
    if blocks:
        yield section(title, *blocks)


def _parameters(plan: Mapping[str, Any]) -> list[Parameter]:
    space = rows(plan.get("parameters"))
    names = [text(row.get("name"), 200) for row in space]
    labels = short_names(names)
    found = [read_parameter(row, name, labels[name]) for name, row in zip(names, space, strict=True)]
    return [parameter for parameter in found if parameter.searched]


def named(part: Mapping[str, Any]) -> Rows:
    """Our own keys as words, an inner mapping on one line; what is null is left out."""
    found: Rows = []
    for key, value in part.items():
        inner = ", ".join(f"{_shown(name)} {_cell(name, item)}" for name, item in _words(mapping(value)))
        if inner or not isinstance(value, Mapping):
            found += [(_word(key), inner)] if inner else [(n, _cell(n, item)) for n, item in _words({key: value})]
    return found


def _words(part: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(_word(name), value) for name, value in flat(part)]


def _word(key: object) -> str:
    return text(key, 60).replace("_", " ")


def _cell(name: str, value: Any) -> str:
    """Seconds and hours, which a name of ours tells, as a person would say them."""
    seconds = number(value)
    if seconds is not None and (name.endswith(" s") or "seconds" in name):
        return duration(seconds)
    if seconds is not None and "hours" in name:
        return hours(seconds)
    if isinstance(value, list | tuple) and not any(isinstance(item, Mapping | list) for item in value):
        return ", ".join(spec_value(item, 200) for item in value)
    return spec_value(value, 600)


def listed(part: Mapping[str, Any], without: Iterable[str] = ()) -> Rows:
    """The user's own keys, dotted, as they were written."""
    hidden = set(without)
    return [(text(name, 60), _cell("", value)) for name, value in flat(part) if _word(name) not in hidden]


def where(plan: Mapping[str, Any]) -> Rows:
    """Model, platform and the shape of one job."""
    found = named({key: plan[key] for key in _RUNS if key in plan})
    nodes, gpus = number(plan.get("nodes")), number(plan.get("gpus"))
    if gpus is not None:
        shape = f"{gpus:g} GPU{'' if gpus == 1 else 's'}" if gpus else "no GPU"
        found.append(("each job", shape + (f" on each of {nodes:g} nodes" if nodes and nodes > 1 else "")))
    found += [("workspace", text(plan["workspace"] or "not chosen"))] if "workspace" in plan else []
    return found + named({"plan_token": plan.get("token")})


def goal(plan: Mapping[str, Any]) -> Rows:
    """What a configuration is judged by, where that is more than one metric."""
    found: Rows = []
    objectives = rows(plan.get("objectives"))
    if len(objectives) > 1:
        found.append(("objectives", ", ".join(_objective(row) for row in objectives)))
    kept = ", ".join(text(constraint, 80) for constraint in items(plan.get("constraints")))
    return found + ([("constraints", kept)] if kept else [])


def _objective(row: Mapping[str, Any]) -> str:
    """``latency (minimize, weight 2, threshold 20)``."""
    extra = {"weight": number(row.get("weight")), "threshold": number(row.get("threshold"))}
    said = [
        f"{name} {value:g}" for name, value in extra.items() if value is not None and (name, value) != ("weight", 1)
    ]
    return f"{text(row.get('metric'), 40)} ({', '.join([text(row.get('direction'), 10), *said])})"


def data(dataset: Mapping[str, Any]) -> Rows:
    """Where the data is, which spec keys point at it, and what was found in it."""
    rest = {key: value for key, value in dataset.items() if key not in ("spec_keys", "facts")}
    found = listed(rest)
    for action, keys in mapping(dataset.get("spec_keys")).items():
        found += [(f"{text(key, 60)} ({text(action, 20)})", _cell("", value)) for key, value in mapping(keys).items()]
    return found + named(mapping(dataset.get("facts")))


def parameter_blocks(parameters: list[Parameter], width: int) -> Iterator[RenderableType]:
    """A row a parameter, and what the marks mean."""
    if not parameters:
        yield note("none")
        return
    name_width = 32 if width < 96 else 44
    cells = [
        [
            fitted(parameter.name, parameter.label, name_width),
            parameter.kind,
            range_text(parameter, 400),
            scale_text(parameter),
            spec_value(parameter.default, 18),
        ]
        for parameter in parameters
    ]
    yield grid(("parameter", "type", "range", "scale", "default"), cells, right=(4,), fold=2)
    if any(parameter.inferred for parameter in parameters):
        yield note("* scale inferred from the range; set it with custom_param_ranges")
    conditional = [parameter for parameter in parameters if parameter.when]
    if conditional:
        yield note("searched under a condition:")
        yield pairs([(fitted(p.name, p.label, name_width), f"only if {condition_text(p, 400)}") for p in conditional])


def batch_blocks(batch: list[Mapping[str, Any]], parameters: list[Parameter], width: int) -> Iterator[RenderableType]:
    """A column for each configuration, so that values line up; as many beside one another as fit."""
    shown = batch[:_BATCH]
    named_here = {parameter.key for parameter in parameters}
    names = [(p.key, p.label) for p in parameters if any(p.key in mapping(row.get("specs")) for row in shown)]
    others = sorted({str(key) for row in shown for key in mapping(row.get("specs"))} - named_here)
    names += [(key, text(key, 200)) for key in others if _varies(shown, key)]
    label_width = min(26, max((len(label) for _, label in names), default=0))
    at_once = max(1, (width - max(label_width, 9) - 2) // 13)
    for begin in range(0, len(shown), at_once):
        if begin:
            yield Text("")
        yield _batch_table(shown[begin : begin + at_once], names)
    if len(batch) > _BATCH:
        yield note(f"and {len(batch) - _BATCH} configurations more, in the plan's JSON")


def _varies(batch: list[Mapping[str, Any]], key: str) -> bool:
    return len({spec_value(mapping(row.get("specs")).get(key), 200) for row in batch}) > 1


def _batch_table(batch: list[Mapping[str, Any]], names: list[tuple[str, str]]) -> RenderableType:
    heads = ["trial", *(text(row.get("rec_id", k), 11) for k, row in enumerate(batch))]
    cells: list[list[Cell]] = [["budget", *(spec_value(row.get("budget"), 11) for row in batch)]]
    if any(row.get("origin") for row in batch):
        cells.append(["chosen by", *(text(row.get("origin"), 11) for row in batch)])
    for key, label in names:
        cells.append([middle(label, 26), *(_spec(row, key) for row in batch)])
    return grid(heads, cells, right=range(1, len(heads)))


def _spec(row: Mapping[str, Any], key: str) -> str:
    specs = mapping(row.get("specs"))
    return spec_value(specs[key], 11) if key in specs else MISSING


def how(key: str, plan: Mapping[str, Any]) -> Rows:
    """How an evaluation will be made, or what is in its way."""
    part = mapping(plan.get(key))
    if not part:
        return named({key: plan[key]}) if plan.get(key) else []
    found: Rows = [(_word(key), text(part.get("how") or "none"))]
    if blocker := text(part.get("blocker")):
        found.append(("", Text(f"blocked: {blocker}", style=BAD)))
    return found + named({name: value for name, value in part.items() if name not in ("how", "blocker")})


def estimate(part: Mapping[str, Any]) -> tuple[Rows, list[RenderableType]]:
    """Time and cost with the assumptions behind them."""
    assumptions = lines(part.get("assumptions"))
    figures = named({key: value for key, value in part.items() if key != "assumptions"})
    return [(_shown(name), cell) for name, cell in figures], [note("assuming"), *assumptions] if assumptions else []


def _shown(name: str) -> str:
    """``wall seconds at most`` -> ``wall time at most``: the value names its unit itself."""
    if name.startswith("seconds "):
        return f"time {name.removeprefix('seconds ')}"
    return name.replace("seconds", "time").replace("gpu", "GPU").removesuffix(" s")


def blocked(plan: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Each blocker, and what to do about it."""
    for row in rows(plan.get("blockers")):
        yield Text(f"blocked: {text(row.get('reason'))}", style=BAD)
        if remedy := text(row.get("remedy")):
            yield pairs([("  →", remedy)])


def lines(value: Any) -> list[RenderableType]:
    """Sentences as a list."""
    sentences = [value] if isinstance(value, str) else items(value)
    return [pairs([("-", text(sentence))]) for sentence in sentences if sentence]
