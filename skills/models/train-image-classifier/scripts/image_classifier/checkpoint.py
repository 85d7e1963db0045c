"""Checkpoint files: written whole or not at all, read without executing anything."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from zipfile import is_zipfile

import torch

from image_classifier.errors import SpecError
from image_classifier.files import write_atomically

FORMAT = "tao-image-classifier/1"

# A continued run may differ in these without becoming another training. World size and data are compared apart.
FREE_SETTINGS = frozenset(
    {
        "results_dir",
        "dataset.train_dir",
        "dataset.val_dir",
        "dataset.cache",
        "dataset.cache_limit_gb",
        "dataset.num_workers",
        "train.num_epochs",
        "train.num_gpus",
        "train.resume_from",
    }
)


def path_of(results_dir: Path, epoch: int) -> Path:
    return results_dir / "checkpoints" / f"epoch_{epoch}.pt"


def save(path: Path, content: Mapping[str, Any]) -> None:
    """`content` may hold only tensors and plain types, so that `weights_only` loading accepts it."""
    write_atomically(path, lambda part: torch.save({"format": FORMAT, **content}, part))


def load(path: str, key: str) -> dict[str, Any]:
    """On the CPU. `key` is the setting that named the file, for the error message."""
    if not is_zipfile(path):
        raise SpecError(f"{key}: {path!r} is not a checkpoint")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, KeyError, ValueError, UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SpecError(f"{key}: {path!r} is not a readable checkpoint: {reason}") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise SpecError(f"{key}: {path!r} is not a checkpoint of this skill ({FORMAT})")
    return content


def check_continues(saved: Mapping[str, Any], settings: Mapping[str, Any], *, world: int, data: str) -> None:
    """Raises SpecError unless a run with `settings` is the run that `saved` is an early state of."""
    hint = "a checkpoint continues only the configuration that wrote it; train from the start, or restore the setting"
    for name, value in settings.items():
        before = saved["settings"].get(name)
        if name not in FREE_SETTINGS and before != value:
            raise SpecError(f"train.resume_from: the checkpoint was trained with {name} = {before}, not {value}", hint)
    if saved["world_size"] != world:
        raise SpecError(
            f"train.resume_from: the checkpoint was trained by {saved['world_size']} processes, not {world}", hint
        )
    if saved["data"] != data:
        raise SpecError("train.resume_from: the checkpoint was trained on other images or another split", hint)
    wanted = settings["train.num_epochs"]
    if saved["epoch"] > wanted:
        raise SpecError(
            f"train.resume_from: the checkpoint has {saved['epoch']} epochs already, train.num_epochs is {wanted}",
            f"set train.num_epochs to {saved['epoch']} or more",
        )
