"""Every tracker keeps the contract, in the real library and without a server."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from tracker_stores import see_mlflow, see_tensorboard, see_wandb

from tao_automl.testing.tracker_contract import Look, OpenTracker, TrackerContract
from tao_automl.tracking.port import Tracker
from tao_automl.tracking.with_mlflow import open_mlflow
from tao_automl.tracking.with_tensorboard import open_tensorboard
from tao_automl.tracking.with_wandb import open_wandb

pytestmark = pytest.mark.usefixtures("quiet_trackers")


class TestTensorboard(TrackerContract):
    @pytest.fixture
    def open_tracker(self, tmp_path: Path) -> OpenTracker:
        pytest.importorskip("tensorboardX")
        return lambda: open_tensorboard(tmp_path, {})

    @pytest.fixture
    def look(self, tmp_path: Path) -> Look:
        return lambda: see_tensorboard(tmp_path / "tensorboard")


class TestMlflow(TrackerContract):
    @pytest.fixture
    def open_tracker(self, tmp_path: Path, make_mlflow: Callable[[Path], str]) -> OpenTracker:
        make_mlflow(tmp_path)
        return lambda: open_mlflow(tmp_path, {})

    @pytest.fixture
    def look(self, tmp_path: Path) -> Look:
        return lambda: see_mlflow(f"sqlite:///{tmp_path / 'mlflow.db'}")


class TestWandb(TrackerContract):
    patience = 0.0

    @pytest.fixture
    def open_tracker(self, tmp_path: Path) -> OpenTracker:
        pytest.importorskip("wandb")
        processes = itertools.count()  # W&B names folders by the second

        def open_() -> Tracker:
            self.patience = 10.0
            return open_wandb(tmp_path / str(next(processes)), {"mode": "offline"})

        return open_

    def die(self, tracker: Tracker) -> None:
        import wandb

        wandb.teardown()  # a process may have a run only once
        self.patience = 0.0

    @pytest.fixture
    def look(self, tmp_path: Path) -> Look:
        return lambda: see_wandb(tmp_path, self.patience)
