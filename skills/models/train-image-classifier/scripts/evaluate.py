#!/usr/bin/env python3
"""Measures a checkpoint on dataset.eval_dir; prints one metric line and writes results/metrics.json."""

from __future__ import annotations

import sys
from pathlib import Path

from image_classifier import cli, files, folders, spec, survey


def main(config: Path) -> int:
    settings = spec.load_spec(config, "evaluate")
    path = survey.checkpoint_path(settings["evaluate"]["checkpoint"], "evaluate.checkpoint")
    from image_classifier import evaluation, inference, metrics
    from image_classifier.dataset import labels_of

    classifier = inference.classifier_for(settings, "evaluate", path)
    folder = folders.read_labelled_folder(settings["dataset"]["eval_dir"], "dataset.eval_dir", classifier.classes)
    for warning in folder.warnings:
        cli.log(f"warning: {warning}")
    measured, confusion = evaluation.measure(
        classifier.model,
        classifier.open(folder, settings["dataset"]),
        labels_of(folder, classifier.device),
        settings["evaluate"]["batch_size"],
        len(classifier.classes),
        classifier.pipeline,
        classifier.world(),
    )
    report = {
        "checkpoint": path,
        "epoch": classifier.epoch,
        "images": len(folder.samples),
        "metrics": measured,
        "classes": metrics.per_class(confusion, classifier.classes),
        "confusion": {"rows_are": "true classes, in the order of `classes`", "counts": confusion.tolist()},
    }
    files.write_json(Path(settings["results_dir"]) / "metrics.json", report)
    cli.emit_metrics(classifier.epoch, measured)
    return 0


if __name__ == "__main__":
    sys.exit(cli.run(__doc__, main))
