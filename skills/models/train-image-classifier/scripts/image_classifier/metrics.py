"""Classification metrics from a confusion matrix, which adds up over batches and processes without rounding."""

from __future__ import annotations

import torch
from torch import Tensor

TOP_K = 5


class Tally:
    """Counts and sums on the model's device; nothing is read back before `totals` is."""

    def __init__(self, classes: int, device: torch.device) -> None:
        self.classes = classes
        self.confusion = torch.zeros(classes * classes, dtype=torch.int64, device=device)
        self.sums = torch.zeros(2, dtype=torch.float64, device=device)  # cross entropy, hits among the top 5

    def add(self, logits: Tensor, labels: Tensor) -> None:
        cells = labels * self.classes + logits.argmax(dim=1)
        self.confusion += torch.bincount(cells, minlength=self.classes**2)
        self.sums[0] += torch.nn.functional.cross_entropy(logits, labels, reduction="sum").double()
        if self.classes > TOP_K:
            top = logits.topk(TOP_K, dim=1).indices
            self.sums[1] += (top == labels[:, None]).any(dim=1).sum()


def summarise(confusion: Tensor, loss_sum: float, top_hits: float) -> dict[str, float]:
    """`confusion[truth, predicted]`.

    Balanced accuracy averages over the classes that occur in the data, macro F1 over those that occur in the data or
    in the predictions: scikit-learn's definitions.
    """
    matrix = confusion.double()
    hits, truth, predicted = matrix.diagonal(), matrix.sum(dim=1), matrix.sum(dim=0)
    total = float(truth.sum())
    present, seen = truth > 0, (truth + predicted) > 0
    metrics = {
        "accuracy": float(hits.sum()) / total,
        "balanced_accuracy": float((hits[present] / truth[present]).mean()),
        "f1_macro": float((2 * hits[seen] / (truth + predicted)[seen]).mean()),
        "loss": loss_sum / total,
    }
    if len(hits) > TOP_K:
        metrics["top5_accuracy"] = top_hits / total
    return metrics


def per_class(confusion: Tensor, classes: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """Precision and recall are NaN where a class was never predicted or never occurs."""
    matrix = confusion.double()
    hits, truth, predicted = matrix.diagonal(), matrix.sum(dim=1), matrix.sum(dim=0)
    return {
        name: {
            "precision": float(hits[i] / predicted[i]),
            "recall": float(hits[i] / truth[i]),
            "f1": float(2 * hits[i] / (truth[i] + predicted[i])),
            "images": int(truth[i]),
        }
        for i, name in enumerate(classes)
    }
