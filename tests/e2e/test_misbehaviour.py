"""Trainings that go wrong in every way that trainings do: each ends with a class, an evidence line and advice."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_kill import processes_of

from tao_automl.runner import AutoMLRunner, Result

BASE: dict[str, Any] = {"num_recommendations": 2, "max_concurrent": 2, "evaluate_default": False}


def run(skill: Path, workspace: Path, *, algorithm: str = "random", **settings: Any) -> Result:
    runner = AutoMLRunner(skill_dir=skill, platform_sdk="local", workspace_dir=workspace, poll_interval=0.05)
    return runner.run(
        automl_algorithm=algorithm,
        automl_settings={**BASE, **settings},
        platform_options={"slots": 2},
    )


@pytest.mark.parametrize(
    ("misbehave", "settings", "failure", "evidence"),
    [
        ("crash", {}, "model_code", "the model exploded at layer 7"),
        ("exit3", {}, "data_visibility", "/data/missing.csv"),
        ("nan", {}, "model_code", "`accuracy` was reported, but not finite"),
        ("mute", {}, "metric_missing", "`accuracy` was not reported (no metric was found in the log)"),
        ("hang", {"max_trial_time": 0.4}, "resources", "ran longer than max_trial_time (0.4 s)"),
    ],
)
def test_a_failure_has_a_class_and_evidence(
    misbehave: str,
    settings: dict[str, Any],
    failure: str,
    evidence: str,
    toy: Callable[..., Path],
    tmp_path: Path,
) -> None:
    result = run(toy(misbehave=misbehave), tmp_path / "run", **settings)
    assert result.status == "failed"
    assert result.best is None
    assert result.failures_by_cause == {failure: 2}
    for entry in result.history:
        assert (entry["status"], entry["failure_class"], entry["metric"]) == ("failure", failure, None)
        assert evidence in entry["failure_reason"]
    assert result.failure_reason is not None
    assert evidence in result.failure_reason, "the shared root cause is in the result"
    assert not processes_of(tmp_path)


def test_a_job_that_ignores_sigterm_is_killed_with_its_children(toy: Callable[..., Path], tmp_path: Path) -> None:
    skill = toy(misbehave="stubborn")
    runner = AutoMLRunner(skill_dir=skill, platform_sdk="local", workspace_dir=tmp_path / "run", poll_interval=0.05)
    result = runner.run(
        automl_algorithm="random",
        automl_settings={**BASE, "num_recommendations": 1, "max_trial_time": 0.5},
    )
    assert result.failures_by_cause == {"resources": 1}
    assert not processes_of(tmp_path)


def test_a_hundred_megabytes_of_log_do_no_harm(toy: Callable[..., Path], tmp_path: Path) -> None:
    result = run(toy(misbehave="flood"), tmp_path / "run", num_recommendations=1)
    assert result.status == "completed"
    assert result.history[0]["status"] == "success"
    log = tmp_path / "run" / "jobs" / result.history[0]["job_id"] / "logs" / "job.log"
    assert log.stat().st_size > 100_000_000


def test_failed_trials_are_never_promoted(toy: Callable[..., Path], launches: Path, tmp_path: Path) -> None:
    run(toy(misbehave="mute"), tmp_path / "run", algorithm="asha", num_recommendations=6, tolerated_failure_rate=1)
    assert all(key.split("-")[2] == "e1" for key in launches.read_text().split())


def test_the_run_stops_once_too_many_have_failed(toy: Callable[..., Path], launches: Path, tmp_path: Path) -> None:
    result = run(toy(misbehave="crash"), tmp_path / "run", num_recommendations=30)
    assert result.status == "failed"
    assert 5 <= len(launches.read_text().split()) <= 7, "five failures are enough, and what ran then may end"
    assert result.failure_reason is not None
    assert "model_code" in result.failure_reason


def test_a_baseline_that_fails_stops_the_run_before_any_recommendation(
    toy: Callable[..., Path], launches: Path, tmp_path: Path
) -> None:
    result = run(toy(misbehave="crash"), tmp_path / "run", evaluate_default=True)
    assert result.status == "failed"
    assert result.baseline["status"] == "failure"
    assert "no baseline" in str(result.failure_reason)
    assert "the model exploded at layer 7" in str(result.failure_reason)
    assert len(launches.read_text().split()) == 1


def test_a_proxy_may_be_accepted(toy: Callable[..., Path], tmp_path: Path) -> None:
    result = run(toy(misbehave="crash"), tmp_path / "run", evaluate_default=True, allow_proxy_metric=True)
    assert len(result.history) == 2


def test_wall_time_is_a_hard_limit(toy: Callable[..., Path], tmp_path: Path) -> None:
    result = run(toy(misbehave="hang"), tmp_path / "run", max_wall_time=1)
    assert result.status == "stopped"
    assert result.failure_reason == "max_wall_time (1 s) is used up"
    assert {entry["status"] for entry in result.history} == {"cancelled"}
    assert not processes_of(tmp_path)
