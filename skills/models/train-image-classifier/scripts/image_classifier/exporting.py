"""Export to a self-contained program, and the check that it computes what the checkpoint computes."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from image_classifier.dice import torch_dice
from image_classifier.errors import ExportMismatch
from image_classifier.files import write_atomically, write_json
from image_classifier.inference import Classifier
from image_classifier.network import count_parameters

CHECKED_BATCHES = (1, 2, 7)


class Deployed(nn.Module):
    """uint8 (N, C, H, W) to probabilities (N, classes)."""

    mean: Tensor
    std: Tensor

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.model = classifier.model
        self.register_buffer("mean", classifier.pipeline.mean.view(1, -1, 1, 1))
        self.register_buffer("std", classifier.pipeline.std.view(1, -1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        x = (images.float() / 255.0 - self.mean) / self.std
        logits: Tensor = self.model(x)
        return logits.softmax(dim=1)


def export(classifier: Classifier, checkpoint: Path, results: Path, tolerance: float) -> dict[str, Any]:
    """Writes the three files and returns the model card. Raises ExportMismatch beyond `tolerance`."""
    deployed = Deployed(classifier).eval()
    program = results / "model.pt2"
    write_atomically(program, lambda part: _export_program(deployed, _images(classifier, 2), part))
    difference = _largest_difference(deployed, classifier, program)
    if not difference <= tolerance:
        raise ExportMismatch(
            f"the exported program differs from the checkpoint by {difference:.2e}, more than {tolerance:.2e}"
        )
    weights = results / "weights.pt"
    write_atomically(weights, lambda part: torch.save(classifier.model.state_dict(), part))
    card = _card(classifier, checkpoint, [program, weights], difference, tolerance)
    write_json(results / "model_card.json", card)
    return card


def _export_program(deployed: Deployed, example: Tensor, path: Path) -> None:
    batch = torch.export.Dim("batch", min=1)
    with torch.no_grad():
        program = torch.export.export(deployed, (example,), dynamic_shapes={"images": {0: batch}})
    torch.export.save(program, path)


@torch.no_grad()
def _largest_difference(deployed: Deployed, classifier: Classifier, program: Path) -> float:
    loaded = torch.export.load(program).module()
    differences = []
    for count in CHECKED_BATCHES:
        images = _images(classifier, count)
        differences.append(float((loaded(images) - deployed(images)).abs().max()))
    return max(differences)


def _images(classifier: Classifier, count: int) -> Tensor:
    how = classifier.preparation
    shape = (count, how.channels, how.size, how.size)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch_dice(0, "export", count))


def _card(
    classifier: Classifier, checkpoint: Path, written: list[Path], difference: float, tolerance: float
) -> dict[str, Any]:
    how, saved = classifier.preparation, classifier.saved
    return {
        "task": "image_classification",
        "classes": list(classifier.classes),
        "network": {**asdict(classifier.network), "parameters": count_parameters(classifier.model)},
        "input": {
            "name": "images",
            "dtype": "uint8",
            "shape": ["batch", how.channels, how.size, how.size],
            "colour_order": "gray" if how.channels == 1 else "RGB",
            "resize": how.resize,
            "normalisation": "inside the program",
            "mean": saved["mean"],
            "std": saved["std"],
        },
        "output": {"dtype": "float32", "shape": ["batch", len(classifier.classes)], "meaning": "probabilities"},
        "trained": {
            "epochs": classifier.epoch,
            "validation_metrics": saved["metrics"],
            "settings": saved["settings"],
            "checkpoint": str(checkpoint),
            "weights": "moving average" if saved["average"] else "last step",
        },
        "verification": {
            "batches": list(CHECKED_BATCHES), "largest_difference": difference, "tolerance": tolerance,
        },
        "files": [{"path": str(path), "sha256": _sha256(path), "bytes": path.stat().st_size} for path in written],
        "torch": torch.__version__,
    }  # fmt: skip


def _sha256(path: Path) -> str:
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
