"""A small convolutional network in the ConvNeXt manner (arXiv 2201.03545) that also works on 8x8 images.

Differences that matter: the stem and the number of stages follow from the image size, so that the last map keeps
2 to 7 cells a side. Maps are normalised as a whole (group norm with one group) and not cell by cell, which would blow
noise up to the size of edges where an image is flat. Layer scale starts at 0.5 instead of 1e-6, because short
trainings from scratch have no time to grow it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

LAYER_SCALE_START = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSpec:
    """Everything that fixes the network's shape; stored in checkpoints, so only plain types."""

    channels: int
    classes: int
    image_size: int
    width: int
    depth: int
    kernel_size: int
    mlp_ratio: int
    drop_path: float
    dropout: float


def plan_stages(image_size: int) -> tuple[int, int]:
    """(stride of the stem, number of stages); every stage after the first halves the map."""
    if image_size < 12:
        return 1, 3
    if image_size < 48:
        return 2, 3
    return (2, 4) if image_size < 80 else (4, 4)


class DropPath(nn.Module):
    """Stochastic depth (arXiv 1603.09382): drops a residual branch for single samples of a batch."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0.0:
            return x
        keep = 1.0 - self.rate
        mask = torch.rand(x.shape[0], 1, 1, 1, device=x.device) < keep
        return x * (mask.to(x.dtype) / keep)


class Block(nn.Module):
    """Depthwise convolution, then a two-layer perceptron on each position, as a residual branch.

    The perceptron runs on the channels-last view, which costs no copy when the input is channels-last.
    """

    def __init__(self, width: int, kernel_size: int, mlp_ratio: int, drop_path: float) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, kernel_size, padding=kernel_size // 2, groups=width)
        self.norm = nn.GroupNorm(1, width)
        self.expand = nn.Linear(width, width * mlp_ratio)
        self.project = nn.Linear(width * mlp_ratio, width)
        self.scale = nn.Parameter(torch.full((width,), LAYER_SCALE_START))
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        branch = self.norm(self.depthwise(x)).permute(0, 2, 3, 1)
        branch = self.project(gelu(self.expand(branch))) * self.scale
        dropped: Tensor = self.drop_path(branch)
        return x + dropped.permute(0, 3, 1, 2)


class Downsample(nn.Module):
    """Normalise, then halve the map; odd sides are rounded up."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(1, width_in)
        self.conv = nn.Conv2d(width_in, width_out, kernel_size=3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(self.norm(x))
        return out


class ImageClassifier(nn.Module):
    """Images (N, channels, H, W), normalised, to logits (N, classes)."""

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        stride, stages = plan_stages(spec.image_size)
        widths = [spec.width * 2**stage for stage in range(stages)]
        self.stem = nn.Conv2d(spec.channels, spec.width, kernel_size=stride + 2, stride=stride, padding=1)
        self.body = nn.Sequential(*_body(spec, widths))
        self.norm = nn.LayerNorm(widths[-1])
        self.dropout = nn.Dropout(spec.dropout)
        self.head = nn.Linear(widths[-1], spec.classes)

    def forward(self, x: Tensor) -> Tensor:
        features = self.body(self.stem(x)).mean(dim=(2, 3))
        logits: Tensor = self.head(self.dropout(self.norm(features)))
        return logits


def _body(spec: NetworkSpec, widths: list[int]) -> list[nn.Module]:
    """All blocks; the drop rate grows linearly from 0 at the first to `drop_path` at the last."""
    total = max(1, len(widths) * spec.depth - 1)
    layers: list[nn.Module] = []
    for stage, width in enumerate(widths):
        if stage:
            layers.append(Downsample(widths[stage - 1], width))
        for index in range(spec.depth):
            rate = spec.drop_path * (stage * spec.depth + index) / total
            layers.append(Block(width, spec.kernel_size, spec.mlp_ratio, rate))
    return layers


def count_parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
