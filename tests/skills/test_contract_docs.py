"""The configuration reference of tao-run-automl and the public signatures say what the code takes and answers: every
name has a row with a meaning, and no row names what does not exist."""

import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, get_args

import pytest

from tao_automl import plugins, runner
from tao_automl.bank.custom_ranges import CUSTOM_KEYS
from tao_automl.cli.vocabulary import known_names
from tao_automl.domain.events import RunStatus
from tao_automl.domain.parameters import Scale
from tao_automl.engine.world import Callbacks, Rules
from tao_automl.runner import AutoMLRunner, Plan, Result, RunArguments, automl_runner, settings, trial_entries
from tao_automl.search import stopping

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = ROOT / "skills/applications/tao-run-automl/references/automl-runner-configuration.md"
sys.path.append(str(ROOT / "tests" / "e2e"))
from toy_skill import make_toy_skill  # noqa: E402  # of the end-to-end tests

BASELINE = {"measured", "provided", "skipped", "metric_missing", "failure", "not_run"}
FINAL = {"measured", "provided", "reused_best", "metric_missing", "callback_error", "unavailable", "not_run"}


def section(heading: str) -> str:
    text = CONFIGURATION.read_text(encoding="utf-8")
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"no section {heading!r}"
    return found[1]


def tables(heading: str) -> Iterator[list[list[str]]]:
    """The rows of every table of a section, without its head."""
    for block in re.findall(r"(?:^\|.*\n?)+", section(heading), re.MULTILINE):
        lines = block.strip().splitlines()[2:]
        yield [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))] for line in lines]


def table(heading: str) -> dict[str, list[str]]:
    """The first table: first name in the first cell -> cells. Every row says something."""
    (rows, *_) = tables(heading)
    named = {names(row[0])[0]: row for row in rows}
    assert len(named) == len(rows), f"{heading}: a name has two rows"
    for name, row in named.items():
        assert len(" ".join(row[1:])) >= 8, f"{heading}: {name} has no meaning"
    return named


def names(cell: str) -> list[str]:
    return re.findall(r"`(\w+)", cell)


# What goes in


def test_constructor() -> None:
    described = table("`AutoMLRunner(...)`")
    assert set(described) == set(automl_runner.KEYWORDS)
    text = " ".join(" ".join(row) for row in described.values())
    for alias, name in automl_runner.ALIASES.items():
        assert f"also `{alias}`" in " ".join(described[name]), f"{alias} is an alias of {name}"
    assert "`sdk`" in text


def test_arguments() -> None:
    assert set(table("Arguments")) == set(RunArguments.__annotations__)


def test_settings_with_aliases_and_defaults() -> None:
    described = table("`automl_settings`")
    assert set(described) == set(settings.SETTINGS)
    for name, setting in settings.SETTINGS.items():
        assert names(described[name][1]) == list(setting.aliases), name
    defaults = {field.name: field.default for field in fields(Rules)}
    for name, row in described.items():
        default = defaults.get({"automl_max_concurrent": "max_concurrent"}.get(name, name), MISSING)
        if default in (None, MISSING):
            continue
        assert row[3] == ("1 h" if default == 3600 else str(default).lower()), name


def test_settings_of_one_algorithm() -> None:
    shared = {*settings.SEARCHER_SETTINGS, *settings.SEARCHER_SETTINGS.values()}
    own = {
        (name, searcher): (shown(field.default), set(field.metadata.get("aliases", ())))
        for searcher in plugins.names(plugins.SEARCHERS)
        for name, field in settings.searcher_settings(plugins.load(plugins.SEARCHERS, searcher)).items()
        if name not in shared
    }
    _, rows = tables("`automl_settings`")
    described = {
        (names(cells[0])[0], searcher): (cells[2], set(names(cells[0])[1:]))
        for cells in rows
        for searcher in names(cells[1])
    }
    assert described == own


def shown(default: object) -> str:
    return f"{default:.4g}" if isinstance(default, float) else str(default)


def test_rules_of_early_stopping() -> None:
    (rows,) = tables("Early stopping")
    described = {(names(cells[0])[0], *names(cells[1])): cells[2] for cells in rows}
    rules = {
        (kind, field.name): shown(field.default)
        for kind, rule in stopping.RULES.items()
        for field in fields(rule)
        if field.default is not MISSING
    }
    assert described == {**rules, ("none",): ""}
    assert {kind for kind, *_ in described} == set(stopping.TYPES)


def test_checkpoint_strategies() -> None:
    (rows,) = tables("Batch size and checkpoints")
    allowed = table("`automl_settings`")["automl_checkpoint_retention_strategy"][2]
    kinds = {kind.value for kind in settings.Retention}
    assert set(names(allowed)) == {"auto", *kinds}
    assert {names(row[0])[0] for row in rows} == kinds


def test_options_of_the_shell() -> None:
    options = known_names().commands["run"]
    for heading in ("`AutoMLRunner(...)`", "Arguments", "`automl_settings`"):
        for row in table(heading).values():
            for option in re.findall(r"\(`(--[a-z-]+)", row[0]):
                assert option in options, row[0]


def test_custom_ranges() -> None:
    written = set(names(section("`custom_param_ranges`")))
    assert set(CUSTOM_KEYS) | set(map(str, Scale)) <= written


def test_callbacks() -> None:
    assert set(table("Callbacks")) == {item.name for item in fields(Callbacks)}
    for name in table("Callbacks"):
        assert name in RunArguments.__annotations__


