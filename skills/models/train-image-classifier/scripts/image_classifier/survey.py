"""What a training job would do with its data, found out from file names and image headers alone."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from image_classifier.errors import SpecError
from image_classifier.folders import ImageFolder, fingerprint, read_labelled_folder, read_train_folder, split
from image_classifier.images import Preparation, choose_channels, choose_size, evenly, probe
from image_classifier.spec import DatasetSpec, TrainJob

HEADER_SAMPLE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """`effective_batch` is over all processes; `shards` is how many processes share it."""

    train: ImageFolder
    validation: ImageFolder
    preparation: Preparation
    shards: int
    effective_batch: int
    steps_per_epoch: int
    warnings: tuple[str, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        return self.train.classes

    def fingerprint(self) -> str:
        return fingerprint(self.train, self.validation)


def shards(job: TrainJob, environment: Mapping[str, str] = os.environ) -> int:
    """Processes that train together: what torchrun says, else one per GPU asked for."""
    return int(environment.get("WORLD_SIZE", "0")) or max(1, job.train.num_gpus)


def take(job: TrainJob, processes: int) -> Survey:
    """Raises DataError for data, and SpecError for a batch, with which nothing could be trained."""
    data = job.dataset
    everything = read_train_folder(data.train_dir, "dataset.train_dir")
    if data.val_dir:
        train, validation = everything, read_labelled_folder(data.val_dir, "dataset.val_dir", everything.classes)
    else:
        train, validation = split(everything, data.val_fraction)
    effective = job.train.batch_size * processes
    return Survey(
        train=train,
        validation=validation,
        preparation=prepare(train, data),
        shards=processes,
        effective_batch=effective,
        steps_per_epoch=_steps(len(train.samples), effective, job.train.drop_last),
        warnings=(*_data_warnings(job, everything, validation), *_setting_warnings(job)),
    )


def prepare(train: ImageFolder, data: DatasetSpec) -> Preparation:
    """Size and channels as the spec says, or (where it says 0) as the image headers suggest."""
    if data.image_size and data.channels:
        return Preparation(size=data.image_size, channels=data.channels, resize=data.resize)
    headers = [probe(train.file(index)) for index in evenly(len(train.samples), HEADER_SAMPLE)]
    return Preparation(
        size=data.image_size or choose_size(headers),
        channels=data.channels or choose_channels(headers),
        resize=data.resize,
    )


def cache_bytes(how: Preparation, *folders: ImageFolder) -> int:
    return how.size * how.size * how.channels * sum(len(folder.samples) for folder in folders)


def caches(mode: str, limit_gb: float, needed: int, processes: int = 1) -> bool:
    """Whether the decoded images stay in memory. Every process holds a copy, so together they keep to the limit."""
    if mode == "auto":
        return needed * processes <= limit_gb * 2**30
    return mode == "always"


def _steps(samples: int, effective_batch: int, drop_last: bool) -> int:
    steps = samples // effective_batch if drop_last else -(-samples // effective_batch)
    if steps:
        return steps
    raise SpecError(
        f"no training step fits: the effective batch of {effective_batch} is larger than the {samples} training images "
        "and train.drop_last drops incomplete batches",
        f"lower train.batch_size to {samples} or less over all processes, or set train.drop_last: false",
    )


def _data_warnings(job: TrainJob, everything: ImageFolder, validation: ImageFolder) -> list[str]:
    warnings = [*everything.warnings]
    if job.dataset.val_dir:
        warnings += [note for note in validation.warnings if note not in warnings]
    counts = everything.counts()
    fewest, most = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
    if counts[most] >= 10 * counts[fewest]:
        warnings.append(
            f"classes are unbalanced: {counts[most]} images of {most!r}, {counts[fewest]} of {fewest!r}; "
            "look at balanced_accuracy and consider train.class_weighting"
        )
    if len(validation.samples) < 10 * len(validation.classes):
        warnings.append(f"only {len(validation.samples)} validation images: the metric will be noisy")
    return warnings


def _setting_warnings(job: TrainJob) -> list[str]:
    train = job.train
    if train.num_epochs > train.schedule_epochs:
        return [
            f"train.num_epochs ({train.num_epochs}) is more than train.schedule_epochs ({train.schedule_epochs}): "
            "the last epochs run at the lowest learning rate"
        ]
    return []


def checkpoint_path(path: str | None, key: str) -> str:
    if not path:
        raise SpecError(f"{key} is not set", "set it to a checkpoint, such as results/checkpoints/epoch_27.pt")
    if not os.path.isfile(path):
        raise SpecError(f"{key}: {path!r} is not a file")
    return path
