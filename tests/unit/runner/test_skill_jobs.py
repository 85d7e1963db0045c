"""Specs and inputs of jobs: data keeps its shape, and every path of it is an input."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tao_automl.bank.spec_tree import lookup
from tao_automl.domain.job import JobSpec
from tao_automl.runner import AutoMLRunner
from tao_automl.runner.arguments import Arguments
from tao_automl.runner.runs import SystemClock
from tao_automl.runner.setup import Setup, prepare
from tao_automl.testing.memory_platform import Behaviour, MemoryPlatform

MODELS = Path(__file__).resolve().parents[3] / "skills" / "models"
READERS = {"yaml": yaml.safe_load, "json": json.loads, "toml": tomllib.loads}


class Anywhere:
    """A platform with room for everything."""

    def capacity(self, gpus: int) -> int | None:
        return None


@pytest.fixture
def setup(tmp_path: Path) -> Any:
    """Prepares a run of a skill on data in two empty folders."""
    for name in ("train", "eval"):
        (tmp_path / name).mkdir()

    def make(folder: str | Path, **more: Any) -> Setup:
        data = {"train_dataset_uri": str(tmp_path / "train"), "eval_dataset_uri": str(tmp_path / "eval")}
        given = {"skill_dir": str(folder), "action": "train", "platform": "anywhere", **data, **more}
        return prepare(Arguments(**given), Anywhere())

    return make


def training(found: Setup) -> tuple[JobSpec, Mapping[str, Any]]:
    """The first job, and the spec as its training code reads it."""
    params = found.problem.space.default()
    job = found.jobs.training("t0000-b1-train-a1", params, 1, None)
    (name, text), *more = job.files.items()
    assert more == []
    return job, READERS[name.rpartition(".")[2]](text)


def test_a_list_stays_a_list(setup: Any, tmp_path: Path) -> None:
    job, spec = training(setup(MODELS / "tao-train-ocdnet"))
    assert lookup(spec, "dataset.train_dataset.data_path") == [f"{tmp_path}/train/train"]
    assert job.inputs["dataset.train_dataset.data_path[0]"] == f"{tmp_path}/train/train"
    assert job.inputs["dataset.validate_dataset.data_path[0]"] == f"{tmp_path}/eval/test"


def test_an_element_of_a_list_is_set_in_its_place(setup: Any, tmp_path: Path) -> None:
    job, spec = training(setup(MODELS / "tao-finetune-clip"))
    (source,) = lookup(spec, "dataset.train.datasets")
    assert (source["image_dir"], source["caption_dir"]) == (f"{tmp_path}/train/images", f"{tmp_path}/train/captions")
    assert job.inputs["dataset.train.datasets[0].image_dir"] == f"{tmp_path}/train/images"


@pytest.mark.parametrize(
    "name", sorted(path.parents[1].name for path in MODELS.glob("tao-*/schemas/train.schema.json"))
)
def test_every_path_is_an_input_and_stands_in_the_spec(name: str, setup: Any, tmp_path: Path) -> None:
    job, spec = training(setup(MODELS / name))
    assert job.inputs
    assert job.image
    for key, path in job.inputs.items():
        assert path.startswith(f"{tmp_path}/")
        assert lookup(spec, key) == path


NESTED = {
    "name": "train-nested",
    "network_arch": "nested",
    "automl_enabled": True,
    "container_image": "registry/nested:1",
    "metrics": [{"name": "loss", "direction": "minimize"}],
    "actions": {
        "train": {
            "command": "nested train -e {config_path}",
            "inputs": {
                "data.sources": {"type": "list"},
                "model.weights": {"type": "file", "optional": True, "role": "pretrained"},
                "data.more[0].path": {"type": "file", "optional": True},
                "model.base": {"type": "folder", "optional": True, "role": "pretrained"},
            },
        }
    },
    "data_sources": {
        "train": {
            "data.sources": {
                "source": "train_datasets",
                "multiple_sources": True,
                "mapping": {"images": {"path": "images"}, "labels": {"path": "labels.json"}},
            }
        }
    },
}
TEMPLATE = {
    "data": {"sources": [], "more": [{"path": ""}]},
    "model": {"weights": None, "base": ""},
    "train": {"lr": 0.1, "resume": None},
}
SCHEMA = {
    "automl_default_parameters": ["train.lr"],
    "properties": {
        "train": {
            "properties": {
                "lr": {"type": "number", "default": 0.1, "minimum": 0.01, "maximum": 1, "automl_enabled": True}
            }
        }
    },
}


def nested(folder: Path, config_format: str = "yaml", template: str = "yaml") -> Path:
    for name in ("references", "schemas"):
        (folder / name).mkdir(parents=True)
    action = {**NESTED["actions"]["train"], "config_format": config_format}  # type: ignore[index]  # a literal above
    (folder / "references/skill_info.yaml").write_text(yaml.safe_dump({**NESTED, "actions": {"train": action}}))
    text = {"yaml": yaml.safe_dump(TEMPLATE), "json": json.dumps(TEMPLATE), "toml": TOML}[template]
    (folder / f"references/spec_template_train.{template}").write_text(text)
    (folder / "schemas/train.schema.json").write_text(json.dumps(SCHEMA))
    return folder


TOML = """
[data]
sources = []
more = [{path = ""}]
[model]
base = ""
weights = ""
[train]
lr = 0.1
"""


def test_nested_data_and_the_files_that_overrides_give(setup: Any, tmp_path: Path) -> None:
    overrides = {"model.weights": "/w/base.pth", "data": {"more": [{"path": "/more"}]}, "model.base": "some/name"}
    job, spec = training(setup(nested(tmp_path / "train-nested"), spec_overrides=overrides))
    place = {"images": f"{tmp_path}/train/images", "labels": f"{tmp_path}/train/labels.json"}
    assert spec["data"]["sources"] == [place]
    assert job.inputs == {
        "data.sources[0].images": place["images"],
        "data.sources[0].labels": place["labels"],
        "model.weights": "/w/base.pth",
        "data.more[0].path": "/more",
    }
    assert spec["model"]["base"] == "some/name"


@pytest.mark.parametrize(
    ("config_format", "template"),
    [("yaml", "yaml"), ("json", "yaml"), ("json", "json"), ("toml", "yaml"), ("toml", "toml")],
)
def test_a_spec_is_written_in_the_format_of_its_action(
    config_format: str, template: str, setup: Any, tmp_path: Path
) -> None:
    job, spec = training(setup(nested(tmp_path / "train-nested", config_format, template)))
    assert list(job.files) == [f"spec.{config_format}"]
    assert job.command == ("nested", "train", "-e", f"spec.{config_format}")
    assert spec["train"]["lr"] == 0.1
    assert ("resume" in spec["train"]) == (config_format != "toml")


def test_the_best_spec_is_in_the_format_that_the_training_reads(tmp_path: Path) -> None:
    def behave(spec: JobSpec) -> Behaviour:
        lr = tomllib.loads(spec.files["spec.toml"])["train"]["lr"]
        line = json.dumps({"tao_automl": "metric", "epoch": 1, "metrics": {"loss": lr}})
        return Behaviour(seconds=0.0, lines=[(0.0, line)])

    (tmp_path / "train").mkdir()
    workspace = tmp_path / "run"
    runner = AutoMLRunner(
        skill_dir=nested(tmp_path / "train-nested", "toml"),
        platform_sdk=MemoryPlatform(clock=SystemClock(), behave=behave),
        workspace_dir=workspace,
        poll_interval=0.01,
    )
    settings = {"automl_max_recommendations": 3, "allow_proxy_metric": True}
    result = runner.run(
        automl_algorithm="random", automl_settings=settings, train_dataset_uri=tmp_path / "train", gpu_count=0
    )
    assert result.best is not None
    assert Path(result.best["spec_path"]) == workspace / "best_spec.toml"
    best = tomllib.loads((workspace / "best_spec.toml").read_text())
    assert best["train"]["lr"] == result.best["specs"]["train.lr"] == result.best["metric_value"]


def test_cosmos_reason_reads_toml(setup: Any) -> None:
    job, spec = training(setup(MODELS / "tao-finetune-cosmos-reason"))
    assert list(job.files) == ["spec.toml"]
    assert any("--config spec.toml" in word for word in job.command)
    assert spec["policy"]["lora"]["r"] == 8
    assert spec["train"]["epoch"] == 1
    assert None not in spec["train"].values()


def test_an_override_for_training_reaches_the_evaluation(setup: Any) -> None:
    """What both specs have is set once."""
    found = setup(MODELS / "tao-train-pointpillars", spec_overrides={"dataset.data_info_path": "/data/infos"})
    assert found.jobs.why_no_evaluation() is None
    assert "dataset.data_info_path" in str(setup(MODELS / "tao-train-pointpillars").jobs.why_no_evaluation())


@pytest.mark.parametrize(
    "name", ["image-classification", "nvpanoptix3d", "sparse4d", "visual-changenet", "dino", "ocdnet", "mask2former"]
)
def test_evaluation_data_is_all_that_an_evaluation_needs(name: str, setup: Any) -> None:
    assert setup(MODELS / f"tao-train-{name}").jobs.why_no_evaluation() is None
