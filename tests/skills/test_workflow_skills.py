"""The skills of core, platform and applications say what the product does: names, tables, commands, files."""

import json
import os
import re
import shlex
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from tao_automl import plugins
from tao_automl.bank.custom_ranges import CUSTOM_KEYS
from tao_automl.bank.skill_faults import skill_info_schema
from tao_automl.bank.validation import CATALOG_LIMIT, check_skill
from tao_automl.cli.vocabulary import known_names
from tao_automl.domain.job import Check, FailureClass, JobState
from tao_automl.domain.parameters import Scale
from tao_automl.domain.problem import Fidelity
from tao_automl.engine.world import Callbacks, Rules
from tao_automl.errors import JournalError, PlatformError, UserError
from tao_automl.platforms.local import LocalPlatform
from tao_automl.platforms.opening import LOCAL_OPTIONS
from tao_automl.platforms.wrapper import status_from_record
from tao_automl.runner import (
    AutoMLRunner,
    Result,
    RunArguments,
    arguments,
    automl_runner,
    settings,
    trial_entries,
)
from tao_automl.search import stopping
from tao_automl.search.hyperband import schedule
from tao_automl.search.rungs import rising_levels
from tao_automl.tracking.with_mlflow import MlflowOptions
from tao_automl.tracking.with_tensorboard import TensorboardOptions
from tao_automl.tracking.with_wandb import WandbOptions

ROOT = Path(__file__).resolve().parents[2]
BANK = ROOT / "skills"
sys.path.append(str(ROOT / "tests" / "e2e"))
from toy_skill import make_toy_skill  # noqa: E402  # of the end-to-end tests

