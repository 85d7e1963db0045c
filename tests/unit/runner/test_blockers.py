"""What keeps a run from being launched is shown by `plan`, and refused by `run` before anything is touched."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tao_automl.cli.main import main
from tao_automl.domain.job import JobSpec
from tao_automl.errors import DataError, SettingsError
from tao_automl.runner import AutoMLRunner, Plan
from tao_automl.runner.blockers import Blocker, refuse
from tao_automl.testing.clock import ManualClock
from tao_automl.testing.memory_platform import Behaviour, MemoryPlatform

ACTION: dict[str, Any] = {
    "command": "toy train -e {config_path}",
    "inputs": {
        "data.train": {"type": "file"},
        "data.val": {"type": "file"},
        "data.extra": {"type": "file", "optional": True},
        "model.path": {"type": "folder", "role": "pretrained"},
        "train.resume": {"type": "file", "optional": True, "role": "resume"},
    },
}
INFO: dict[str, Any] = {
    "name": "train-boxed",
    "network_arch": "boxed",
    "aliases": [],
    "automl_enabled": True,
    "runtime": "container",
    "container_image": "registry/boxed:1",
    "metrics": [{"name": "loss", "direction": "minimize"}],
    "actions": {"train": ACTION},
    "data_sources": {
        "train": {
            "data.train": {"source": "train_datasets", "path": "train.json"},
            "data.val": {"source": "eval_dataset"},
            "data.extra": {"source": "train_datasets", "path": "extra.json"},
        }
    },
}
TEMPLATE = {
    "data": {"train": "", "val": None, "extra": []},
    "model": {"path": "???"},
    "train": {"resume": None, "lr": 0.1},
}
SCHEMA = """{"automl_default_parameters": ["train.lr"], "properties": {"train": {"properties": {"lr":
{"type": "number", "default": 0.1, "minimum": 0.01, "maximum": 1, "automl_enabled": true}}}}}"""
GIVEN = {"spec_overrides": {"model.path": "/models/base"}}


def skill(folder: Path, info: Mapping[str, Any] = INFO) -> Path:
    for name in ("references", "schemas"):
        (folder / name).mkdir(parents=True)
    (folder / "references" / "skill_info.yaml").write_text(yaml.safe_dump(dict(info), sort_keys=False))
    (folder / "references" / "spec_template_train.yaml").write_text(yaml.safe_dump(TEMPLATE))
    (folder / "schemas" / "train.schema.json").write_text(SCHEMA)
    return folder


@pytest.fixture
def boxed(tmp_path: Path) -> Path:
    return skill(tmp_path / "train-boxed")


class Boxes(MemoryPlatform):
    """Starts whatever it is given."""


def behave(spec: JobSpec) -> Behaviour:
    raise AssertionError(f"launched {spec.key}")


def runner(folder: Path, platform: Any = "local", workspace: Path | None = None) -> AutoMLRunner:
    return AutoMLRunner(skill_dir=folder, platform_sdk=platform, workspace_dir=workspace)


def plan(folder: Path, **arguments: Any) -> Plan:
    return runner(folder, Boxes(clock=ManualClock(), behave=behave)).plan(**arguments)


def test_a_platform_without_containers_is_a_blocker_before_all_others(boxed: Path, tmp_path: Path) -> None:
    found = runner(boxed).plan()
    assert [blocker["kind"] for blocker in found.blockers] == ["platform", "data", "data", "data"]
    assert found.blockers[0]["reason"] == (
        "the platform local starts no containers, and train-boxed runs in registry/boxed:1"
    )
    assert found.image == "registry/boxed:1"
    with pytest.raises(SettingsError, match="starts no containers"):
        runner(boxed, workspace=tmp_path / "run").run()
    assert not (tmp_path / "run").exists()


def test_the_platforms_that_may_run_images_are_named(boxed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def remedy(*installed: str) -> str:
        monkeypatch.setattr("tao_automl.runner.blockers.plugins.names", lambda group: installed)
        return str(runner(boxed).plan(automl_algorithm="random").blockers[0]["remedy"])

    assert remedy("docker", "local", "slurm") == "choose a platform that runs images: docker, slurm"
    assert "study create" in remedy("local")


def test_a_platform_without_enough_gpus_is_a_blocker(boxed: Path) -> None:
    platform = Boxes(clock=ManualClock(), behave=behave, slots=0)
    assert platform.capacity(1) == 0
    found = runner(boxed, platform).plan(gpu_count=1).blockers[0]
    assert (found["kind"], found["reason"]) == ("platform", "the platform memory has too few GPUs for a job with 1")


def test_native_code_runs_on_the_local_platform(tmp_path: Path) -> None:
    action = {**ACTION, "python_script": "scripts/train.py"}
    del action["command"]
    native = {key: value for key, value in INFO.items() if key != "container_image"}
    folder = tmp_path / "train-boxed"
    (folder / "scripts").mkdir(parents=True)
    (folder / "scripts" / "train.py").write_text("")
    found = runner(skill(folder, {**native, "runtime": "python", "actions": {"train": action}})).plan()
    assert {blocker["kind"] for blocker in found.blockers} == {"data"}


def test_missing_data_is_named_with_what_gives_it(boxed: Path, tmp_path: Path) -> None:
    assert [(blocker["reason"], blocker["remedy"]) for blocker in plan(boxed).blockers] == [
        ("training data must be given, for data.train", "give --train-data PATH (`train_dataset_uri`)"),
        ("evaluation data must be given, for data.val", "give --eval-data PATH (`eval_dataset_uri`)"),
        ("must have a value: model.path", "give --override model.path=PATH"),
    ]
    platform = Boxes(clock=ManualClock(), behave=behave)
    with pytest.raises(DataError, match=r"training data must be given, for data.train"):
        runner(boxed, platform, tmp_path / "run").run()
    assert not (tmp_path / "run").exists()


def test_data_may_come_from_uris_and_overrides(boxed: Path, tmp_path: Path) -> None:
    uris = {"train_dataset_uri": tmp_path, "eval_dataset_uri": tmp_path}
    assert plan(boxed, **uris, **GIVEN).blockers == []
    overrides = {"data": {"train": "/a"}, "data.val": "/b", "model.path": "/c"}
    assert plan(boxed, spec_overrides=overrides).blockers == []
    half = plan(boxed, train_dataset_uri=tmp_path, **GIVEN).blockers
    assert [blocker["reason"] for blocker in half] == ["evaluation data must be given, for data.val"]


def test_one_of_several_optional_inputs_is_needed(tmp_path: Path) -> None:
    inputs = {key: {**entry, "optional": True} for key, entry in ACTION["inputs"].items()}
    folder = skill(tmp_path / "train-boxed", {**INFO, "actions": {"train": {**ACTION, "inputs": inputs}}})
    assert [blocker["reason"] for blocker in plan(folder).blockers] == [
        "training data must be given, for data.train, data.extra"
    ]
    assert plan(folder, spec_overrides={"data.extra": ["/x"]}).blockers == []


def test_a_model_may_do_without_data(tmp_path: Path) -> None:
    inputs = {"data.train": {"type": "file", "optional": True}}
    folder = skill(tmp_path / "train-boxed", {**INFO, "actions": {"train": {**ACTION, "inputs": inputs}}})
    assert plan(folder).blockers == []


def test_a_plan_needs_no_workspace_and_a_run_does(boxed: Path, tmp_path: Path) -> None:
    assert plan(boxed).workspace is None
    assert runner(boxed, workspace=tmp_path / "run").plan().workspace == str(tmp_path / "run")
    with pytest.raises(SettingsError, match="`workspace_dir` is missing"):
        runner(boxed).run()


@pytest.mark.parametrize("output", ["text", "json"])
def test_the_command_line_shows_the_review_and_refuses_the_run(
    output: str, boxed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["plan", str(boxed), "--format", output]) == 0
    shown = capsys.readouterr().out
    assert "train.lr" in shown
    assert "the platform local starts no containers" in " ".join(shown.split())
    assert main(["run", str(boxed), "--workspace", "w", "--yes", "--format", output]) == 2
    out, err = capsys.readouterr()
    assert "starts no containers" in (out if output == "json" else err)
    assert ("SettingsError" in out) == (output == "json")
    assert not (tmp_path / "w").exists()


def test_without_blockers_nothing_is_refused() -> None:
    refuse(())
    with pytest.raises(DataError, match="first"):
        refuse([Blocker(kind="data", reason="first", remedy=""), Blocker(kind="platform", reason="second", remedy="")])
