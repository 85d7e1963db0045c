"""Several objectives and outcome constraints, on the local platform, to the last file."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from published import check_result, check_workspace

from tao_automl.cli.main import main
from tao_automl.report import render_html
from tao_automl.runner import AutoMLRunner, Result, format_result

SETTINGS: dict[str, Any] = {"num_recommendations": 10, "max_concurrent": 2, "seed": 5, "max_epochs": 3}


@pytest.fixture
def evaluation_data(tmp_path: Path) -> Path:
    path = tmp_path / "eval.csv"
    path.write_text("x\n1\n")
    return path


def search(skill: Path, workspace: Path, data: Path | None = None, **settings: Any) -> Result:
    runner = AutoMLRunner(skill_dir=skill, platform_sdk="local", workspace_dir=workspace, poll_interval=0.05)
    result = runner.run(
        automl_algorithm="random",
        automl_settings={**SETTINGS, **settings},
        eval_dataset_uri=data,
        platform_options={"slots": 2},
    )
    check_result(result)
    check_workspace(workspace)
    return result


def test_two_objectives_and_a_constraint(
    toy: Callable[..., Path], tmp_path: Path, evaluation_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = search(
        toy(reports="latency", seconds_per_epoch=0.0),
        tmp_path / "run",
        evaluation_data,
        metric="accuracy, -latency",
        outcome_constraints=["latency <= 15"],
        tracking_metrics=["memory"],
    )
    assert (result.status, result.best, result.failure_reason) == ("completed", None, None)
    assert "several objectives (accuracy, latency)" in str(result.best_reason)
    assert [(o["metric"], o["direction"]) for o in result.objectives] == [
        ("accuracy", "maximize"),
        ("latency", "minimize"),
    ]
    for entry in result.history:
        latency = 5 + 20 * entry["specs"]["x"]
        assert entry["objective_values"] == {"accuracy": entry["metric"], "latency": pytest.approx(latency)}
        assert entry["tracking"] == {"memory": 100.0}
        assert entry["feasible"] is (latency <= 15)
        assert [broken["constraint"] for broken in entry["violations"]] == ["latency <= 15"] * (latency > 15)
    able = [entry["objective_values"] for entry in result.history if entry["feasible"]]
    members = {entry["rec_id"]: entry["objective_values"] for entry in result.pareto_front}
    assert len(members) > 1
    for one in members.values():
        assert not any(o["accuracy"] > one["accuracy"] and o["latency"] < one["latency"] for o in able)
    _check_front_files(result, tmp_path / "run")
    assert main(["status", str(tmp_path / "run")]) == 0
    assert re.search(rf"front +{len(members)} trials  accuracy [\d.]+ to [\d.]+  latency", capsys.readouterr().out)


def _check_front_files(result: Result, workspace: Path) -> None:
    """Each member has a spec, and a final evaluation of its own."""
    finals = result.final_evaluation["members"]
    assert [entry["rec_id"] for entry in finals] == [entry["rec_id"] for entry in result.pareto_front]
    for member, final in zip(result.pareto_front, finals, strict=True):
        spec = yaml.safe_load(Path(member["spec_path"]).read_text())
        assert (spec["x"], spec["num_epochs"]) == (member["specs"]["x"], member["budget"])
        assert Path(member["checkpoint"]).is_file()
        assert final["status"] == "measured"
        assert final["objective_values"]["latency"] == pytest.approx(6 + 20 * spec["x"])
        assert final["comparison_to_baseline"]["basis"] == "evaluate action, against evaluate action"
    assert sorted(path.name for path in (workspace / "specs").iterdir()) == [
        f"trial_{entry['rec_id']:04d}.yaml" for entry in result.pareto_front
    ]
    assert not (workspace / "best_rec.json").exists()
    shown = format_result(json.loads(result.to_json()))
    assert f"{len(finals)} trials form the Pareto front" in shown
    assert "keep latency <= 15" in shown
    assert render_html(result).count('class="front"') == len(finals)


def test_what_breaks_the_constraint_never_wins(toy: Callable[..., Path], tmp_path: Path) -> None:
    result = search(
        toy(reports="latency", seconds_per_epoch=0.0), tmp_path / "run", outcome_constraints=["latency <= 9"]
    )
    assert result.best is not None
    assert result.best["values"]["latency"] <= 9
    better = [e for e in result.history if e["metric"] > result.best["metric_value"]]
    assert better
    assert not any(entry["feasible"] for entry in better)
    assert Path(result.best["spec_path"]).name == "best_spec.yaml"
    assert result.baseline["comparison_to_best"]["improved"] is (
        result.best["metric_value"] > result.baseline["metric_value"]
    )


def test_if_no_trial_keeps_the_constraint_the_nearest_is_named(toy: Callable[..., Path], tmp_path: Path) -> None:
    result = search(
        toy(reports="latency", seconds_per_epoch=0.0), tmp_path / "run", outcome_constraints=["latency <= 1"]
    )
    assert (result.status, result.failure_reason, result.best) == ("completed", None, None)
    nearest = min(result.history, key=lambda entry: entry["values"]["latency"])
    assert result.nearest is not None
    assert result.nearest["rec_id"] == nearest["rec_id"]
    assert f"trial {nearest['rec_id']} comes nearest: latency <= 1:" in str(result.best_reason)
    assert result.final_evaluation["failure_reason"] == "no trial keeps the outcome constraints"
    assert result.best_reason is not None
    assert result.best_reason[3:] in format_result(result, width=400)


@pytest.mark.parametrize(("gain", "within"), [(0.3, False), (0.01, True)])
def test_a_gain_within_the_noise_is_called_so(
    gain: float, within: bool, toy: Callable[..., Path], tmp_path: Path
) -> None:
    runner = AutoMLRunner(
        skill_dir=toy(seconds_per_epoch=0.0), platform_sdk="local", workspace_dir=tmp_path / "run", poll_interval=0.05
    )
    result = runner.run(
        automl_algorithm="random",
        automl_settings={"num_recommendations": 2, "max_epochs": 1},
        eval_fn=lambda rec, job: (0.5 + gain * rec["rec_id"], 0.02),
        baseline_fn=lambda specs: {"accuracy": (0.5, 0.02)},
    )
    check_result(result)
    compared = result.baseline["comparison_to_best"]
    assert result.best is not None
    assert result.best["sem"] == 0.02
    assert (compared["improved"], compared["within_noise"]) == (True, within)
    assert compared["delta"] == pytest.approx(gain)
    assert ("may be chance" in format_result(result, width=200)) is within


def test_only_like_is_compared_with_like(toy: Callable[..., Path], tmp_path: Path) -> None:
    runner = AutoMLRunner(
        skill_dir=toy(seconds_per_epoch=0.0), platform_sdk="local", workspace_dir=tmp_path / "run", poll_interval=0.05
    )
    result = runner.run(
        automl_algorithm="random",
        automl_settings={"num_recommendations": 2, "max_epochs": 1},
        final_eval_fn=lambda rec, job: 0.75,
    )
    check_result(result)
    assert result.baseline["source"] == "validation metric of the default configuration"
    assert result.baseline["comparison_to_best"]["basis"].startswith("validation metric, against")
    assert result.final_evaluation["comparison_to_baseline"] is None, "the two were measured in different ways"
