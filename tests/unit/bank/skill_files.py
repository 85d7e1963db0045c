"""A small model skill on disk, which tests bend."""

import copy
import json
from pathlib import Path

import yaml

INFO = {
    "name": "train-toy",
    "network_arch": "toy",
    "aliases": ["toy-net"],
    "automl_enabled": True,
    "data_format": "csv",
    "runtime": "python",
    "gpu_spec_key": "train.num_gpus",
    "node_spec_key": None,
    "spec_shorthand_keys": {"epochs": "train.num_epochs"},
    "metrics": [
        {"name": "loss", "direction": "minimize"},
        {"name": "accuracy", "direction": "maximize", "primary": True, "source": {"kind": "json_line"}},
    ],
    "fidelity": {"key": "train.num_epochs", "unit": "epoch", "min": 1, "max": 27, "resumable": True},
    "checkpoints": {"pattern": "checkpoints/epoch_*.ckpt", "epoch_from": "epoch_(\\d+)"},
    "limits": {"min_gpus": 0, "max_gpus": 8, "max_nodes": 1},
    "runtime_requirements": {"python": ">=3.11", "packages": ["numpy"], "extra": "tabular"},
    "required_credentials": [],
    "actions": {
        "train": {
            "python_script": "scripts/train.py",
            "mode": "config",
            "config_format": "yaml",
            "inputs": {
                "dataset.train_path": {"type": "file"},
                "train.resume_from": {"type": "file", "optional": True, "role": "resume"},
            },
            "outputs": {"results_dir": {"type": "folder"}},
        },
        "evaluate": {
            "python_script": "scripts/train.py",
            "inputs": {"evaluate.checkpoint": {"type": "file", "role": "checkpoint"}},
        },
    },
    "data_sources": {
        "train": {
            "dataset.train_path": {"source": "train_dataset", "path": "train.csv"},
            "dataset.extra_paths": {"source": "train_datasets"},
        },
        "evaluate": {"dataset.eval_path": {"source": "eval_dataset"}},
    },
    "hpo": {"recommended_algorithm": "asha"},
}

TEMPLATE = {
    "results_dir": "results",
    "dataset": {"train_path": None, "extra_paths": []},
    "model": {"kind": "mlp", "depth": 2, "dropout": 0.1, "trees": 100},
    "augment": {},
    "train": {
        "num_epochs": 27,
        "num_gpus": 0,
        "batch_size": 32,
        "resume_from": None,
        "optim": {"lr": 0.001, "weight_decay": 0.0001, "nesterov": False},
    },
}

EVALUATE_TEMPLATE = {"results_dir": "results", "dataset": {"eval_path": None}, "evaluate": {"checkpoint": None}}


def leaf(kind, default, **more):
    return {"type": kind, "default": default, **more}


def group(**properties):
    return {"type": "object", "additionalProperties": False, "properties": properties}


MLP = {"depends_on": {"model.kind": ["mlp"]}}

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "x_skill": {"model": "train-toy", "action": "train"},
    "automl_default_parameters": ["train.optim.lr", "model.kind", "model.depth"],
    "automl_disabled_parameters": ["train.num_gpus"],
    "automl_constraints": [],
    **group(
        results_dir=leaf("string", "results"),
        dataset=group(
            train_path={"type": ["string", "null"], "default": None},
            extra_paths={"type": "array", "items": {"type": "string"}, "default": []},
        ),
        model=group(
            kind=leaf("string", "mlp", enum=["mlp", "forest"], automl_enabled=True),
            depth=leaf("integer", 2, minimum=1, maximum=8, automl_enabled=True, **MLP),
            dropout=leaf("number", 0.1, minimum=0, maximum=1, automl_enabled=True, **MLP),
            trees=leaf(
                "integer",
                100,
                minimum=1,
                search_minimum=10,
                search_maximum=500,
                scale="log",
                automl_enabled=True,
                depends_on={"model.kind": ["forest"]},
            ),
        ),
        augment={"type": "object", "default": {}},
        train=group(
            num_epochs=leaf("integer", 27, minimum=1),
            num_gpus=leaf("integer", 0, minimum=0, automl_enabled=True),
            batch_size=leaf("integer", 32, minimum=8, maximum=512, scale="power2", automl_enabled=True),
            resume_from={"type": ["string", "null"], "default": None},
            optim=group(
                lr=leaf("number", 0.001, minimum=0, maximum=1, automl_enabled=True, description="step size"),
                weight_decay=leaf("number", 0.0001, minimum=0, automl_enabled=True),
                nesterov=leaf("boolean", False, automl_enabled=True),
            ),
        ),
    ),
}


def write_skill(folder: Path, *, info=None, schema=None, template=None) -> Path:
    """The toy skill, with any of its three documents replaced."""
    for name in ("references", "schemas", "scripts"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "references/skill_info.yaml").write_text(yaml.safe_dump(info or INFO, sort_keys=False))
    (folder / "references/spec_template_train.yaml").write_text(yaml.safe_dump(template or TEMPLATE, sort_keys=False))
    (folder / "references/spec_template_evaluate.yaml").write_text(yaml.safe_dump(EVALUATE_TEMPLATE))
    (folder / "schemas/train.schema.json").write_text(json.dumps(schema or SCHEMA))
    (folder / "scripts/train.py").write_text("print('training')\n")
    (folder / "SKILL.md").write_text("---\nname: train-toy\ndescription: toy\n---\n")
    return folder


def changed(document, path, value):
    """A copy of a document with one place changed; `...` removes it."""
    document = copy.deepcopy(document)
    *above, last = path
    node = document
    for part in above:
        node = node[part]
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return document


def with_leaf(name, **keywords):
    """SCHEMA with keywords of one leaf changed."""
    schema = copy.deepcopy(SCHEMA)
    node = schema
    for part in name.split("."):
        node = node["properties"].setdefault(part, {})
    for keyword, value in keywords.items():
        if value is ...:
            node.pop(keyword, None)
        else:
            node[keyword] = value
    return schema