FOLDERS = sorted(
    page.parent for layer in ("core", "platform", "applications") for page in BANK.glob(f"{layer}/*/SKILL.md")
)
PLATFORM_SKILLS = [folder for folder in FOLDERS if folder.name.startswith("tao-run-on-")]
PAGES = sorted(page for folder in FOLDERS for page in (folder / "SKILL.md", *folder.glob("references/*.md")))
SCRIPTS = sorted(script for folder in FOLDERS for script in folder.glob("scripts/*.py"))
AUTOML = BANK / "applications" / "tao-run-automl"
CONFIGURATION = AUTOML / "references" / "automl-runner-configuration.md"
ARTIFACTS = BANK / "core" / "tao-artifacts"
STAGE = BANK / "platform" / "tao-data-io" / "scripts" / "stage_data.py"
EXPECTED = {
    "tao-setup", "tao-launch-workflow", "tao-list-capabilities", "tao-artifacts", "tao-run-on-local",
    "tao-run-on-docker", "tao-run-on-kubernetes", "tao-run-on-slurm", "tao-run-on-brev", "tao-data-io",
    "tao-run-automl",
}  # fmt: skip
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!`)(`{1,2})(?!`)(.+?)(?<!`)\1(?!`)")


def name(path: Path) -> str:
    return str(path.relative_to(BANK))


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def spans(page: Path) -> Iterator[str]:
    """The inline code of a page, tables included."""
    for _, text in INLINE.findall(prose(page)):
        yield text.strip()


def front_matter(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((folder / "SKILL.md").read_text(encoding="utf-8").split("---\n")[1])
    return found


def info_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((folder / "references" / "skill_info.yaml").read_text(encoding="utf-8"))
    return found


# The standard, and the limits of clients


def test_all_of_them_are_there() -> None:
    assert {folder.name for folder in FOLDERS} >= EXPECTED


@pytest.mark.parametrize("folder", FOLDERS, ids=name)
def test_the_reference_validator_passes(folder: Path) -> None:
    skills_ref = pytest.importorskip("skills_ref", reason="skills-ref, the reference validator, is not installed")
    assert skills_ref.validate(folder) == []


@pytest.mark.parametrize("folder", FOLDERS, ids=name)
def test_our_own_checker_finds_nothing(folder: Path) -> None:
    report = check_skill(folder, known_names(), root=ROOT)
    assert [str(finding) for finding in report.findings] == []


@pytest.mark.parametrize("folder", FOLDERS, ids=name)
def test_front_matter_and_size(folder: Path) -> None:
    front = front_matter(folder)
    assert set(front) <= {"name", "description", "license", "compatibility", "metadata", "allowed-tools"}
    assert front["name"] == folder.name
    assert len(front["description"]) <= 160
    assert len(front["compatibility"]) <= 500
    assert all(isinstance(value, str) for value in front["metadata"].values())
    text = (folder / "SKILL.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 500
    assert len(text) / 3.2 < 5000, "about so many tokens; move details to references/"


def test_the_whole_catalog_fits() -> None:
    pages = [page.parent for page in BANK.glob("*/*/SKILL.md")]
    spent = sum(len(folder.name) + len(front_matter(folder)["description"]) for folder in pages)
    assert spent <= CATALOG_LIMIT
    assert sum(len(folder.name) + len(front_matter(folder)["description"]) for folder in FOLDERS) <= 2_000


@pytest.mark.parametrize("folder", FOLDERS, ids=name)
def test_evals(folder: Path) -> None:
    evals = json.loads((folder / "evals" / "evals.json").read_text(encoding="utf-8"))
    assert set(evals) == {"skill_name", "evals"}
    assert evals["skill_name"] == folder.name
    assert len(evals["evals"]) >= 3
    assert len({case["id"] for case in evals["evals"]}) == len(evals["evals"])
    for case in evals["evals"]:
        assert set(case) == {"id", "prompt", "expected_output", "files", "assertions"}
        assert case["prompt"]
        assert case["expected_output"]
        assert len(case["assertions"]) >= 2
    triggers = json.loads((folder / "evals" / "triggers.json").read_text(encoding="utf-8"))
    assert len({row["query"] for row in triggers}) == len(triggers) == 20
    assert all(set(row) == {"query", "should_trigger"} for row in triggers)
    assert sum(not row["should_trigger"] for row in triggers) >= 8


def test_no_query_is_claimed_by_two_skills() -> None:
    claimed: dict[str, str] = {}
    for folder in FOLDERS:
        for row in json.loads((folder / "evals" / "triggers.json").read_text(encoding="utf-8")):
            if row["should_trigger"]:
                assert claimed.setdefault(row["query"], folder.name) == folder.name


# Commands


def commands_in(page: Path) -> Iterator[list[str]]:
    """Every `tao-automl …` of a page, also behind nohup, exec, docker or in a manifest."""
    text = page.read_text(encoding="utf-8")
    blocks = [block for language, block in FENCE.findall(text) if language in ("sh", "bash", "yaml", "dockerfile")]
    for block in [*blocks, *spans(page)]:
        joined = re.sub(r"\\\n\s*|(?<=[\w./-])\n\s+(?=--)", " ", block)
        for line in joined.splitlines():
            for match in re.finditer(r"(?:^|(?<=\s))tao-automl (?=[a-z-])(.*)", line):
                words = re.split(r"\s(?:[|;&]|\d?>|\|\|)|;\s", match[1])[0]
                yield shlex.split(words, comments=True)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_are_parsed_by_the_real_command_line(page: Path) -> None:
    for words in commands_in(page):
        if "…" in words or not words:
            words = [word for word in words if word != "…"]
            assert " ".join(words) in known_names().commands
            continue
        fault = fault_of(words)
        # in prose a command may be named without its arguments
        assert fault is None or "Missing" in fault, f"{name(page)}: tao-automl {' '.join(words)}: {fault}"


def fault_of(words: list[str]) -> str | None:
    from tao_automl.cli.app import command_line

    command: Any = command_line()
    parent, rest = None, list(words)
    try:
        while True:
            parent = command.make_context(command.name, rest, parent=parent)
            if not hasattr(command, "resolve_command"):
                return None
            _, command, rest = command.resolve_command(parent, [*parent._protected_args, *parent.args])
    except Exception as error:  # noqa: BLE001  # of a click that typer may bring along
        return None if type(error).__name__ in ("Exit", "NoArgsIsHelpError") else str(error) or type(error).__name__


@pytest.mark.parametrize("script", SCRIPTS, ids=name)
def test_scripts_explain_themselves(script: Path) -> None:
    assert script.stat().st_mode & stat.S_IXUSR, f"{script} is not executable"
    done = subprocess.run([sys.executable, str(script), "--help"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert "usage:" in done.stdout
    text = " ".join(page.read_text(encoding="utf-8") for page in (script.parents[1]).glob("SKILL.md"))
    assert script.name in text, "a script that no page names is never run"


# Names


@pytest.fixture(scope="session")
def toy_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace of a finished toy search, with a plan beside it; data and staging record included."""
    folder = tmp_path_factory.mktemp("workflow")
    skill = make_toy_skill(folder / "toy", folder / "launches", seconds_per_epoch=0.0)
    (folder / "eval.csv").write_text("x\n1\n")
    workspace = folder / "run"
    run_script(
        STAGE,
        "copy",
        folder / "eval.csv",
        folder / "staged.csv",
        "--record",
        workspace / "evaluations" / "data_staging.json",
    )
    runner = AutoMLRunner(skill_dir=skill, platform_sdk="local", workspace_dir=workspace, poll_interval=0.05)
    search: Any = {
        "automl_algorithm": "asha",
        "automl_settings": {"num_recommendations": 5, "seed": 2, "max_epochs": 3, "fixed_parameters": {}},
        "eval_dataset_uri": str(folder / "staged.csv"),
        "platform_options": {"slots": 2},
    }
    (folder / "plan.json").write_text(runner.plan(**search).to_json())
    assert runner.run(**search).status == "completed"
    return workspace


def run_script(script: Path, *words: object, expect: int = 0) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run([sys.executable, str(script), *map(str, words)], capture_output=True, text=True, timeout=120)
    assert done.returncode == expect, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def keys_of(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*map(keys_of, value.values()))
    return set().union(*map(keys_of, value)) if isinstance(value, list) else set()


@cache
def static_names() -> frozenset[str]:
    """Everything that a page may write as code, from the product itself."""
    import tao_automl.runner

    searchers = [plugins.load(plugins.SEARCHERS, known) for known in plugins.names(plugins.SEARCHERS)]
    own = [field for searcher in searchers for field in settings.searcher_settings(searcher).values()]
    schemas = [json.loads(path.read_text(encoding="utf-8")) for path in ARTIFACTS.glob("references/*.json")]
    enums = {value for schema in schemas for value in values_of(schema, "enum") if value}
    rec = {"rec_id", "id", "specs", "budget", "job_id", "results_path", "checkpoint"}
    callback_words = {"rec", "best_rec", "base_specs", "train_job_id", "mean", "sem", "event", "experiment", "text"}
    return frozenset().union(
        settings.SETTINGS, settings.ALIASES, arguments.ALIASES, stopping.TYPES, *map(keys_of_rule, stopping.RULES),
        RunArguments.__annotations__, automl_runner.KEYWORDS, CUSTOM_KEYS, map(str, Scale), ["resume", "run", "plan"],
        (field.name for field in own), (alias for field in own for alias in field.metadata.get("aliases", ())),
        (item.name for kind in (Callbacks, Rules, Check, Result) for item in fields(kind)),
        (item.value for kind in (FailureClass, JobState) for item in kind), trial_entries.HISTORY_STATUS.values(),
        keys_of(schemas), enums, dir(tao_automl.runner), plugins.names(plugins.SEARCHERS), rec, callback_words,
        plugins.names(plugins.PLATFORMS), keys_of(skill_info_schema()), ADJUSTMENT,
        (item.name for kind in (WandbOptions, MlflowOptions, TensorboardOptions) for item in fields(kind)),
        (folder.name for folder in BANK.glob("*/*")),
    )  # fmt: skip


def keys_of_rule(kind: str) -> set[str]:
    return {item.name for item in fields(stopping.RULES[kind]) if item.name != "problem"}


def values_of(node: Any, key: str) -> Iterator[Any]:
    if isinstance(node, dict):
        yield from node.get(key, ()) if isinstance(node.get(key), list) else ()
        for value in node.values():
            yield from values_of(value, key)
    elif isinstance(node, list):
        for value in node:
            yield from values_of(value, key)


@cache
def shown_by_the_command_line() -> frozenset[str]:
    command = [sys.executable, "-m", "tao_automl.cli", "skills", "show", "train-tabular", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    info = yaml.safe_load((BANK / "models" / "train-tabular" / "references" / "skill_info.yaml").read_text())
    return frozenset(keys_of(json.loads(done.stdout)) | keys_of(info))


ADJUSTMENT = {"effective_batch_cap", "sample_count", "shards", "type", "key", "from", "to", "reason"}
SNAKE = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+")
DOTTED = re.compile(r"[a-z_]+(?:\[\])?(?:\.[a-z_]+)+")
FILE = re.compile(r".*\.(?:json|ya?ml|md|py|csv|sqlite|log|sh|html|txt|part)")
FOREIGN_WORDS = {"train_dataset", "eval_dataset", "data_io", "train_annotation", "oom_kill"}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_names_in_prose_exist(page: Path, toy_run: Path) -> None:
    plan = json.loads((toy_run.parent / "plan.json").read_text())
    outcome = json.loads((toy_run / "result.json").read_text())
    known = static_names() | shown_by_the_command_line() | keys_of(plan) | keys_of(outcome)
    known |= keys_of(json.loads((toy_run / "job_records.json").read_text()))
    for span in spans(page):
        for part in re.split(r"[\s,=:(){}]+", span) if " " not in span else []:
            if SNAKE.fullmatch(part) and part not in FOREIGN_WORDS:
                assert part in known, f"{name(page)}: `{span}`: no such name: {part}"
        if span in check_ids() or FILE.fullmatch(span) or not DOTTED.fullmatch(span):
            continue
        if span.split(".")[0].rstrip("[]") in known:
            for part in re.split(r"[.\[\]]+", span):
                assert part in known | template_keys(), f"{name(page)}: `{span}`: no such name: {part}"


@cache
def check_ids() -> frozenset[str]:
    """Of the preflight; LABEL stands for the label of a path."""
    script = ROOT / "scripts" / "check_tao_launch_preflight.py"
    data = ROOT / "pyproject.toml"
    more = ["--container-image", "a/b:1", "--gpu-count", "1", "--path", f"LABEL={data}", "--effective-batch-limit"]
    more += ["LABEL=1,1", "--json-required-field", "LABEL=name", "--format", "json"]
    command = [sys.executable, str(script), "--platform", "local", *more]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    found = {check["id"] for check in json.loads(done.stdout)["checks"]}
    return frozenset(found | {"batch.LABEL"})  # not asked for a file whose samples cannot be counted


@cache
def template_keys() -> frozenset[str]:
    template = yaml.safe_load(
        (BANK / "models" / "train-tabular" / "references" / "spec_template_train.yaml").read_text()
    )
    return frozenset(keys_of(template) | {"optim", "lr"})


def test_the_check_of_names_finds_wrong_ones() -> None:
    assert "max_epochs" in static_names()
    assert "max_epocs" not in static_names()
    assert fault_of(["plan", "train-tabular", "--workspace", "x", "--max-trial", "3"])
    assert fault_of(["plan", "train-tabular", "--workspace", "x", "--max-trials", "3"]) is None


# The references. The configuration has tests of its own: test_contract_docs.py


def section(page: Path, heading: str) -> str:
    text = page.read_text(encoding="utf-8")
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"{page.name} has no section {heading!r}"
    return found[1]


def rows(text: str) -> list[list[str]]:
    """The cells of every table row but heads and rules."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    bodies = [
        line
        for i, line in enumerate(lines)
        if not (set(line) <= set("|- ") or (lines[i + 1 : i + 2] and set(lines[i + 1]) <= set("|- ")))
    ]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in bodies]


def first_name(cell: str) -> str:
    found = re.match(r"`(\w+)", cell)
    assert found, cell
    return found[1]


def test_the_checks_of_the_preflight_are_described() -> None:
    text = section(AUTOML / "references" / "automl-preflight-concepts.md", "Checks of the preflight")
    described = {word for row in rows(text) for word in re.findall(r"`([a-z-]+\.[\w*-]+)`", row[0])}
    assert described == {check for check in check_ids() if not check.startswith("local.")} | {"local.*"}


def test_algorithms() -> None:
    page = AUTOML / "references" / "automl-intent-algorithms.md"
    installed = set(plugins.names(plugins.SEARCHERS))
    assert {first_name(row[0]) for row in rows(section(page, "Algorithms"))} == installed
    assert set(info_of(AUTOML)["algorithms"]) == installed
    in_policy = {first_name(row[1]) for row in rows(section(AUTOML / "SKILL.md", "5 Policy"))}
    assert in_policy == installed
    router = (BANK / "core" / "tao-list-capabilities" / "SKILL.md").read_text(encoding="utf-8")
    now = next(row[1] for row in rows(router) if row[0] == "algorithms")
    assert set(re.findall(r"`(\w+)`", now)) == installed


def test_the_table_of_rungs_is_computed_right() -> None:
    page = AUTOML / "references" / "automl-intent-algorithms.md"
    for epochs, rungs, starts, trained in rows(section(page, "Rungs")):
        fidelity = Fidelity(key="epochs", low=1, high=int(epochs))
        assert rungs == ", ".join(map(str, rising_levels(fidelity, 3)))
        brackets = schedule(fidelity, 3)
        assert int(starts) == sum(bracket.sizes[0] for bracket in brackets)
        units = [
            size * (budget - before)
            for bracket in brackets
            for size, budget, before in zip(bracket.sizes, bracket.budgets, (0, *bracket.budgets), strict=False)
        ]
        assert int(trained) == sum(units)


def test_failure_classes_and_exit_codes() -> None:
    classes = {first_name(row[0]) for row in rows(section(AUTOML / "SKILL.md", "9 Failures"))}
    assert classes == {item.value for item in FailureClass}
    codes = {row[0] for row in rows(section(AUTOML / "SKILL.md", "7 Run"))}
    raised = {UserError.exit_code, PlatformError.exit_code, JournalError.exit_code}
    assert codes == {"0", "1", "130", *map(str, raised)}


def test_the_machines_part_of_the_workflow() -> None:
    info = info_of(AUTOML)
    assert info["name"] == AUTOML.name
    assert set(info["uses"]) <= EXPECTED
    assert info["platforms"] == list(plugins.names(plugins.PLATFORMS))
    options = known_names().commands["run"]
    for entry in info["inputs"].values():
        assert entry["option"] == "SKILL" or entry["option"] in options
    schema = json.loads((ARTIFACTS / "references" / "result.schema.json").read_text(encoding="utf-8"))
    assert info["statuses"]["run"] == schema["properties"]["status"]["enum"]
    assert info["statuses"]["trial"] == schema["$defs"]["trial"]["properties"]["status"]["enum"]
    assert set(info["statuses"]["trial"]) == set(trial_entries.HISTORY_STATUS.values())


def test_the_router_knows_every_skill() -> None:
    text = (BANK / "core" / "tao-list-capabilities" / "SKILL.md").read_text(encoding="utf-8")
    for folder in FOLDERS:
        assert folder.name == "tao-list-capabilities" or f"{folder.name}/SKILL.md" in text


# Platforms


@pytest.mark.parametrize("folder", PLATFORM_SKILLS, ids=name)
def test_platform_skills_and_installed_platforms_agree(folder: Path) -> None:
    info, text = info_of(folder), (folder / "SKILL.md").read_text(encoding="utf-8")
    assert folder.name == f"tao-run-on-{info['name']}" == f"tao-run-on-{front_matter(folder)['metadata']['platform']}"
    installed = info["name"] in plugins.names(plugins.PLATFORMS)
    assert info["launchable"] is installed, "describe what this version can launch, and what not"
    assert ("**This version" in text) is not installed
    assert ("Not launchable in this version" in front_matter(folder)["description"]) is not installed
    extras = yaml.safe_load(json.dumps(_extras()))
    assert info["extra"] is None or info["extra"] in extras
    assert {JobState(state) for state in info["states"].values()} <= set(JobState)
    assert set(info["verbs"]) >= {"check", "launch", "status", "logs", "cancel"}


def _extras() -> list[str]:
    import tomllib

    with (ROOT / "pyproject.toml").open("rb") as file:
        return list(tomllib.load(file)["project"]["optional-dependencies"])


@pytest.mark.parametrize("folder", [f for f in PLATFORM_SKILLS if not info_of(f)["launchable"]], ids=name)
def test_other_platforms_are_refused_as_the_skill_says(folder: Path, tmp_path: Path) -> None:
    platform = info_of(folder)["name"]
    command = ["plan", "train-tabular", "--platform", platform, "--workspace", str(tmp_path / "run")]
    done = subprocess.run([sys.executable, "-m", "tao_automl.cli", *command], capture_output=True, text=True)
    assert done.returncode == 2
    words = f"no platform named `{platform}`"
    assert words in done.stderr
    assert words in (folder / "SKILL.md").read_text(encoding="utf-8")


def test_the_local_platform(tmp_path: Path) -> None:
    folder = BANK / "platform" / "tao-run-on-local"
    info = info_of(folder)
    assert set(info["options"]) == set(LOCAL_OPTIONS)
    assert {first_name(row[0]) for row in rows(section(folder / "SKILL.md", "Shape")) if row[0].startswith("`")} == set(
        LOCAL_OPTIONS
    )
    checks = [check.id for check in LocalPlatform(tmp_path).check()]
    assert info["checks"] == checks
    doctor = (BANK / "core" / "tao-setup" / "SKILL.md").read_text(encoding="utf-8")
    assert [row[0].strip("`") for row in rows(doctor) if row[0].startswith("`local.")] == checks
    records = {
        "exited, code 0": {"reason": "exited", "exit_code": 0},
        "exited, other code": {"reason": "exited", "exit_code": 3},
        **{
            reason: {"reason": reason, "exit_code": 143}
            for reason in ("oom", "timeout", "terminated", "cancelled", "lost")
        },
    }
    found = {word: status_from_record(json.dumps(record)).state.value for word, record in records.items()}
    assert found == info["states"]


def test_data_io_says_which_places_are_read(tmp_path: Path) -> None:
    info = info_of(STAGE.parents[1])
    for scheme, treated in info["schemes"].items():
        if scheme == "path":
            continue
        data = f"{scheme}://team/data"
        command = ["plan", "train-tabular", "--workspace", str(tmp_path / "run"), "--train-data", data]
        done = subprocess.run([sys.executable, "-m", "tao_automl.cli", *command], capture_output=True, text=True)
        assert (done.returncode == 2 and "not supported" in done.stderr) is (treated == "refused")


# Artifacts


def validator(schema: str) -> Draft202012Validator:
    documents = {
        path.name: json.loads(path.read_text(encoding="utf-8")) for path in ARTIFACTS.glob("references/*.json")
    }
    for document in documents.values():
        Draft202012Validator.check_schema(document)
    registry: Any = Registry().with_resources((key, Resource.from_contents(value)) for key, value in documents.items())
    return Draft202012Validator(documents[f"{schema}.schema.json"], registry=registry)


def test_artifacts_fit_their_schemas_key_for_key(toy_run: Path) -> None:
    run_script(ARTIFACTS / "scripts" / "make_spec_bundle.py", toy_run)
    read = {
        path.name: json.loads(path.read_text())
        for path in (*toy_run.glob("*.json"), *toy_run.glob("evaluations/*.json"))
    }
    outcome, records = read["result.json"], read["job_records.json"]
    own = [json.loads((toy_run / "jobs" / record["job_id"] / "job_record.json").read_text()) for record in records]
    assert own == records
    pairs = [
        ("result", [outcome]),
        ("best_rec", [read["best_rec.json"], outcome["best"]]),
        ("job_record", [*records, *own]),
        ("evaluation", [read["baseline.json"], read["final.json"], outcome["baseline"], outcome["final_evaluation"]]),
        ("data_staging", [read["data_staging.json"]]),
        ("spec_bundle", [read["spec_bundle.json"]]),
    ]
    for schema, documents in pairs:
        check = validator(schema)
        properties = set(check.schema["properties"])
        for document in documents:
            assert [error.message for error in check.iter_errors(document)] == []
            some = {"comparison_to_best", "comparison_to_baseline", "members"}
            assert set(document) - some == properties - some, f"{schema}: schema and artifact differ"
    result_schema = validator("result").schema
    assert set(result_schema["$defs"]["trial"]["properties"]) == set(outcome["history"][0])
    assert set(result_schema["properties"]["progress"]["properties"]) == set(outcome["progress"])
    assert {record["purpose"] for record in records} == {"train", "baseline", "final"}
    bundle = read["spec_bundle.json"]
    assert bundle["spec_overrides"] == outcome["best"]["specs"]
    assert bundle["spec"]["x"] == outcome["best"]["specs"]["x"]
    spec = yaml.safe_load(Path(outcome["best"]["spec_path"]).read_text())
    assert (spec["x"], spec["num_epochs"]) == (outcome["best"]["specs"]["x"], outcome["best"]["budget"])
    assert spec["resume_from"] is None, "it trains from the start"
    assert read["data_staging.json"]["used_in_place"] == [
        {"argument": "eval_dataset_uri", "path": outcome["settings"]["eval_dataset_uri"], "staged": True}
    ]


def test_the_checker_of_artifacts_finds_what_is_wrong(toy_run: Path, tmp_path: Path) -> None:
    import shutil

    script = ARTIFACTS / "scripts" / "check_artifacts.py"
    answer = json.loads(run_script(script, toy_run, "--format", "json").stdout)
    assert answer["ok"]
    assert "result.json" in answer["files"]
    broken = tmp_path / "broken"
    shutil.copytree(toy_run, broken, symlinks=True)
    outcome = json.loads((broken / "result.json").read_text())
    outcome["status"] = "done"
    del outcome["progress"]["eta_s"]
    (broken / "result.json").write_text(json.dumps(outcome))
    (broken / "best_rec.json").write_text("{")
    faults = run_script(script, broken, expect=2).stdout.splitlines()
    assert any("status" in fault and "done" in fault for fault in faults)
    assert any("eta_s" in fault for fault in faults)
    assert any(fault.startswith("best_rec.json: cannot be read") for fault in faults)
    assert "missing" in run_script(script, tmp_path / "nowhere", expect=2).stdout


def test_a_run_without_a_winner_is_not_handed_over(tmp_path: Path) -> None:
    skill = make_toy_skill(tmp_path / "toy", tmp_path / "launches", misbehave="crash")
    runner = AutoMLRunner(skill_dir=skill, platform_sdk="local", workspace_dir=tmp_path / "run", poll_interval=0.05)
    assert runner.run(automl_settings={"num_recommendations": 2}).status == "failed"
    run_script(ARTIFACTS / "scripts" / "check_artifacts.py", tmp_path / "run")
    refused = run_script(ARTIFACTS / "scripts" / "make_spec_bundle.py", tmp_path / "run", expect=2)
    assert "no winner" in refused.stderr
    assert not (tmp_path / "run" / "spec_bundle.json").exists()


# Staging


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for number in range(3):
        (tmp_path / "source" / f"class{number}").mkdir(parents=True)
        (tmp_path / "source" / f"class{number}" / "a.txt").write_text("x" * number)
    return tmp_path / "source"


def test_staging_copies_verifies_and_records(source: Path, tmp_path: Path) -> None:
    dest, record = tmp_path / "staged", tmp_path / "run" / "evaluations" / "data_staging.json"
    planned = json.loads(run_script(STAGE, "copy", source, dest, "--dry-run", "--format", "json").stdout)
    assert planned["to_copy"] == 3
    assert not dest.exists()
    run_script(STAGE, "copy", source, dest, "--record", record)
    run_script(STAGE, "verify", dest)
    (dest / "class1" / "a.txt").unlink()
    assert "copy it again" in run_script(STAGE, "verify", dest, expect=2).stderr
    (source / "class2" / "a.txt").write_text("yy")
    os.utime(source / "class2" / "a.txt", (1, 1))
    run_script(STAGE, "copy", source, dest, "--record", record)
    assert (dest / "class2" / "a.txt").read_text() == "yy", "a change of the same size is copied"
    staged = json.loads(record.read_text())
    validator("data_staging").validate(staged)
    assert [entry["files"] for entry in staged["staged"]] == [3], "the same place is recorded once"


def test_staging_records_what_another_tool_brought(source: Path, tmp_path: Path) -> None:
    refused = run_script(STAGE, "copy", "s3://team/flowers", tmp_path / "flowers", expect=2)
    assert "aws s3 sync s3://team/flowers" in refused.stderr
    made = json.loads(run_script(STAGE, "record", "s3://team/flowers", source, "--format", "json").stdout)
    assert (made["method"], made["files"], made["source"]) == ("recorded", 3, "s3://team/flowers")
    run_script(STAGE, "verify", source)


def test_staging_refuses_what_cannot_be_right(source: Path, tmp_path: Path) -> None:
    run_script(STAGE, "copy", tmp_path / "nothing", tmp_path / "a", expect=2)
    run_script(STAGE, "copy", source, source / "inside", expect=2)
    (tmp_path / "empty").mkdir()
    run_script(STAGE, "copy", tmp_path / "empty", tmp_path / "b", expect=2)
    run_script(STAGE, "copy", source, tmp_path / "c")
    (tmp_path / "c" / "stray.txt").write_text("z")
    assert "not in the source" in run_script(STAGE, "copy", source, tmp_path / "c", expect=2).stderr
    run_script(STAGE, "verify", tmp_path / "c", expect=2)
    (tmp_path / "file").write_text("z")
    run_script(STAGE, "copy", source, tmp_path / "file", expect=2)
    run_script(STAGE, "verify", tmp_path / "never", expect=2)


# An agent's path: what the pages tell, in their order, with a kill in the middle


def test_the_path_of_an_agent(tmp_path: Path) -> None:
    skill = make_toy_skill(tmp_path / "toy", tmp_path / "launches", seconds_per_epoch=0.25)
    for part in ("train", "eval"):
        (tmp_path / f"{part}.csv").write_text("x\n1\n")
    workspace = tmp_path / "run"
    shown = json.loads(cli("skills", "show", skill, "--format", "json"))
    assert shown["automl_enabled"]
    assert shown["runtime"] == "python"
    preflight = ROOT / "scripts" / "check_tao_launch_preflight.py"
    paths = [f"train={tmp_path / 'train.csv'}", f"eval={tmp_path / 'eval.csv'}", f"workspace={workspace}"]
    run_script(preflight, "--platform", "local", *(word for path in paths for word in ("--path", path)))
    search = [
        skill, "--workspace", workspace, "--train-data", tmp_path / "train.csv", "--eval-data", tmp_path / "eval.csv",
        "--max-trials", "5", "--max-concurrent", "2", "--seed", "1", "--setting", "max_epochs=3",
        "--platform-option", "slots=2",
    ]  # fmt: skip
    plan = json.loads(cli("plan", *search, "--format", "json"))
    assert plan["final_evaluation"]["blocker"] is None
    assert not workspace.exists()

    command = [sys.executable, "-m", "tao_automl.cli", "run", *map(str, search), "--yes", "--format", "json"]
    with (tmp_path / "out").open("w") as out, (tmp_path / "err").open("w") as err:
        runner = subprocess.Popen(command, stdout=out, stderr=err)
    deadline = time.monotonic() + 60
    while not (tmp_path / "launches").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    runner.send_signal(signal.SIGKILL)
    runner.wait()
    assert json.loads(cli("status", workspace, "--format", "json"))["status"] == "interrupted"
    assert "already holds a run" in cli("run", *search, "--yes", expect=2)

    ended = json.loads(cli("resume", workspace, "--format", "json"))
    assert ended["status"] == "completed"
    assert [entry["specs"] for entry in ended["history"]][: len(plan["first_batch"])] == [
        entry["specs"] for entry in plan["first_batch"]
    ], "what was shown is what was launched"
    launched = (tmp_path / "launches").read_text().split()
    assert len(launched) == len(set(launched)), "no job ran twice"
    run_script(ARTIFACTS / "scripts" / "check_artifacts.py", workspace)
    run_script(ARTIFACTS / "scripts" / "make_spec_bundle.py", workspace)
    bundle = json.loads((workspace / "spec_bundle.json").read_text())
    assert Path(bundle["checkpoint"]).is_file()
    assert bundle["final_evaluation"]["comparison_to_baseline"]["direction"] == "maximize"


def cli(*words: object, expect: int = 0) -> str:
    command = [sys.executable, "-m", "tao_automl.cli", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout if expect == 0 else done.stderr
