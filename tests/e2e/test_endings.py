"""Every way in which a run can end leaves a result that says so: status, reasons, and files that fit their schemas."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from published import check_result, check_workspace
from test_kill import start, wait_for

from tao_automl.domain.events import JobEnded
from tao_automl.errors import PlatformUnavailable, UserError
from tao_automl.platforms.opening import open_local
from tao_automl.runner import AutoMLRunner, Result, query_status, resume_run

SEARCH: dict[str, Any] = {"num_recommendations": 2, "max_concurrent": 2, "max_epochs": 2, "seed": 1}


def explode(*_: object) -> float:
    raise ValueError("a bug of the user's")


@dataclass(frozen=True)
class Ending:
    """A run that goes wrong, and what its result must say: each `why` is in the reason of that part."""

    name: str
    status: str
    reason: str | None
    best_reason: str | None
    baseline: tuple[str, str]
    final: tuple[str, str]
    skill: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)


NO_DEFAULT = {"evaluate_default": False}
MEASURED = ("measured", "")
ENDINGS = [
    Ending(
        "no trial succeeds", "failed", "the model exploded at layer 7", "no trial succeeded",
        ("skipped", "evaluate_default=False"), ("not_run", "no trial succeeded"),
        {"misbehave": "crash"}, NO_DEFAULT, failures={"model_code": 2},
    ),
    Ending(
        "the metric is missing in all", "failed", "`accuracy` was not reported", "no trial succeeded",
        ("skipped", "evaluate_default=False"), ("not_run", "no trial succeeded"),
        {"misbehave": "mute"}, NO_DEFAULT, failures={"metric_missing": 2},
    ),
    Ending(
        "the default configuration fails", "failed", "no baseline: the default configuration did not train",
        "no trial succeeded", ("failure", "the model exploded at layer 7"), ("not_run", "no trial succeeded"),
        {"misbehave": "crash"}, failures={"model_code": 1},
    ),
    Ending(
        "baseline_fn raises", "failed", "no baseline: the callback raised ValueError", "no trial was started",
        ("failure", "a bug of the user's"), ("not_run", "no trial succeeded"), more={"baseline_fn": explode},
    ),
    Ending(
        "eval_fn raises", "failed", "a bug of the user's", "no trial succeeded",
        ("skipped", "evaluate_default=False"), ("not_run", "no trial succeeded"),
        settings=NO_DEFAULT, more={"eval_fn": explode}, failures={"metric_missing": 2},
    ),
    Ending(
        "final_eval_fn raises", "completed", None, None, MEASURED, ("callback_error", "a bug of the user's"),
        more={"final_eval_fn": explode},
    ),
    Ending(
        "all who are told raise", "completed", None, None, MEASURED, ("unavailable", "no evaluation data was given"),
        more={"on_recommendation": explode, "on_result": explode, "metric_extractor": explode, "feedback_fn": explode},
    ),
    Ending(
        "the time is up at trial 0", "stopped", "max_wall_time (0.5 s) is used up", "no trial succeeded",
        ("not_run", "the run ended before its baseline: max_wall_time"), ("not_run", "no trial succeeded"),
        {"misbehave": "hang"}, {"max_wall_time": 0.5},
    ),
]  # fmt: skip


def runner(skill: Path, workspace: Path, **more: Any) -> AutoMLRunner:
    return AutoMLRunner(
        **{"skill_dir": skill, "platform_sdk": "local", "workspace_dir": workspace, "poll_interval": 0.05, **more}
    )


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending.name)
def test_every_ending_has_a_result(ending: Ending, toy: Callable[..., Path], tmp_path: Path) -> None:
    skill, workspace = toy(**{"seconds_per_epoch": 0.0, **ending.skill}), tmp_path / "run"
    arguments: dict[str, Any] = {"platform_options": {"slots": 2}, **ending.more}
    result = runner(skill, workspace).run(
        automl_algorithm="random", automl_settings={**SEARCH, **ending.settings}, **arguments
    )
    check_result(result)
    check_workspace(workspace)
    assert result.status == ending.status
    assert_told(ending.reason, result.failure_reason)
    assert_told(ending.best_reason, result.best_reason)
    for (status, why), evaluation in ((ending.baseline, result.baseline), (ending.final, result.final_evaluation)):
        assert evaluation["status"] == status
        assert why in (evaluation["failure_reason"] or "")
    assert result.failures_by_cause == ending.failures
    assert (result.active, result.progress["eta_s"]) == ([], 0.0)
    assert json.loads((workspace / "result.json").read_text()) == json.loads(result.to_json())
    assert query_status(workspace).to_json() == result.to_json()


def assert_told(wanted: str | None, said: str | None) -> None:
    assert (said is None) is (wanted is None)
    assert (wanted or "") in (said or "")


def test_callbacks_that_raised_are_listed(toy: Callable[..., Path], tmp_path: Path) -> None:
    result = runner(toy(seconds_per_epoch=0.0), tmp_path / "run").run(
        automl_algorithm="random",
        automl_settings={**SEARCH, **NO_DEFAULT},
        eval_fn=explode,
        feedback_fn=explode,
        platform_options={"slots": 2},
    )
    told = {(error["callback"], error["rec_id"]) for error in result.callback_errors}
    assert told == {(name, trial) for name in ("eval_fn", "feedback_fn") for trial in (0, 1)}
    assert all("a bug of the user's" in error["message"] for error in result.callback_errors)


class Gone:
    """A platform that goes away once a job has been submitted."""

    def __init__(self, workspace: Path) -> None:
        self._platform = open_local(workspace, {"slots": 2})
        self.away = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._platform, name)

    def get_job_status(self, handles: Sequence[str]) -> Any:
        if self.away and handles:
            raise PlatformUnavailable("no route to the host")
        self.away = bool(handles)
        return self._platform.get_job_status(handles)


def test_a_platform_that_stays_away_leaves_the_run_to_be_resumed(toy: Callable[..., Path], tmp_path: Path) -> None:
    skill, workspace = toy(seconds_per_epoch=0.05), tmp_path / "run"
    platform = Gone(workspace)
    result = runner(skill, workspace, platform_sdk=platform).run(
        automl_algorithm="random", automl_settings={**SEARCH, "platform_patience": 0.2}
    )
    check_result(result)
    assert (result.status, result.best_reason) == ("interrupted", "no trial has succeeded so far")
    assert "no route to the host" in str(result.failure_reason)
    assert "resume continues it" in result.baseline["failure_reason"]
    assert [job["rec_id"] for job in result.active] == [0]
    check_finished(resume_run(workspace), workspace)


def check_finished(result: Result, workspace: Path) -> None:
    check_result(result)
    check_workspace(workspace)
    assert (result.status, result.failure_reason) == ("completed", None)
    assert [entry["status"] for entry in result.history] == ["success"] * 2


def test_ctrl_c_leaves_a_result(toy: Callable[..., Path], tmp_path: Path) -> None:
    workspace = tmp_path / "run"

    def interrupt(event: object, _: object) -> None:
        if isinstance(event, JobEnded):
            raise KeyboardInterrupt

    result = runner(toy(seconds_per_epoch=0.0), workspace, on_event=interrupt).run(
        automl_algorithm="random", automl_settings=SEARCH, platform_options={"slots": 2}
    )
    check_result(result)
    check_workspace(workspace)
    assert (result.status, result.failure_reason) == ("interrupted", "interrupted by the user")
    assert "the run was interrupted before its final evaluation" in result.final_evaluation["failure_reason"]
    check_finished(resume_run(workspace), workspace)


def is_active(workspace: Path) -> bool:
    """Whether a job runs; not as long as there is no run yet, or no more than an empty file of one."""
    try:
        return bool(query_status(workspace).active)
    except UserError:
        return False


def test_kill_9_leaves_a_result_and_resume_finishes_it(toy: Callable[..., Path], tmp_path: Path) -> None:
    skill, workspace = toy(seconds_per_epoch=0.3), tmp_path / "run"
    killed = start(skill, workspace, {"automl_algorithm": "random", "automl_settings": SEARCH})
    wait_for(lambda: is_active(workspace))
    running = query_status(workspace)
    check_result(running)
    (job,) = running.active
    assert (running.status, job["rec_id"], job["purpose"]) == ("running", 0, "train")
    assert job["specs"] == {"x": 0.9}
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    result = query_status(workspace)
    check_result(result)
    assert (result.status, result.failure_reason) == ("interrupted", "the runner is gone, and left no word")
    check_finished(resume_run(workspace), workspace)


def test_exit_codes_go_by_class(toy: Callable[..., Path], tmp_path: Path) -> None:
    skill = toy(misbehave="crash")
    command = [sys.executable, "-m", "tao_automl.cli", "run", str(skill), "--workspace", str(tmp_path / "run"), "--yes"]
    done = subprocess.run([*command, "--max-trials", "2", "--format", "json"], capture_output=True, text=True)
    assert done.returncode == 1
    assert json.loads(done.stdout)["best_reason"] == "no trial succeeded"
