"""Bad input: one clear message, exit code 2, nothing launched and no workspace made."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tao_automl.errors import DataError, JournalError, SkillChanged, UserError
from tao_automl.runner import AutoMLRunner, query_status, resume_run

QUICK: dict[str, Any] = {"num_recommendations": 1, "evaluate_default": False}


def refused(skill: Path, tmp_path: Path, **arguments: Any) -> str:
    workspace = tmp_path / "run"
    with pytest.raises(UserError) as caught:
        AutoMLRunner(skill_dir=skill, platform_sdk="local", workspace_dir=workspace).run(**arguments)
    assert caught.value.exit_code == 2
    assert not workspace.exists(), "nothing may be made before everything was checked"
    return str(caught.value)


CASES: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown argument": ({"automl_setings": {}}, "did you mean `automl_settings`?"),
    "an unknown setting": ({"automl_settings": {"max_epoch": 3}}, "did you mean `max_epochs`?"),
    "an unknown algorithm": ({"automl_algorithm": "ahsa"}, "did you mean `asha`?"),
    "an unknown override": ({"spec_overrides": {"misbehav": "no"}}, "misbehave"),
    "an override of the budget": ({"spec_overrides": {"num_epochs": 3}}, "automl_max_epochs"),
    "an unknown parameter": ({"automl_hyperparameters": ["y"]}, "no such parameter"),
    "a parameter that is not searchable": ({"automl_hyperparameters": ["misbehave"]}, "automl_enabled"),
    "a range with the wrong keys": ({"custom_param_ranges": {"x": {"min": 0, "max": 1}}}, "valid_min"),
    "a range outside of the schema": ({"custom_param_ranges": {"x": {"valid_min": -3}}}, "-3"),
    "an empty range": ({"custom_param_ranges": {"x": {"valid_min": 0.9, "valid_max": 0.1}}}, "0.9"),
    "a searched and fixed parameter": (
        {"automl_hyperparameters": ["x"], "spec_overrides": {"x": 0.5}},
        "it is to be searched and has a fixed value",
    ),
    "everything fixed": ({"spec_overrides": {"x": 0.5}}, "empty"),
    "an undeclared metric": ({"automl_settings": {"metric": "speed"}}, "set `direction`"),
    "a conflict of directions": ({"automl_settings": {"direction": "minimize"}}, "declares"),
    "too many epochs for the fidelity": (
        {"automl_settings": {"max_epochs": 0}},
        "max_epochs: an integer of at least 1",
    ),
    "data that is not there": ({"train_dataset_uri": "/no/such/file.csv"}, "/no/such/file.csv"),
    "remote data": ({"train_dataset_uri": "s3://bucket/file.csv"}, "s3://"),
    "a callback that cannot be called": ({"eval_fn": 3}, "eval_fn: a function is needed"),
    "an unknown platform option": ({"platform_options": {"slot": 2}}, "slots"),
    "GPUs that the skill cannot use": ({"gpu_count": -1}, "gpu_count"),
}


@pytest.mark.parametrize("case", CASES)
def test_arguments(case: str, toy: Callable[..., Path], tmp_path: Path) -> None:
    arguments, words = CASES[case]
    assert words in refused(toy(), tmp_path, **arguments)


def test_data_that_the_skill_refuses(toy: Callable[..., Path], tmp_path: Path) -> None:
    skill = toy(refuse_data=True)
    with pytest.raises(DataError) as caught:
        AutoMLRunner(skill_dir=skill, platform_sdk="local", workspace_dir=tmp_path / "run").run()
    assert (caught.value.message, caught.value.hint) == ("the file has no rows", "give it some")
    assert not (tmp_path / "run").exists()


def broken(name: str, text: str | None) -> Callable[[Path], None]:
    def damage(skill: Path) -> None:
        path = skill / name
        if text is None:
            path.unlink()
        else:
            path.write_text(text)

    return damage


SKILL_FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "no skill_info": (broken("references/skill_info.yaml", None), "skill_info.yaml"),
    "not YAML": (broken("references/skill_info.yaml", "name: [toy"), "skill_info.yaml"),
    "an empty skill_info": (broken("references/skill_info.yaml", ""), "skill_info.yaml"),
    "no schema": (broken("schemas/train.schema.json", None), "train.schema.json"),
    "a schema that is not JSON": (broken("schemas/train.schema.json", "{"), "train.schema.json"),
    "no template": (broken("references/spec_template_train.yaml", None), "spec_template_train.yaml"),
    "a template that is not YAML": (broken("references/spec_template_train.yaml", "a: [b"), "spec_template_train"),
}


@pytest.mark.parametrize("case", SKILL_FAULTS)
def test_skill_files(case: str, toy: Callable[..., Path], tmp_path: Path) -> None:
    damage, words = SKILL_FAULTS[case]
    skill = toy()
    damage(skill)
    assert words in refused(skill, tmp_path)


def test_a_skill_that_does_not_exist(tmp_path: Path) -> None:
    assert "train-tabular" in refused(Path("train-tabluar"), tmp_path)


def test_constructor_arguments() -> None:
    with pytest.raises(UserError, match="did you mean `workspace_dir`"):
        AutoMLRunner(skill_dir="x", platform_sdk="local", workspacedir="y")
    with pytest.raises(UserError, match="`workspace_dir` is missing"):
        AutoMLRunner(skill_dir="x", platform_sdk="local").run()
    with pytest.raises(UserError, match="no platform named `lokal`"):
        AutoMLRunner(skill_dir="x", sdk="lokal", workspace_path="y").run()


def test_resume_and_fresh_runs_are_told_apart(toy: Callable[..., Path], tmp_path: Path) -> None:
    skill, workspace = toy(seconds_per_epoch=0.0), tmp_path / "run"
    runner = AutoMLRunner(skill_dir=skill, platform_sdk="local", workspace_dir=workspace, poll_interval=0.05)
    with pytest.raises(UserError, match="there is no run in this folder"):
        runner.run(resume=True)
    with pytest.raises(UserError, match="there is no run in this folder"):
        query_status(workspace)
    assert runner.run(automl_settings=QUICK).status == "completed"
    with pytest.raises(UserError, match="already holds a run"):
        runner.run(automl_settings=QUICK)
    with pytest.raises(UserError, match="begun with other arguments"):
        runner.run(automl_settings={**QUICK, "num_recommendations": 5}, resume=True)
    assert runner.run(automl_settings=QUICK, resume=True).status == "completed"
    assert len(runner.run(resume=True).history) == 1


def test_a_changed_skill_is_refused_and_a_moved_one_is_not_guessed(toy: Callable[..., Path], tmp_path: Path) -> None:
    skill, workspace = toy(seconds_per_epoch=0.0), tmp_path / "run"
    runner = AutoMLRunner(skill_dir=skill, platform_sdk="local", workspace_dir=workspace, poll_interval=0.05)
    runner.run(automl_settings=QUICK)
    (skill / "scripts" / "train.py").write_text("print()")
    with pytest.raises(SkillChanged) as caught:
        resume_run(workspace)
    assert caught.value.exit_code == 4


def test_a_workspace_that_cannot_be_written(toy: Callable[..., Path], tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    runner = AutoMLRunner(skill_dir=toy(), platform_sdk="local", workspace_dir=in_the_way / "run")
    with pytest.raises(JournalError) as caught:
        runner.run(automl_settings=QUICK)
    assert str(in_the_way) in caught.value.message


def test_the_result_is_there_as_a_file(toy: Callable[..., Path], tmp_path: Path) -> None:
    workspace = tmp_path / "run"
    runner = AutoMLRunner(
        skill_dir=toy(seconds_per_epoch=0.0), platform_sdk="local", workspace_dir=workspace, poll_interval=0.05
    )
    result = runner.run(automl_settings=QUICK)
    assert json.loads((workspace / "result.json").read_text()) == json.loads(result.to_json())
    assert dict(result)["best"] == json.loads((workspace / "best_rec.json").read_text())
