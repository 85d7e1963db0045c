"""Facts for a launch review: what is in the data, and whether a sample of the images can be read."""

from __future__ import annotations

from typing import Any

from image_classifier.folders import ImageFolder
from image_classifier.images import decode, evenly, probe
from image_classifier.spec import TrainJob
from image_classifier.survey import Survey, cache_bytes, caches

MAX_FILES = 2000
MAX_PIXELS = 100_000_000
MAX_CLASSES_LISTED = 50


def inspect(job: TrainJob, survey: Survey) -> dict[str, Any]:
    """Raises DataError that names the first image of the sample that cannot be decoded."""
    checked_train, sizes = _decode_sample(survey.train, survey)
    checked_validation, _ = _decode_sample(survey.validation, survey)
    counts = survey.train.counts()
    how = survey.preparation
    needed = cache_bytes(how, survey.train, survey.validation)
    return {
        "ok": True,
        "task": "image_classification",
        "train_samples": len(survey.train.samples),
        "val_samples": len(survey.validation.samples),
        "val_source": "dataset.val_dir" if job.dataset.val_dir else "split from dataset.train_dir",
        "classes": len(survey.classes),
        "class_counts": dict(list(counts.items())[:MAX_CLASSES_LISTED]),
        "smallest_class": min(counts.values()),
        "largest_class": max(counts.values()),
        "decoded_samples": checked_train + checked_validation,
        "source_sizes": _spread(sizes),
        "image_size": how.size,
        "channels": how.channels,
        "cached_mb": round(needed / 2**20, 1),
        "cached": caches(job.dataset.cache, job.dataset.cache_limit_gb, needed, survey.shards),
        "effective_batch": survey.effective_batch,
        "shards": survey.shards,
        "steps_per_epoch": survey.steps_per_epoch,
        "warnings": list(survey.warnings),
    }


def _decode_sample(folder: ImageFolder, survey: Survey) -> tuple[int, list[tuple[int, int]]]:
    """(images decoded, their sizes); stops early once enough pixels were read."""
    sizes: list[tuple[int, int]] = []
    pixels = 0
    for index in _spread_order(evenly(len(folder.samples), MAX_FILES)):
        if pixels > MAX_PIXELS:
            break
        path = folder.file(index)
        width, height, _ = probe(path)
        decode(path, survey.preparation)
        sizes.append((width, height))
        pixels += width * height
    return len(sizes), sizes


def _spread_order(indices: list[int], strides: int = 16) -> list[int]:
    """Every 16th first, then the ones between: wherever the walk stops, it has seen all classes evenly."""
    return [index for start in range(strides) for index in indices[start::strides]]


def _spread(sizes: list[tuple[int, int]]) -> dict[str, list[int]]:
    """Width and height of the smallest, the median and the largest image."""
    ordered = sorted(sizes, key=lambda size: size[0] * size[1])
    picks = {"smallest": ordered[0], "median": ordered[len(ordered) // 2], "largest": ordered[-1]}
    return {name: list(size) for name, size in picks.items()}
