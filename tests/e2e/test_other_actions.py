"""Actions other than training are searched, too: here pruning, whose result another action measures."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from published import check_result, check_workspace

from tao_automl.errors import SettingsError
from tao_automl.runner import AutoMLRunner

PRUNE = r"""
import json, os

spec = {}
for line in open("spec.yaml"):
    key, _, value = line.strip().partition(": ")
    spec[key] = value.strip("'\"")
os.makedirs("results", exist_ok=True)
kept = int(open(spec["model_path"]).read()) * (1 - abs(float(spec["sparsity"]) - 0.4))
open("results/pruned.ckpt", "w").write(str(int(10 * kept)))
"""


@pytest.fixture
def pruner(toy: Callable[..., Path]) -> Path:
    """The toy skill with an action that reports nothing, and leaves a file of another name."""
    skill = toy(seconds_per_epoch=0.0)
    info = yaml.safe_load((skill / "references/skill_info.yaml").read_text())
    info["actions"]["prune"] = {
        "python_script": "scripts/prune.py",
        "inputs": {"model_path": {"type": "file", "role": "checkpoint"}},
        "outputs": {"results_dir": {"type": "folder"}},
        "checkpoints": {"pattern": "pruned.ckpt"},
    }
    (skill / "references/skill_info.yaml").write_text(yaml.safe_dump(info))
    (skill / "scripts/prune.py").write_text(PRUNE)
    template = {"model_path": None, "sparsity": 0.1, "results_dir": "results"}
    (skill / "references/spec_template_prune.yaml").write_text(yaml.safe_dump(template))
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "prune",
        "type": "object",
        "automl_default_parameters": ["sparsity"],
        "properties": {
            "sparsity": {"type": "number", "minimum": 0.0, "maximum": 0.9, "default": 0.1, "automl_enabled": True},
            "model_path": {"type": ["string", "null"], "default": None},
            "results_dir": {"type": "string", "default": "results"},
        },
    }
    (skill / "schemas/prune.schema.json").write_text(json.dumps(schema))
    manifest = json.loads((skill / "schemas/manifest.json").read_text()) | {"prune": "prune.schema.json"}
    (skill / "schemas/manifest.json").write_text(json.dumps(manifest))
    return skill


@pytest.fixture
def given(tmp_path: Path) -> dict[str, Any]:
    """A model to prune, and data to measure it on."""
    (tmp_path / "model.ckpt").write_text("4")
    (tmp_path / "eval.csv").write_text("x\n1\n")
    return {
        "automl_settings": {"num_recommendations": 4, "max_concurrent": 2, "seed": 3},
        "spec_overrides": {"model_path": str(tmp_path / "model.ckpt")},
        "eval_dataset_uri": tmp_path / "eval.csv",
        "platform_options": {"slots": 2},
    }


def runner(skill: Path, workspace: Path) -> AutoMLRunner:
    return AutoMLRunner(
        skill_dir=skill, platform_sdk="local", workspace_dir=workspace, action="prune", poll_interval=0.05
    )


def test_pruning_is_searched_by_what_the_evaluation_says(pruner: Path, given: dict[str, Any], tmp_path: Path) -> None:
    plan = runner(pruner, tmp_path / "run").plan(**given)
    assert (plan.algorithm, plan.metric, plan.budget["max_epochs"]) == ("random", "accuracy", None)
    assert [row["name"] for row in plan.parameters] == ["sparsity"]
    result = runner(pruner, tmp_path / "run").run(**given, plan_token=plan.token)
    check_result(result)
    check_workspace(tmp_path / "run")
    assert (result.status, result.failure_reason) == ("completed", None)
    assert [entry["status"] for entry in result.history] == ["success"] * 4
    for entry in result.history:
        kept = int(10 * 4 * (1 - abs(entry["specs"]["sparsity"] - 0.4)))
        assert entry["metric"] == pytest.approx(0.5 + kept / 100)
    assert result.best is not None
    assert result.best["metric_value"] == max(entry["metric"] for entry in result.history)
    assert str(result.best["checkpoint"]).endswith("results/pruned.ckpt")
    assert result.baseline["metric_value"] == result.history[0]["metric"]
    assert result.final_evaluation["status"] == "unavailable"


def test_without_data_to_evaluate_on_nothing_is_launched(pruner: Path, given: dict[str, Any], tmp_path: Path) -> None:
    del given["eval_dataset_uri"]
    plan = runner(pruner, tmp_path / "run").plan(**given)
    assert "no evaluation data" in plan.baseline["blocker"]
    with pytest.raises(SettingsError, match="no evaluation data was given"):
        runner(pruner, tmp_path / "run").run(**given)
    assert not (tmp_path / "run" / "journal.sqlite").exists()


def test_another_plan_than_the_one_shown_is_not_launched(pruner: Path, given: dict[str, Any], tmp_path: Path) -> None:
    token = runner(pruner, tmp_path / "run").plan(**given).token
    given["automl_settings"]["seed"] = 4
    with pytest.raises(SettingsError, match="plan_token"):
        runner(pruner, tmp_path / "run").run(**given, plan_token=token)
    assert not (tmp_path / "run" / "journal.sqlite").exists()
