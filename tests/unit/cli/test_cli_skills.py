"""`skills show` speaks of a search space as the launch review does."""

import json
from pathlib import Path
from typing import Any

import pytest

from tao_automl.cli.main import main

INFO = """
name: train-odd
network_arch: odd
automl_enabled: true
metrics: [{name: loss, direction: minimize}]
actions: {train: {command: odd train}}
"""
TEMPLATE = "{depth: 4, epochs: 9, warmup: 1, batch: 8, total: 64, betas: [0.9, 0.99]}"


def number(kind: str, default: float, low: float, high: float, **more: Any) -> dict[str, Any]:
    return {"type": kind, "default": default, "minimum": low, "maximum": high, "automl_enabled": True, **more}


LEAVES = {
    "depth": number("integer", 4, 1, 8),
    "epochs": number("integer", 9, 1, 20),
    "warmup": number("integer", 1, 1, 5, conditions="epochs > 3 and depth >= 2"),
    "batch": number("integer", 8, 1, 64, scale="power2"),
    "total": {"type": "integer", "default": 64, "derived": "8 * batch"},
    "betas": {
        "type": "array",
        "default": [0.9, 0.99],
        "automl_enabled": True,
        "prefixItems": [
            {"type": "number", "minimum": 0.8, "maximum": 0.95},
            {"type": "number", "minimum": 0.9, "maximum": 0.999},
        ],
    },
}


@pytest.fixture
def odd(tmp_path: Path) -> str:
    folder = tmp_path / "train-odd"
    for name in ("references", "schemas"):
        (folder / name).mkdir(parents=True)
    schema = {"automl_default_parameters": [name for name in LEAVES if name != "total"], "properties": LEAVES}
    (folder / "references" / "skill_info.yaml").write_text(INFO)
    (folder / "references" / "spec_template_train.yaml").write_text(TEMPLATE)
    (folder / "schemas" / "train.schema.json").write_text(json.dumps(schema))
    return str(folder)


def test_the_searched_parameters(odd: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["skills", "show", odd]) == 0
    *table, mark = capsys.readouterr().out.partition("searched by train")[2].splitlines()[1:]
    assert mark == "* scale inferred from the range"
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in table}
    assert rows == {
        "depth": "1 … 8 linear* 4",
        "epochs": "1 … 20 linear* 9",
        "warmup": "1 … 5 linear* 1 epochs > 3 and depth >= 2",
        "batch": "1 … 64 power2 8",
        "betas": "[0.8 … 0.95; 0.9 … 0.999] linear* [0.9, 0.99]",
    }
    assert main(["skills", "show", odd, "--format", "json"]) == 0
    assert {row["name"] for row in json.loads(capsys.readouterr().out)["parameters"]} == set(rows)
