"""A run that is tracked in all three places, killed and resumed: one tracked run, each trial in it once."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tracker_stores import see_mlflow, see_tensorboard, see_wandb

from tao_automl.cli.main import main
from tao_automl.domain.events import Event, TrialSettled
from tao_automl.domain.experiment import Experiment
from tao_automl.errors import SettingsError
from tao_automl.runner import AutoMLRunner, export_run, query_status, resume_run

pytestmark = pytest.mark.usefixtures("quiet_trackers")
SEARCH: dict[str, Any] = {"num_recommendations": 6, "max_concurrent": 2, "seed": 5}


class Killed(BaseException):
    """What the listener raises: nothing catches it."""


def kill_after(settlements: int) -> Callable[[Event, Experiment], None]:
    left = [settlements]

    def listen(event: Event, experiment: Experiment) -> None:
        left[0] -= isinstance(event, TrialSettled)
        if not left[0]:
            raise Killed

    return listen


def test_a_killed_and_resumed_run_is_one_tracked_run(
    toy: Callable[..., Path], tmp_path: Path, make_mlflow: Callable[[Path], str]
) -> None:
    pytest.importorskip("tensorboardX")
    pytest.importorskip("wandb")
    uri, workspace = make_mlflow(tmp_path / "store"), tmp_path / "run"
    runner = AutoMLRunner(
        skill_dir=toy(), platform_sdk="local", workspace_dir=workspace, poll_interval=0.05, on_event=kill_after(4)
    )
    with pytest.raises(Killed):
        runner.run(
            automl_algorithm="asha",
            automl_settings={**SEARCH, "trackers": {"mlflow": {"tracking_uri": uri}, "tensorboard": {}}},
            wandb_config={"mode": "offline", "project": "toys", "tags": ["a", "b"]},
            platform_options={"slots": 2},
        )
    result = resume_run(workspace)
    assert result.status == "completed"
    best = {trial["rec_id"]: trial["metric"] for trial in result.history}
    for runs in (
        see_mlflow(uri),
        see_tensorboard(workspace / "tracking" / "tensorboard"),
        see_wandb(workspace / "tracking"),
    ):
        (run,) = runs
        assert run.ended
        assert sorted(trial.number for trial in run.trials) == list(range(6))
        assert {trial.number: trial.values["accuracy"] for trial in run.trials} == pytest.approx(best)
        assert all(float(trial.params["x"]) == result.history[trial.number]["specs"]["x"] for trial in run.trials)


def test_a_tracker_that_cannot_work_hurts_nothing(
    toy: Callable[..., Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("tensorboardX")
    (tmp_path / "file").write_text("in the way")
    trackers = {"tensorboard": {"dir": str(tmp_path / "file" / "logs")}}
    runner = AutoMLRunner(
        skill_dir=toy(seconds_per_epoch=0.0), platform_sdk="local", workspace_dir=tmp_path / "run", poll_interval=0.05
    )
    with pytest.raises(SettingsError, match="tensorboard: unknown option `dri`"):
        runner.plan(automl_settings={"trackers": {"tensorboard": {"dri": "x"}}})
    result = runner.run(automl_settings={"num_recommendations": 1, "trackers": trackers})
    assert result.status == "completed"
    assert "the run goes on" in caplog.text
    assert "tracker tensorboard: it lacks" in caplog.text
    (line,) = export_run(tmp_path / "run", trackers={"tensorboard": {}})
    assert line == "told tensorboard"
    (run,) = see_tensorboard(tmp_path / "run" / "tracking" / "tensorboard")
    assert [trial.number for trial in run.trials] == [0]


def test_trackers_and_exports_from_the_shell(
    toy: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tensorboardX")
    pytest.importorskip("optuna")
    workspace, logs = tmp_path / "run", tmp_path / "logs"
    words = [str(toy(seconds_per_epoch=0.0)), "--workspace", str(workspace), "--max-trials", "2"]
    assert main(["run", *words, "--tracker", f"tensorboard:dir={logs}", "--yes", "--format", "json"]) == 0
    assert query_status(workspace).settings["trackers"] == {"tensorboard": {"dir": str(logs)}}
    (run,) = see_tensorboard(logs)
    assert [trial.number for trial in run.trials] == [0, 1]
    capsys.readouterr()
    url, table = f"sqlite:///{tmp_path / 'study.db'}", tmp_path / "trials.csv"
    asked = ["--optuna", url, "--csv", str(table), "--tracker", "tensorboard"]
    assert main(["export", str(workspace), *asked, "--format", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["written"]) == 3
    assert len(table.read_text().splitlines()) == 3
    assert main(["export", str(workspace)]) == 2
    assert main(["resume", str(workspace), "--tracker", "wandb:mode=nowhere"]) == 2
    assert "wandb: mode: one of online" in capsys.readouterr().err
