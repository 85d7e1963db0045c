#!/usr/bin/env python3
"""Turns a checkpoint into results/model.pt2 (torch.export), results/weights.pt and results/model_card.json.

The exported program takes uint8 images (N, channels, size, size) for any N and returns probabilities (N, classes);
normalisation is inside it. It is loaded again and compared with the checkpoint before the script succeeds.
"""

from __future__ import annotations

import sys
from pathlib import Path

from image_classifier import cli, spec, survey


def main(config: Path) -> int:
    settings = spec.load_spec(config, "export")
    path = survey.checkpoint_path(settings["export"]["checkpoint"], "export.checkpoint")
    from image_classifier import checkpoint, exporting, inference

    saved = checkpoint.load(path, "export.checkpoint")
    classifier = inference.build_classifier(saved, gpus=0, precision="fp32", key="export")
    card = exporting.export(classifier, Path(path), Path(settings["results_dir"]), settings["export"]["tolerance"])
    cli.emit({"exported": card["files"], "largest_difference": card["verification"]["largest_difference"]})
    return 0


if __name__ == "__main__":
    sys.exit(cli.run(__doc__, main))
