"""The command line as its users have it: a subprocess, a real skill, real local jobs."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

TRAIN = """
import argparse, json, math, os, sys, time
import yaml
parser = argparse.ArgumentParser()
parser.add_argument("--config")
spec = yaml.safe_load(open(parser.parse_args().config))
train, model = spec["train"], spec["model"]
folder = os.path.join(spec["results_dir"], "checkpoints")
os.makedirs(folder, exist_ok=True)
if train["fail"]:
    sys.exit("error: told to fail")
for epoch in range(1, train["num_epochs"] + 1):
    time.sleep(train["seconds"])
    loss = abs(math.log10(train["lr"]) + 2) + model["width"] / 100 + 1 / epoch
    print(json.dumps({"tao_automl": "metric", "epoch": epoch, "metrics": {"loss": loss}}), flush=True)
    path = os.path.join(folder, f"epoch_{epoch}.ckpt")
    with open(path + ".part", "w") as file:
        json.dump({"loss": loss, "epoch": epoch}, file)
    os.replace(path + ".part", path)
"""
EVALUATE = """
import argparse, json
import yaml
parser = argparse.ArgumentParser()
parser.add_argument("--config")
spec = yaml.safe_load(open(parser.parse_args().config))
state = json.load(open(spec["evaluate"]["checkpoint"]))
print(json.dumps({"tao_automl": "metric", "epoch": state["epoch"], "metrics": {"loss": state["loss"] + 0.1}}))
"""
FOLDER = {"results_dir": {"type": "folder"}}
INFO = {
    "name": "toy-model",
    "network_arch": "toy",
    "automl_enabled": True,
    "runtime": "python",
    "gpu_spec_key": None,
    "node_spec_key": None,
    "spec_shorthand_keys": {"epochs": "train.num_epochs"},
    "metrics": [{"name": "loss", "direction": "minimize", "primary": True, "source": {"kind": "json_line"}}],
    "fidelity": {"key": "train.num_epochs", "unit": "epoch", "min": 1, "max": 2, "resumable": False},
    "checkpoints": {"pattern": "checkpoints/epoch_*.ckpt", "epoch_from": "epoch_(\\d+)"},
    "limits": {"min_gpus": 0, "max_gpus": 0, "max_nodes": 1},
    "actions": {
        "train": {
            "python_script": "scripts/train.py",
            "inputs": {"dataset.train_path": {"type": "file"}},
            "outputs": FOLDER,
        },
        "evaluate": {
            "python_script": "scripts/evaluate.py",
            "inputs": {
                "dataset.eval_path": {"type": "file"},
                "evaluate.checkpoint": {"type": "file", "role": "checkpoint"},
            },
            "outputs": FOLDER,
        },
    },
    "data_sources": {
        "train": {"dataset.train_path": {"source": "train_dataset"}},
        "evaluate": {"dataset.eval_path": {"source": "eval_dataset"}},
    },
    "hpo": {"recommended_algorithm": "random", "seconds_per_epoch_hint": 0.01},
}


def _group(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties}


SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "toy",
    "x_skill": {"model": "toy-model", "network_arch": "toy", "action": "train"},
    "automl_default_parameters": ["train.lr", "model.width"],
    "automl_disabled_parameters": ["train.num_epochs"],
    "automl_constraints": [],
    **_group(
        results_dir={"type": "string", "default": "results"},
        dataset=_group(train_path={"type": ["string", "null"], "default": None}),
        train=_group(
            lr={
                "type": "number", "default": 0.1, "minimum": 1e-5, "maximum": 1.0, "scale": "log",
                "automl_enabled": True, "description": "How far each step goes.",
            },
            num_epochs={"type": "integer", "default": 2, "minimum": 1, "maximum": 100},
            seconds={"type": "number", "default": 0.0, "minimum": 0.0, "maximum": 60.0},
            fail={"type": "boolean", "default": False},
        ),
        model=_group(
            width={
                "type": "integer", "default": 8, "minimum": 2, "maximum": 64, "automl_enabled": True,
                "description": "Units of the one layer.",
            },
        ),
    ),
}  # fmt: skip
TRAIN_SPEC = {
    "results_dir": "results",
    "dataset": {"train_path": None},
    "train": {"lr": 0.1, "num_epochs": 2, "seconds": 0.0, "fail": False},
    "model": {"width": 8},
}
EVALUATE_SPEC = {"results_dir": "results", "dataset": {"eval_path": None}, "evaluate": {"checkpoint": None}}


def write_toy_skill(root: Path) -> None:
    """A native skill that trains in no time, and its data. Its YAML is JSON."""
    files = {
        "references/skill_info.yaml": json.dumps(INFO),
        "references/spec_template_train.yaml": json.dumps(TRAIN_SPEC),
        "references/spec_template_evaluate.yaml": json.dumps(EVALUATE_SPEC),
        "schemas/train.schema.json": json.dumps(SCHEMA),
        "schemas/manifest.json": json.dumps({"train": "train.schema.json"}),
        "scripts/train.py": TRAIN,
        "scripts/evaluate.py": EVALUATE,
    }
    for name, text in files.items():
        path = root / "skills" / "models" / "toy-model" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (root / "train.csv").write_text("a,b\n1,2\n")
    (root / "test.csv").write_text("a,b\n1,2\n")
