"""What a job is given besides the trial's own configuration: batches that the data can fill, and the base model."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tao_automl.bank import load_skill
from tao_automl.domain.job import JobSpec
from tao_automl.engine.world import NotPossible
from tao_automl.runner.skill_jobs import SkillJobs

INFO: dict[str, Any] = {
    "name": "train-toy",
    "network_arch": "toy",
    "automl_enabled": True,
    "runtime": "python",
    "metrics": [{"name": "loss", "direction": "minimize", "primary": True}],
    "batch": {"key": "train.batch_size", "per": "gpu"},
    "checkpoints": {"pattern": "*.pth"},
    "actions": {
        "train": {"python_script": "train.py"},
        "evaluate": {
            "python_script": "train.py",
            "inputs": {
                "evaluate.checkpoint": {"type": "file", "role": "checkpoint", "base_from": "train.pretrained"},
                "data.eval": {"type": "file"},
            },
        },
    },
}
TRAIN = {"train": {"batch_size": 32, "lr": 0.1, "pretrained": None}}
EVALUATE = {"evaluate": {"checkpoint": None}, "data": {"eval": None}, "train": {"batch_size": 1}}
SCHEMA = {
    "automl_default_parameters": ["train.lr"],
    "properties": {"train": {"properties": {"lr": {"type": "number", "default": 0.1, "minimum": 0.01, "maximum": 1}}}},
}
Make = Callable[..., SkillJobs]


@pytest.fixture
def jobs(tmp_path: Path) -> Make:
    def make(
        *, per: str = "gpu", train: Any = TRAIN, schema: Any = SCHEMA, base_from: bool = True, **fields: Any
    ) -> SkillJobs:
        folder = tmp_path / "train-toy"
        for name in ("references", "schemas"):
            (folder / name).mkdir(parents=True)
        info = json.loads(json.dumps(INFO))
        info["batch"]["per"] = per
        if not base_from:
            del info["actions"]["evaluate"]["inputs"]["evaluate.checkpoint"]["base_from"]
        (folder / "train.py").write_text("print('training')\n")
        (folder / "references/skill_info.yaml").write_text(yaml.safe_dump(info))
        (folder / "references/spec_template_train.yaml").write_text(yaml.safe_dump(train))
        (folder / "references/spec_template_evaluate.yaml").write_text(yaml.safe_dump(EVALUATE))
        (folder / "schemas/train.schema.json").write_text(json.dumps(schema))
        given: dict[str, Any] = {"overrides": {}, "data": {"evaluate": {"data.eval": "/data/eval"}}, **fields}
        return SkillJobs(skill=load_skill(folder), action="train", fidelity=None, **given)

    return make


def batch(found: SkillJobs, **params: Any) -> Any:
    job = found.training("key", {f"train.{name}": value for name, value in params.items()}, 1, None)
    return yaml.safe_load(job.files["spec.yaml"])["train"]["batch_size"]


@pytest.mark.parametrize(
    ("count", "gpus", "nodes", "size"), [(20, 1, 1, 20), (20, 4, 1, 5), (20, 2, 2, 5), (20, 0, 1, 20), (3, 2, 1, 1)]
)
def test_a_batch_that_the_data_cannot_fill_is_made_smaller(
    jobs: Make, count: int, gpus: int, nodes: int, size: int
) -> None:
    found = jobs(sample_count=count, gpus=gpus, nodes=nodes)
    (change,) = found.adjustments({"train.lr": 0.5})
    shards = max(1, gpus * nodes)
    assert {name: change[name] for name in ("type", "key", "from", "to", "sample_count", "shards")} == {
        "type": "effective_batch_cap",
        "key": "train.batch_size",
        "from": 32,
        "to": size,
        "sample_count": count,
        "shards": shards,
    }
    assert "an epoch would have no step" in str(change["reason"])
    assert batch(found, lr=0.5) == size


def test_what_the_data_can_fill_stays_as_it_is(jobs: Make) -> None:
    found = jobs(sample_count=32, gpus=1)
    assert found.adjustments({}) == ()
    assert batch(found) == 32


def test_a_batch_of_the_whole_job_is_not_multiplied(jobs: Make) -> None:
    assert jobs(per="job", sample_count=32, gpus=8).adjustments({}) == ()


def test_without_a_count_nothing_is_changed(jobs: Make) -> None:
    assert jobs(gpus=8).adjustments({}) == ()


def test_a_batch_of_one_cannot_be_made_smaller(jobs: Make) -> None:
    assert jobs(sample_count=3, gpus=8).adjustments({"train.batch_size": 1}) == ()


def test_the_trials_own_batch_counts_then_the_users_then_the_templates(jobs: Make) -> None:
    found = jobs(sample_count=10, gpus=1, overrides={"train": {"train.batch_size": 16}})
    assert [change["from"] for change in found.adjustments({})] == [16]
    assert [change["from"] for change in found.adjustments({"train.batch_size": 64})] == [64]
    assert found.adjustments({"train.batch_size": 8}) == ()
    assert batch(found, batch_size=64) == 10
    assert batch(found, batch_size=8) == 8


@pytest.mark.parametrize("size", [None, "auto", 0.5])
def test_a_batch_that_is_no_number_is_left_alone(jobs: Make, size: Any) -> None:
    assert jobs(sample_count=1, gpus=1).adjustments({"train.batch_size": size}) == ()


@pytest.mark.parametrize("where", ["override", "data", "template"])
def test_the_base_model_is_evaluated_where_it_is_given(jobs: Make, where: str) -> None:
    base = {"train.pretrained": "/models/base.pth"}
    data = {"evaluate": {"data.eval": "/data/eval"}}
    given: dict[str, Any] = {
        "override": {"overrides": {"train": base}},
        "data": {"data": {"train": base, **data}},
        "template": {"train": {"train": {**TRAIN["train"], "pretrained": "/models/base.pth"}}},
    }[where]
    job = jobs(**given).base_evaluation("base-key")
    assert isinstance(job, JobSpec)
    spec = yaml.safe_load(job.files["spec.yaml"])
    assert spec["evaluate"]["checkpoint"] == "/models/base.pth"
    assert spec["data"]["eval"] == "/data/eval"
    assert (job.key, job.resume_from) == ("base-key", None)
    assert spec["train"]["batch_size"] == 32  # what both have in common is as in the training


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "no base model was given (`train.pretrained`)"),
        ({"base_from": False}, "train-toy does not evaluate a base model"),
        ({"data": {}}, "no evaluation data was given"),
    ],
)
def test_without_one_there_is_a_reason(jobs: Make, given: Any, reason: str) -> None:
    found = jobs(**given).base_evaluation("key")
    assert isinstance(found, NotPossible)
    assert reason in found.reason


@pytest.mark.parametrize(
    ("leaf", "count", "size"),
    [
        ({"minimum": 8, "maximum": 512}, 20, 20),
        ({"minimum": 8, "maximum": 512}, 3, 64),
        ({"enum": [8, 16, 32, 64]}, 20, 16),
        ({"enum": [8, 16, 32, 64]}, 7, 64),
    ],
)
def test_a_cap_is_a_value_that_the_schema_permits(jobs: Make, leaf: Any, count: int, size: int) -> None:
    """Where there is none, the trial is left as it is: its training will say what is wrong."""
    schema = json.loads(json.dumps(SCHEMA))
    schema["properties"]["train"]["properties"]["batch_size"] = {"type": "integer", "default": 32, **leaf}
    found = jobs(sample_count=count, gpus=1, schema=schema)
    assert batch(found, batch_size=64, lr=0.1) == size
