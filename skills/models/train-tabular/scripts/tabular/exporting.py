"""The export folder: a model that predicts anywhere Python, scikit-learn and pandas are, without this skill."""

import json
import platform
import shutil
from pathlib import Path
from typing import Any

from tabular import checkpoint
from tabular.checkpoint import Trained
from tabular.faults import UserFault
from tabular.features import CategoryColumn

_HERE = Path(__file__).resolve().parent
_NEEDED_TO_PREDICT = (
    "__init__",
    "checkpoint",
    "faults",
    "features",
    "inference",
    "learners",
    "scoring",
    "tables",
    "target",
)


def export(trained: Trained, source: Path, folder: Path, evaluation: dict[str, Any] | None) -> None:
    """Write model.ckpt, feature_schema.json, model_card.json, requirements.txt, predict.py and the code it needs."""
    code = folder / "tabular"
    code.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, folder / "model.ckpt")
    _write_json(folder / "feature_schema.json", feature_schema(trained))
    _write_json(folder / "model_card.json", model_card(trained, evaluation))
    pins = [f"{name}=={version}" for name, version in checkpoint.versions().items()]
    (folder / "requirements.txt").write_text("\n".join([*pins, "pandas>=2.1", ""]), encoding="utf-8")
    shutil.copyfile(_HERE / "deployed_predict.py", folder / "predict.py")
    for name in _NEEDED_TO_PREDICT:
        shutil.copyfile(_HERE / f"{name}.py", code / f"{name}.py")


def feature_schema(trained: Trained) -> dict[str, Any]:
    """What a table must have, and what comes out."""
    columns = [
        {"name": c.name, "type": "category", "known_values": list(c.values)}
        if isinstance(c, CategoryColumn)
        else {"name": c.name, "type": "number"}
        for c in trained.features.columns
    ]
    return {
        "inputs": columns,
        "missing_values": "allowed in every column",
        "unknown_categories": "allowed; treated as rare",
        "output": {"target": trained.target.name, "task": trained.target.task, "classes": list(trained.target.classes)},
    }


def model_card(trained: Trained, evaluation: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "skill": "train-tabular",
        "model": trained.kind,
        "task": trained.target.task,
        "target": trained.target.name,
        "epochs": trained.epoch,
        "rows": trained.rows,
        "validation_metrics": {name: v for name, v in trained.metrics.items() if name != "seconds"},
        "evaluation": evaluation,
        "configuration": trained.configuration,
        "training_data_sha256": trained.data_sha256,
        "versions": {**checkpoint.versions(), "python": platform.python_version()},
        "limits": "Validation metrics chose this model and are optimistic; trust the evaluation on held-out rows. "
        "Not tested for fairness, drift, or rows unlike the training table.",
    }


def read_evaluation(path: Path | None) -> dict[str, Any] | None:
    """The metrics.json of an evaluate run, if one was given."""
    if path is None:
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserFault(
            f"export.metrics_file: cannot be read: {path}: {error}", "give evaluate's metrics.json"
        ) from None
    if not isinstance(content, dict) or "metrics" not in content:
        raise UserFault(f"export.metrics_file: holds no metrics: {path}", "give evaluate's metrics.json")
    return content


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
