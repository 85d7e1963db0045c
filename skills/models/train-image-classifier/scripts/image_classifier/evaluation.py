"""A network applied to the images of a folder, without augmentation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from image_classifier.augment import plain
from image_classifier.dataset import Source
from image_classifier.distributed import World
from image_classifier.metrics import Tally, summarise
from image_classifier.precision import Precision


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """From uint8 images to float32 logits: normalisation, memory format and number format."""

    mean: Tensor
    std: Tensor
    precision: Precision
    channels_last: bool = True

    def arrange(self, x: Tensor) -> Tensor:
        """`x` in the memory format asked for; images arrive channels-last."""
        return x if self.channels_last else x.contiguous()

    def logits(self, model: nn.Module, x: Tensor) -> Tensor:
        with self.precision.autocast():
            out: Tensor = model(self.arrange(x))
        return out.float()


@torch.inference_mode()
def predict(model: nn.Module, source: Source, batches: list[Tensor], pipeline: Pipeline) -> Iterator[Tensor]:
    """Logits, one tensor a batch."""
    model.eval()
    for images in source.iterate(batches):
        yield pipeline.logits(model, plain(images, pipeline.mean, pipeline.std))


def measure(
    model: nn.Module, source: Source, labels: Tensor, batch: int, classes: int, pipeline: Pipeline, world: World
) -> tuple[dict[str, float], Tensor]:
    """(metrics, confusion matrix) over all processes, each of which computes its share of the images."""
    mine = world.share(torch.arange(len(labels)))
    batches = list(torch.split(mine, batch)) if len(mine) else []
    tally = Tally(classes, world.device)
    for indices, logits in zip(batches, predict(model, source, batches, pipeline), strict=True):
        tally.add(logits, labels[indices.to(labels.device)])
    confusion = world.add_up(tally.confusion).cpu().view(classes, classes)
    loss_sum, top_hits = world.add_up(tally.sums).tolist()
    return summarise(confusion, loss_sum, top_hits), confusion
