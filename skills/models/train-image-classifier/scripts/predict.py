#!/usr/bin/env python3
"""Classifies all images below dataset.predict_dir; writes results/predictions.csv.

Columns: path (below predict_dir), label (the likeliest class), then one probability per class.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from image_classifier import cli, files, folders, spec, survey

if TYPE_CHECKING:
    from image_classifier.inference import Classifier


def main(config: Path) -> int:
    settings = spec.load_spec(config, "predict")
    path = survey.checkpoint_path(settings["predict"]["checkpoint"], "predict.checkpoint")
    folder = folders.read_unlabelled_folder(settings["dataset"]["predict_dir"], "dataset.predict_dir")
    from image_classifier import inference

    classifier = inference.classifier_for(settings, "predict", path)
    rows = _rows(classifier, folder, settings)
    target = Path(settings["results_dir"]) / "predictions.csv"
    files.write_atomically(target, lambda part: _write(part, classifier.classes, rows))
    cli.emit({"predictions": str(target), "images": len(folder.samples), "epoch": classifier.epoch})
    return 0


def _rows(classifier: Classifier, folder: folders.ImageFolder, settings: dict[str, Any]) -> Iterator[list[str]]:
    import torch
    from image_classifier.evaluation import predict

    batches = list(torch.split(torch.arange(len(folder.samples)), settings["predict"]["batch_size"]))
    source = classifier.open(folder, settings["dataset"])
    for indices, logits in zip(batches, predict(classifier.model, source, batches, classifier.pipeline), strict=True):
        for index, chances in zip(indices.tolist(), logits.softmax(dim=1).tolist(), strict=True):
            label = classifier.classes[chances.index(max(chances))]
            yield [folder.samples[index].path, label, *(f"{chance:.6f}" for chance in chances)]


def _write(path: Path, classes: tuple[str, ...], rows: Iterator[list[str]]) -> None:
    with open(path, "w", encoding="utf-8", newline="", errors="surrogateescape") as handle:
        writer = csv.writer(handle)
        writer.writerow(["path", "label", *(f"probability_{name}" for name in classes)])
        writer.writerows(rows)


if __name__ == "__main__":
    sys.exit(cli.run(__doc__, main))
