"""Batches of uint8 images on the training device, from memory or from files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from image_classifier.dice import torch_dice
from image_classifier.errors import DataError
from image_classifier.folders import ImageFolder
from image_classifier.images import Preparation, decode, evenly

STATISTICS_SAMPLE = 1024
DEVICE_CACHE_SHARE = 0.2


class Source(Protocol):
    """The images of one folder. `batches` are index tensors; the images come back in the same order, (n, H, W, C)."""

    def iterate(self, batches: Sequence[Tensor]) -> Iterator[Tensor]: ...


class CachedSource:
    """All images decoded once, on the GPU if they take a small part of its memory."""

    def __init__(self, folder: ImageFolder, how: Preparation, device: torch.device) -> None:
        images = decode_all(folder, range(len(folder.samples)), how)
        self.device = device
        self.images = images.to(device) if _fits_device(images, device) else images

    def iterate(self, batches: Sequence[Tensor]) -> Iterator[Tensor]:
        for indices in batches:
            chosen = self.images[indices.to(self.images.device)]
            yield chosen.to(self.device, non_blocking=True)


class StreamedSource:
    """Images decoded anew each epoch, by worker processes that live as long as the source does."""

    def __init__(self, folder: ImageFolder, how: Preparation, device: torch.device, workers: int) -> None:
        self.device = device
        self._plan = _Plan()
        self._loader: DataLoader[Tensor | DataError] = DataLoader(
            _Files(folder, how),
            batch_sampler=self._plan,
            num_workers=workers,
            persistent_workers=workers > 0,
            collate_fn=_stack,
            pin_memory=device.type == "cuda",
        )

    def iterate(self, batches: Sequence[Tensor]) -> Iterator[Tensor]:
        self._plan.batches = [batch.tolist() for batch in batches]
        for images in self._loader:
            if isinstance(images, DataError):
                raise images
            yield images.to(self.device, non_blocking=True)


class _Plan:
    """The batch sampler of a DataLoader whose batches are set before each pass."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self.batches)

    def __len__(self) -> int:
        return len(self.batches)


class _Files(Dataset["Tensor | DataError"]):
    def __init__(self, folder: ImageFolder, how: Preparation) -> None:
        self.folder = folder
        self.how = how

    def __getitem__(self, index: int) -> Tensor | DataError:
        try:
            return torch.from_numpy(decode(self.folder.file(index), self.how))
        except DataError as error:  # raised in the main process: a worker would bury it in its traceback
            return error

    def __len__(self) -> int:
        return len(self.folder.samples)


def _stack(items: list[Tensor | DataError]) -> Tensor | DataError:
    tensors: list[Tensor] = []
    for item in items:
        if isinstance(item, DataError):
            return item
        tensors.append(item)
    return torch.stack(tensors)


def open_source(folder: ImageFolder, how: Preparation, device: torch.device, *, cached: bool, workers: int) -> Source:
    return CachedSource(folder, how, device) if cached else StreamedSource(folder, how, device, workers)


def labels_of(folder: ImageFolder, device: torch.device) -> Tensor:
    return torch.tensor([sample.label for sample in folder.samples], dtype=torch.int64, device=device)


def decode_all(folder: ImageFolder, indices: Sequence[int], how: Preparation) -> Tensor:
    """(n, H, W, C) uint8. Pillow releases the interpreter lock while it decodes, so threads help."""
    out = np.empty((len(indices), how.size, how.size, how.channels), dtype=np.uint8)

    def place(row: int) -> None:
        out[row] = decode(folder.file(indices[row]), how)

    with ThreadPoolExecutor(max_workers=max(1, min(8, os.cpu_count() or 1))) as pool:
        for _ in pool.map(place, range(len(indices)), chunksize=64):
            pass
    return torch.from_numpy(out)


def statistics(source: Source, folder: ImageFolder, how: Preparation) -> tuple[list[float], list[float]]:
    """(mean, standard deviation) per channel, of pixels scaled to 0…1, over an even sample of the training images."""
    chosen = evenly(len(folder.samples), STATISTICS_SAMPLE)
    if isinstance(source, CachedSource):
        pixels = source.images[torch.tensor(chosen, device=source.images.device)].cpu()
    else:
        pixels = decode_all(folder, chosen, how)
    flat = pixels.reshape(-1, how.channels).numpy().astype(np.float64) / 255.0
    deviation = np.maximum(flat.std(axis=0), 1e-3)
    return flat.mean(axis=0).tolist(), deviation.tolist()


def epoch_batches(samples: int, batch: int, *, seed: int, epoch: int, drop_last: bool) -> list[Tensor]:
    """The batches of one epoch over all processes, in an order that only (seed, epoch) decide."""
    order = torch.randperm(samples, generator=torch_dice(seed, "order", epoch))
    batches = list(torch.split(order, batch))
    if drop_last and len(batches[-1]) < batch:
        batches.pop()
    return batches


def _fits_device(images: Tensor, device: torch.device) -> bool:
    if device.type != "cuda":
        return False
    free, _ = torch.cuda.mem_get_info(device)
    return images.numel() <= DEVICE_CACHE_SHARE * free
