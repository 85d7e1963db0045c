"""Ask and tell by hand, over the journal that runners use."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tao_automl.domain.trial import Origin, TrialState
from tao_automl.errors import JournalConflict, SettingsError, UserError
from tao_automl.runner import AutoMLRunner, Study, create_study, open_study, query_status, resume_run


def made(toy: Callable[..., Path], tmp_path: Path, algorithm: str = "random", **settings: object) -> Study:
    return create_study(
        tmp_path / "study", skill_dir=toy(), algorithm=algorithm, settings={"num_recommendations": 6, **settings}
    )


def test_ask_train_tell(toy: Callable[..., Path], tmp_path: Path) -> None:
    with made(toy, tmp_path) as study:
        (first,) = study.ask()
        assert (first.origin, first.params, first.budget) == (Origin.DEFAULT, {"x": 0.9}, 9)
        study.tell(first.id, 0.4)
        asked = study.ask(5)
        assert [trial.id for trial in asked] == [1, 2, 3, 4, 5]
        for trial in asked[:3]:
            study.tell(trial.id, 1 - abs(float(str(trial.params["x"])) - 0.3))
        failed = study.tell(4, failed=True, reason="out of memory")
        assert (failed.state, failed.score, failed.reason) == (TrialState.FAILED, None, "out of memory")
        study.tell(5, {"accuracy": 0.1, "latency": 3.0})
        assert study.ask() == []
        assert study.best is not None
        assert study.best.score == max((t.score for t in study.trials if t.score), key=lambda score: score.value)


def test_a_study_goes_on_in_another_process(toy: Callable[..., Path], tmp_path: Path) -> None:
    with made(toy, tmp_path) as study:
        study.ask(3)
        with pytest.raises(JournalConflict):
            open_study(tmp_path / "study")
    with open_study(tmp_path / "study") as again:
        assert [trial.state for trial in again.trials] == [TrialState.RUNNING] * 3
        again.tell(1, 0.7)
    result = query_status(tmp_path / "study")
    assert (result.progress["running"], result.progress["best_metric"]) == (2, 0.7)


def test_promotions_come_back_under_their_id(toy: Callable[..., Path], tmp_path: Path) -> None:
    with made(toy, tmp_path, "asha", evaluate_default=False) as study:
        for trial in study.ask(3):
            assert trial.budget == 1
            study.tell(trial.id, trial.id / 10)
        (promoted,) = study.ask(1)
        assert (promoted.id, promoted.budget) == (2, 3)
        study.tell(2, 0.9)
        assert list(study.trials[2].scores) == [1, 3]


def test_what_cannot_be_told(toy: Callable[..., Path], tmp_path: Path) -> None:
    with made(toy, tmp_path) as study:
        with pytest.raises(UserError, match="trial 0 does not wait"):
            study.tell(0, 1.0)
        study.ask()
        for value in (float("nan"), None, "good", {"latency": 1.0}):
            with pytest.raises(UserError, match="a finite `accuracy` is needed"):
                study.tell(0, value)  # type: ignore[arg-type]
        study.tell(0, 0.5)
        with pytest.raises(UserError, match="trial 0 does not wait"):
            study.tell(0, 0.6)
        with pytest.raises(SettingsError, match="at least 1"):
            study.ask(0)


def test_runs_and_studies_are_told_apart(toy: Callable[..., Path], tmp_path: Path) -> None:
    skill = toy(seconds_per_epoch=0.0)
    create_study(tmp_path / "study", skill_dir=skill).close()
    with pytest.raises(UserError, match="by hand"):
        resume_run(tmp_path / "study")
    AutoMLRunner(skill_dir=skill, platform_sdk="local", workspace_dir=tmp_path / "run", poll_interval=0.05).run(
        automl_algorithm="random", automl_settings={"num_recommendations": 1}
    )
    with pytest.raises(UserError, match="run on `local`"):
        open_study(tmp_path / "run")
