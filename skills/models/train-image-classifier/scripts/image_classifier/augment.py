"""Augmentation of whole batches with tensor operations, on whatever device the batch is.

Each image has one row of uniform draws; the operations are functions of (images, draws). The draws are made for the
batch of all processes together and sliced, so that an image is changed in the same way however many processes train.
Only mixup's partners are local to a process.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from image_classifier.dice import numpy_dice, torch_dice
from image_classifier.spec import AugmentSpec

COLUMNS = (
    "shift_y", "shift_x", "flip", "brightness", "contrast", "saturation",
    "erase", "erase_area", "erase_aspect", "erase_y", "erase_x",
)  # fmt: skip
SMALLEST_ERASED_AREA = 0.02
LARGEST_ERASED_ASPECT = 3.3


class Draws:
    """One uniform number in [0, 1) per image (row) and purpose (column)."""

    def __init__(self, table: Tensor) -> None:
        self.table = table

    def __getitem__(self, purpose: str) -> Tensor:
        return self.table[:, COLUMNS.index(purpose)]


def draw(count: int, seed: int, epoch: int, step: int) -> Tensor:
    """The table for a batch of `count` images over all processes, on the CPU."""
    return torch.rand(count, len(COLUMNS), generator=torch_dice(seed, "augment", epoch, step))


def augment(images: Tensor, draws: Draws, spec: AugmentSpec, mean: Tensor, std: Tensor) -> Tensor:
    """uint8 (n, H, W, C) to normalised float (n, C, H, W), whose memory is channels-last."""
    images = shift_and_flip(images, draws, spec)
    x = images.permute(0, 3, 1, 2).float().div_(255.0)
    x = jitter(x, draws, spec)
    x = normalise(x, mean, std)
    return erase(x, draws, spec) if spec.erase_prob > 0 else x


def plain(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """The same without augmentation: for validation and prediction."""
    return normalise(images.permute(0, 3, 1, 2).float().div_(255.0), mean, std)


def normalise(x: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    return (x - mean.view(1, -1, 1, 1)) / std.view(1, -1, 1, 1)


def shift_and_flip(images: Tensor, draws: Draws, spec: AugmentSpec) -> Tensor:
    """A random crop of the image padded by reflection, and a mirror image for half of them, in one gather."""
    size = images.shape[1]
    reach = round(spec.crop_padding * size)
    if not reach and not spec.horizontal_flip:
        return images
    rows = _window(draws["shift_y"], reach, size)
    columns = _window(draws["shift_x"], reach, size)
    if spec.horizontal_flip:
        columns = torch.where((draws["flip"] < 0.5)[:, None], columns.flip(1), columns)
    image = torch.arange(len(images), device=images.device)
    return images[image[:, None, None], rows[:, :, None], columns[:, None, :]]


def _window(draws: Tensor, reach: int, size: int) -> Tensor:
    """(n, size) coordinates shifted by -reach…reach; those outside the image are reflected back into it."""
    shift = (draws * (2 * reach + 1)).long() - reach
    place = (shift[:, None] + torch.arange(size, device=draws.device)).abs()
    return (size - 1) - ((size - 1) - place).abs()


def jitter(x: Tensor, draws: Draws, spec: AugmentSpec) -> Tensor:
    """Brightness, contrast and (for colour) saturation, each scaled by 1 ± its strength."""
    before = x
    if spec.brightness > 0:
        x = x * _factor(draws["brightness"], spec.brightness)
    if spec.contrast > 0:
        middle = x.mean(dim=(1, 2, 3), keepdim=True)
        x = middle + (x - middle) * _factor(draws["contrast"], spec.contrast)
    if spec.saturation > 0 and x.shape[1] == 3:
        gray = x.mean(dim=1, keepdim=True)
        x = gray + (x - gray) * _factor(draws["saturation"], spec.saturation)
    return x if x is before else x.clamp(0.0, 1.0)


def _factor(draws: Tensor, strength: float) -> Tensor:
    return (1.0 + strength * (2.0 * draws - 1.0)).view(-1, 1, 1, 1)


def erase(x: Tensor, draws: Draws, spec: AugmentSpec) -> Tensor:
    """Random erasing (arXiv 1708.04896): a rectangle becomes the mean colour, which is 0 after normalisation."""
    size = x.shape[-1]
    smallest = min(SMALLEST_ERASED_AREA, spec.erase_area)
    area = smallest + draws["erase_area"] * (spec.erase_area - smallest)
    aspect = torch.exp((2.0 * draws["erase_aspect"] - 1.0) * math.log(LARGEST_ERASED_ASPECT))
    inside_rows = _inside(draws["erase_y"], (area * aspect).sqrt(), size)
    inside_columns = _inside(draws["erase_x"], (area / aspect).sqrt(), size)
    hit = (draws["erase"] < spec.erase_prob)[:, None, None]
    mask = inside_rows[:, :, None] & inside_columns[:, None, :] & hit
    return x.masked_fill(mask[:, None], 0.0)


def _inside(draws: Tensor, side: Tensor, size: int) -> Tensor:
    """(n, size) booleans: true on a stretch of `side` * size cells at a random place."""
    length = (side.clamp(max=1.0) * size).round().clamp(min=1.0)
    start = (draws * (size - length + 1.0)).floor()
    cells = torch.arange(size, device=draws.device)
    return (cells >= start[:, None]) & (cells < (start + length)[:, None])


def soft_targets(labels: Tensor, classes: int, smoothing: float) -> Tensor:
    return one_hot(labels, classes).float() * (1.0 - smoothing) + smoothing / classes


def mixup_share(alpha: float, seed: int, epoch: int, step: int) -> float:
    """How much of itself an image keeps in this step (arXiv 1710.09412); 1 means no mixing."""
    if alpha <= 0:
        return 1.0
    return float(numpy_dice(seed, "mixup", epoch, step).beta(alpha, alpha))


def mix(x: Tensor, targets: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Each image with the one at the mirrored place of the batch, which shuffling has made a random one."""
    if share >= 1.0:
        return x, targets
    return torch.lerp(x.flip(0), x, share), torch.lerp(targets.flip(0), targets, share)
