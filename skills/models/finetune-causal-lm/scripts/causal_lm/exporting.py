"""Export to a folder that other tools load, and the check that what they load computes what the checkpoint does."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from causal_lm.dice import permutation
from causal_lm.errors import ExportMismatch, SpecError
from causal_lm.files import fill_folder, sha256, write_json
from causal_lm.inference import Opened
from causal_lm.libraries import FROM_FOLDER, VERSIONS, peft, transformers
from causal_lm.network import embedded_tokens
from causal_lm.precision import DTYPES
from causal_lm.spec import LoraSpec

CARD = "model_card.json"
PROBE = (2, 12)  # sequences, tokens


def export(opened: Opened, checkpoint: Path, results: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Writes results/model or results/adapter and the card; returns the card. Raises ExportMismatch."""
    merged = settings["kind"] == "merged"
    if not merged and opened.saved["settings"]["model.method"] != "lora":
        raise SpecError("export.kind: the checkpoint has no adapter; all weights were trained", "use merged")
    target = results / ("model" if merged else "adapter")
    card: dict[str, Any] = {}

    def fill(folder: Path) -> None:
        expected = _write_model(opened, folder, settings["dtype"]) if merged else _write_adapter(opened, folder)
        opened.encoder.tokenizer.save_pretrained(folder)
        _make_readable(folder)
        difference = _difference(_load(opened, folder, merged), expected, settings["tolerance"])
        card.update(_card(opened, checkpoint, folder, merged, difference, settings["tolerance"]))
        write_json(folder / CARD, card)

    fill_folder(target, CARD, fill)
    write_json(results / CARD, {"folder": str(target), **card})
    return {"folder": str(target), **card}


def _write_model(opened: Opened, folder: Path, dtype: str) -> Tensor:
    """The whole model with the adapters added into its weights; what the checkpoint answers to the probe."""
    stored = _stored_dtype(opened) if dtype == "auto" else DTYPES[dtype]
    model = opened.finetuned()
    expected = _probe(model)
    if isinstance(model, peft.PeftModel):
        model = model.merge_and_unload()
    model.to(stored).save_pretrained(folder)
    return expected


def _write_adapter(opened: Opened, folder: Path) -> Tensor:
    model = opened.finetuned()
    model.peft_config["default"].base_model_name_or_path = str(opened.folder.path.resolve())
    model.save_pretrained(folder, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)  # a form that nobody filled in
    return _probe(model)


def _make_readable(folder: Path) -> None:
    """The weights by everybody who may read the rest: safetensors leaves them to their owner."""
    mode = (folder / "tokenizer_config.json").stat().st_mode
    for file in folder.glob("*.safetensors"):
        file.chmod(mode)


def _stored_dtype(opened: Opened) -> torch.dtype:
    """The format that the base model was stored in."""
    config = opened.folder.config
    name = str(config.get("dtype") or config.get("torch_dtype"))
    return {str(kind).removeprefix("torch."): kind for kind in DTYPES.values()}.get(name, torch.float32)


def _load(opened: Opened, folder: Path, merged: bool) -> Any:
    """As a user of the folder would."""
    if merged:
        return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **FROM_FOLDER).eval()
    base = transformers.AutoModelForCausalLM.from_pretrained(opened.folder.path, dtype=torch.float32, **FROM_FOLDER)
    return peft.PeftModel.from_pretrained(base, folder, local_files_only=True).eval()


@torch.inference_mode()
def _probe(model: Any) -> Tensor:
    """Probabilities of the next token, in fp32, after arbitrary tokens."""
    tokens, (rows, length) = embedded_tokens(model), PROBE
    ids = permutation(max(tokens, rows * length), 0, "export")[: rows * length].view(rows, length) % tokens
    found: Tensor = model(input_ids=ids.to(model.device)).logits.float().softmax(dim=-1)
    return found


def _difference(loaded: Any, expected: Tensor, tolerance: float) -> float:
    difference = float((_probe(loaded) - expected).abs().max())
    if not difference <= tolerance:
        raise ExportMismatch(
            f"the exported model's probabilities differ from the checkpoint's by {difference:.2e}, "
            f"more than export.tolerance {tolerance:.2e}",
            "rounding to export.dtype may be the cause: use fp32, or allow more",
        )
    return difference


def _card(
    opened: Opened, checkpoint: Path, folder: Path, merged: bool, difference: float, tolerance: float
) -> dict[str, Any]:
    saved, settings = opened.saved, opened.saved["settings"]
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != CARD)
    return {
        "task": "causal_lm",
        "kind": "merged model" if merged else "peft adapter",
        "base_model": {"path": saved["base_path"], "type": opened.folder.kind, "fingerprint": saved["base"]},
        "method": settings["model.method"],
        "adapters": _adapters(settings),
        "prompt": {
            "template": settings["dataset.prompt_template"],
            "chat_template": settings["dataset.chat_template"],
            "system_prompt": settings["dataset.system_prompt"],
            "max_length": saved["max_length"],
            "stop_token_ids": saved["stop_ids"],
        },
        "trained": {
            "units": opened.unit,
            "passes": round(opened.unit / settings["train.units_per_epoch"], 3),
            "steps": saved["step"],
            "validation_metrics": {k: v for k, v in saved["metrics"].items() if math.isfinite(v)},
            "settings": settings,
            "checkpoint": str(checkpoint),
            "libraries": saved["libraries"],
        },
        "verification": {"largest_difference_of_a_probability": difference, "tolerance": tolerance},
        "files": [{"name": p.name, "sha256": sha256(p), "bytes": p.stat().st_size} for p in files],
        "libraries": {"torch": str(torch.__version__), **VERSIONS},
    }


def _adapters(settings: Mapping[str, Any]) -> dict[str, Any] | None:
    if settings["model.method"] != "lora":
        return None
    return {name: settings[f"model.lora.{name}"] for name in LoraSpec.__dataclass_fields__}
