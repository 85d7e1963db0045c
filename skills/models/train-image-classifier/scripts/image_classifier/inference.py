"""A trained classifier as evaluate, predict and export use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from image_classifier import checkpoint
from image_classifier.dataset import Source, open_source
from image_classifier.distributed import World, device_for
from image_classifier.evaluation import Pipeline
from image_classifier.folders import ImageFolder
from image_classifier.images import Preparation
from image_classifier.network import ImageClassifier, NetworkSpec
from image_classifier.precision import choose_precision
from image_classifier.survey import cache_bytes, caches


@dataclass(frozen=True, slots=True, kw_only=True)
class Classifier:
    """The averaged weights where the training kept an average: those its validation metrics were measured with."""

    model: ImageClassifier
    network: NetworkSpec
    preparation: Preparation
    classes: tuple[str, ...]
    pipeline: Pipeline
    device: torch.device
    saved: Mapping[str, Any]

    @property
    def epoch(self) -> int:
        return int(self.saved["epoch"])

    def world(self) -> World:
        return World(rank=0, size=1, local_size=1, device=self.device)

    def open(self, folder: ImageFolder, data: Mapping[str, Any]) -> Source:
        """`data` is the spec's dataset section."""
        cached = caches(data["cache"], data["cache_limit_gb"], cache_bytes(self.preparation, folder))
        return open_source(folder, self.preparation, self.device, cached=cached, workers=data["num_workers"])


def build_classifier(saved: Mapping[str, Any], *, gpus: int, precision: str, key: str) -> Classifier:
    device = device_for(gpus)
    network = NetworkSpec(**saved["network"])
    model = ImageClassifier(network)
    model.load_state_dict(saved["average"] or saved["model"])
    pipeline = Pipeline(
        mean=torch.tensor(saved["mean"], device=device),
        std=torch.tensor(saved["std"], device=device),
        precision=choose_precision(precision, device, key),
        channels_last=saved["settings"]["train.channels_last"],
    )
    return Classifier(
        model=model.to(device).eval(),
        network=network,
        preparation=Preparation(**saved["preparation"]),
        classes=tuple(saved["classes"]),
        pipeline=pipeline,
        device=device,
        saved=saved,
    )


def classifier_for(spec: Mapping[str, Any], action: str, path: str) -> Classifier:
    """For evaluate and predict, whose specs have the same keys for device and number format."""
    return build_classifier(
        checkpoint.load(path, f"{action}.checkpoint"),
        gpus=spec["train"]["num_gpus"],
        precision=spec[action]["precision"],
        key=f"{action}.precision",
    )