# What comes out


@pytest.fixture(scope="module")
def toy_result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    folder = tmp_path_factory.mktemp("contract")
    skill = make_toy_skill(folder / "toy", folder / "launches", seconds_per_epoch=0.0)
    made = AutoMLRunner(skill_dir=skill, platform_sdk="local", workspace_dir=folder / "run", poll_interval=0.05)
    return made.run(automl_algorithm="random", automl_settings={"num_recommendations": 1, "max_epochs": 1})


def test_result_keys(toy_result: Result) -> None:
    described = table("The result")
    assert set(described) == {item.name for item in fields(Result)}
    nested = {
        "best": toy_result.best,
        "baseline": toy_result.baseline,
        "progress": toy_result.progress,
        "history": toy_result.history[0],
        "algorithm_state": toy_result.algorithm_state,
    }
    for key, value in nested.items():
        said = set(names(described[key][1]))
        assert set(value or {}) <= said, f"{key}: not described: {set(value or {}) - said}"
        known = {*keys_of(toy_result.to_dict()), "patience", "comparison_to_best"}
        assert said <= known, f"{key}: no such keys: {said - known}"
    final = {*names(described["baseline"][1]), *names(described["final_evaluation"][1])}
    assert set(toy_result.final_evaluation) <= final
    compared = toy_result.baseline["comparison_to_best"]
    assert set(compared) <= set(names(described["final_evaluation"][1]))


def keys_of(value: Any) -> set[str]:
    if isinstance(value, Mapping):
        return set(value).union(*map(keys_of, value.values()))
    return set().union(*map(keys_of, value)) if isinstance(value, list) else set()


def test_active_jobs_are_described() -> None:
    written = set(names(table("The result")["active"][1]))
    source = inspect.getsource(trial_entries._active)
    assert written == set(re.findall(r'^ +"(\w+)":', source, re.MULTILINE))


def test_plan_keys() -> None:
    described = table("The plan")
    written = {name for row in described.values() for cell in row for name in names(cell)}
    keys = {item.name for item in fields(Plan)}
    assert keys <= written, f"not described: {keys - written}"
    inner = {"direction", "weight", "threshold", "adjustments", "how", "blocker", "kind", "reason", "remedy"}
    assert written <= keys | inner | {"plan_token"}


def test_statuses() -> None:
    (rows,) = tables("Statuses")
    described: dict[str, set[str]] = {}
    for of, status, meaning in rows:
        assert len(meaning) > 5
        described.setdefault(of, set()).add(status.strip("`"))
    assert described == {
        "the run": {status.value for status in RunStatus},
        "a trial": set(trial_entries.HISTORY_STATUS.values()),
        "the baseline": BASELINE,
        "the final evaluation": FINAL,
    }


def test_statuses_of_evaluations_are_those_that_the_engine_writes() -> None:
    from tao_automl.engine import evaluation
    from tao_automl.runner import evaluations

    source = inspect.getsource(evaluation) + inspect.getsource(evaluations)
    written = set(re.findall(r'"(\w+)"', source)) & {*BASELINE, *FINAL, "error", "failed", "reused", "missing"}
    assert written == BASELINE | FINAL


# The signatures

SIGNATURES = {
    "AutoMLRunner": "*, skill_dir, platform_sdk, workspace_dir, action='train', poll_interval, on_event, **more",
    "AutoMLRunner.plan": "self, **arguments",
    "AutoMLRunner.run": "self, *, resume=False, **arguments",
    "query_status": "workspace",
    "resume_run": "workspace, *, on_event, trackers, **callbacks",
    "cancel_run": "workspace, *, patience=120.0, sleep=<function>",
    "read_events": "workspace, after=0",
    "format_result": "result, width=100",
    "format_plan": "plan, width=100",
    "export_run": "workspace, *, optuna, study_name, csv, trackers",
    "create_study": (
        "workspace, *, skill_dir, algorithm, settings, hyperparameters, custom_param_ranges, spec_overrides"
    ),
    "open_study": "workspace",
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures(name: str) -> None:
    """Without types; a default of None is left out."""
    owner, _, method = name.partition(".")
    function = getattr(getattr(runner, owner), method) if method else getattr(runner, owner)
    assert ", ".join(written(function)) == SIGNATURES[name]


def written(function: Any) -> Iterator[str]:
    keyword_only = False
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword_only:
            keyword_only = True
            yield "*"
        default = "<function>" if inspect.isroutine(parameter.default) else repr(parameter.default)
        said = "" if parameter.default in (parameter.empty, None) else f"={default}"
        yield f"{'**' if parameter.kind is parameter.VAR_KEYWORD else ''}{parameter.name}{said}"


def test_public_names_are_pinned() -> None:
    assert {name.partition(".")[0] for name in SIGNATURES} | {"Plan", "Result", "RunArguments", "Study"} == set(
        runner.__all__
    )


@pytest.mark.parametrize("name", ["plan", "run"])
def test_arguments_are_typed(name: str) -> None:
    """The keyword arguments of both are those of `RunArguments`, for type checkers too."""
    annotation = inspect.signature(getattr(AutoMLRunner, name)).parameters["arguments"].annotation
    assert get_args(annotation) == (RunArguments,)
    assert RunArguments.__doc__
    for argument in RunArguments.__annotations__:
        assert re.search(rf"\b{argument}\b", RunArguments.__doc__), f"{argument} is not explained"
