"""Checkpoints of real jobs on the local platform: those that nothing needs are deleted, the winner's is left."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tao_automl.runner import AutoMLRunner


def checkpoints(workspace: Path) -> list[str]:
    return sorted(str(path.relative_to(workspace)) for path in workspace.rglob("*.ckpt"))


@pytest.mark.parametrize("strategy", ["best", "terminal"])
def test_checkpoints_are_deleted(toy: Callable[..., Path], tmp_path: Path, strategy: str) -> None:
    (tmp_path / "eval.csv").write_text("x\n1\n")
    settings: dict[str, Any] = {"num_recommendations": 6, "max_concurrent": 2, "seed": 5}
    settings["automl_checkpoint_retention_strategy"] = strategy
    workspace = tmp_path / "run"
    result = AutoMLRunner(skill_dir=toy(), platform_sdk="local", workspace_dir=workspace, poll_interval=0.05).run(
        automl_algorithm="asha",
        automl_settings=settings,
        eval_dataset_uri=tmp_path / "eval.csv",
        platform_options={"slots": 2},
    )
    assert result.status == "completed"
    assert result.final_evaluation["status"] == "measured"
    assert result.best is not None
    best = Path(result.best["checkpoint"])
    assert best.is_file()
    assert any(entry["origin"] == "search" and entry["budget"] > 1 for entry in result.history), "asha promotes"
    if strategy == "best":
        assert checkpoints(workspace) == [str(best.relative_to(workspace))]
    else:
        assert len(checkpoints(workspace)) == len(result.history)
