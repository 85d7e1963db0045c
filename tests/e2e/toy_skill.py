"""A skill whose training is a few lines of plain Python, and can misbehave on request. Made in a folder of the test."""

import json
from pathlib import Path
from typing import Any

import yaml

TRAIN = r"""
import json, os, signal, subprocess, sys, time

spec = {}
for line in open("spec.yaml"):           # flat enough to be read without a YAML parser
    key, _, value = line.strip().partition(": ")
    spec[key] = value.strip("'\"")
os.makedirs("results/checkpoints", exist_ok=True)
with open(spec["launches"], "a") as log:  # who ran, once a start
    log.write(os.path.basename(os.getcwd()) + "\n")
misbehave, x = spec["misbehave"], float(spec["x"])
first = 1
if spec["resume_from"] != "null":
    first = int(open(spec["resume_from"]).read()) + 1
if misbehave == "crash":
    raise RuntimeError("the model exploded at layer 7")
if misbehave == "hang":
    print("waiting for ever", flush=True)
    time.sleep(3600)
if misbehave == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    code = "import signal,time; signal.signal(15, signal.SIG_IGN); time.sleep(3600)"
    child = subprocess.Popen([sys.executable, "-c", code])
    print("child", child.pid, flush=True)
    time.sleep(3600)
if misbehave == "flood":
    for _ in range(100 * 16):
        sys.stdout.write(("x" * 1023 + "\n") * 64)
if misbehave == "exit3":
    sys.exit("error: cannot open /data/missing.csv: No such file or directory")
def write(path, **record):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "a") as file:
        file.write(json.dumps(record) + "\n")

def report(epoch, value):
    if spec["reports"] == "status_json":  # as a TAO network does: epochs from 0, told after their metrics
        status, last = "results/train/status.json", int(spec["num_epochs"]) - 1
        write(status, kpi={"accuracy": str(value)}, message="Eval metrics generated.", status="RUNNING")
        write(status, epoch=epoch - 1, max_epoch=last, kpi={"accuracy": str(value)}, status="RUNNING")
        print("epoch", epoch, "done", flush=True)
    elif spec["reports"] == "file":
        rows = json.load(open("results/metrics.json")) if os.path.exists("results/metrics.json") else []
        json.dump([*rows, {"epoch": epoch, "top1": value}], open("results/metrics.json", "w"), indent=1)
    elif spec["reports"] == "wandb":
        os.makedirs("results/wandb/run-1/files", exist_ok=True)
        json.dump({"accuracy": value, "_step": epoch}, open("results/wandb/run-1/files/wandb-summary.json", "w"))
    else:
        more = {"latency": 5 + 20 * x, "memory": 100.0} if spec["reports"] == "latency" else {}
        print(json.dumps({"tao_automl": "metric", "epoch": epoch, "metrics": {"accuracy": value, **more}}), flush=True)

for epoch in range(first, int(spec["num_epochs"]) + 1):
    time.sleep(float(spec["seconds_per_epoch"]))
    value = 1 - (x - 0.3) ** 2 - 0.5 / epoch
    if misbehave == "nan":
        value = float("nan")
    if misbehave != "mute":
        report(epoch, value)
    path = f"results/checkpoints/epoch_{epoch}.ckpt"
    with open(path + ".part", "w") as file:
        file.write(str(epoch))
    os.replace(path + ".part", path)
"""

EVALUATE = r"""
import json, os

spec = {}
for line in open("spec.yaml"):
    key, _, value = line.strip().partition(": ")
    spec[key] = value.strip("'\"")
epoch = int(open(spec["checkpoint"]).read())
if spec["reports"] == "status_json":
    os.makedirs("results/evaluate", exist_ok=True)
    record = {"kpi": {"test_accuracy": str(0.5 + epoch / 100)}, "message": "Test metrics generated."}
    open("results/evaluate/status.json", "w").write(json.dumps(record))
else:
    more = {"latency": 6 + 20 * float(spec["x"])} if spec["reports"] == "latency" else {}
    metrics = {"accuracy": 0.5 + epoch / 100, **more}
    print(json.dumps({"tao_automl": "metric", "epoch": epoch, "metrics": metrics}), flush=True)
"""

CHECK = r"""
import json, pathlib, sys

text = pathlib.Path("spec.yaml").read_text()
if "refuse_data: true" in text:
    print("error: the file has no rows", file=sys.stderr)
    print("hint: give it some", file=sys.stderr)
    sys.exit(2)
print(json.dumps({"ok": True, "train_samples": 10}))
"""


def make_toy_skill(folder: Path, launches: Path, **defaults: Any) -> Path:
    """A complete skill below `folder`. `launches` is the file in which every start of a training leaves its job key;
    `defaults` replace values of the template (misbehave, seconds_per_epoch, refuse_data, reports)."""
    values: dict[str, Any] = {
        "x": 0.9,
        "misbehave": "no",
        "seconds_per_epoch": 0.02,
        "launches": str(launches),
        "refuse_data": False,
        "reports": "json_line",
    } | defaults
    for name in ("references", "schemas", "scripts"):
        (folder / name).mkdir(parents=True)
    (folder / "scripts" / "train.py").write_text(TRAIN)
    (folder / "scripts" / "evaluate.py").write_text(EVALUATE)
    (folder / "scripts" / "check_data.py").write_text(CHECK)
    template = {**values, "num_epochs": 9, "resume_from": None, "results_dir": "results", "train_path": None}
    (folder / "references" / "spec_template_train.yaml").write_text(yaml.safe_dump(template))
    reports = values["reports"]
    evaluate = {"checkpoint": None, "eval_path": None, "results_dir": "results", "reports": reports}
    evaluate |= {"x": values["x"]} if reports == "latency" else {}
    (folder / "references" / "spec_template_evaluate.yaml").write_text(yaml.safe_dump(evaluate))
    (folder / "references" / "skill_info.yaml").write_text(yaml.safe_dump(_info(folder.name, reports)))
    (folder / "schemas" / "train.schema.json").write_text(json.dumps(_schema(template)))
    (folder / "schemas" / "manifest.json").write_text(json.dumps({"train": "train.schema.json"}))
    return folder


SOURCES: dict[str, dict[str, Any]] = {
    "json_line": {"kind": "json_line"},
    "status_json": {"kind": "status_json"},
    "file": {"kind": "file", "path": "metrics.json", "key": "top1"},
    "wandb": {"kind": "json_line"},
    "latency": {"kind": "json_line"},  # and what it costs: accuracy is best at x = 0.3, latency at x = 0
}


def _info(name: str, reports: str) -> dict[str, Any]:
    return {
        "name": name,
        "network_arch": "toy",
        "automl_enabled": True,
        "data_format": "none",
        "runtime": "python",
        "gpu_spec_key": None,
        "metrics": [
            {"name": "accuracy", "direction": "maximize", "primary": True, "source": SOURCES[reports]},
            {"name": "test_accuracy", "direction": "maximize", "source": SOURCES[reports]},
            {"name": "latency", "direction": "minimize", "source": SOURCES[reports]},
        ],
        "fidelity": {"key": "num_epochs", "unit": "epoch", "min": 1, "max": 9, "resumable": True},
        "checkpoints": {"pattern": "checkpoints/epoch_*.ckpt", "epoch_from": r"epoch_(\d+)"},
        "actions": {
            "train": {
                "python_script": "scripts/train.py",
                "data_check": "scripts/check_data.py",
                "inputs": {
                    "train_path": {"type": "file", "optional": True},
                    "resume_from": {"type": "file", "optional": True, "role": "resume"},
                },
                "outputs": {"results_dir": {"type": "folder"}},
            },
            "evaluate": {
                "python_script": "scripts/evaluate.py",
                "inputs": {"eval_path": {"type": "file"}, "checkpoint": {"type": "file", "role": "checkpoint"}},
                "outputs": {"results_dir": {"type": "folder"}},
                "metric": "test_accuracy" if reports == "status_json" else "accuracy",
            },
        },
        "data_sources": {
            "train": {"train_path": {"source": "train_dataset"}},
            "evaluate": {"eval_path": {"source": "eval_dataset"}},
        },
    }


def _schema(template: dict[str, Any]) -> dict[str, Any]:
    searched = {"type": "number", "minimum": 0.0, "maximum": 1.0, "scale": "linear", "automl_enabled": True}
    properties: dict[str, Any] = {
        name: {"type": ["string", "null"] if value is None else _type(value), "default": value, "description": name}
        for name, value in template.items()
    }
    properties["x"] = {**searched, "default": template["x"], "description": "the only knob"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "toy",
        "type": "object",
        "automl_default_parameters": ["x"],
        "additionalProperties": False,
        "properties": properties,
    }


def _type(value: Any) -> str:
    return {bool: "boolean", int: "integer", float: "number", str: "string"}[type(value)]
