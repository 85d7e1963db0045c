"""Checkpoint files: written whole or not at all, read without executing anything.

A checkpoint holds what training changes (the adapters, or all weights that are not frozen) and the optimizer's state;
the base model stays in its folder and is recognised by a fingerprint.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from zipfile import is_zipfile

import torch

from causal_lm.errors import SpecError
from causal_lm.files import write_atomically
from causal_lm.model_folder import ModelFolder
from causal_lm.spec import PromptSpec

FORMAT = "tao-finetune-causal-lm/1"

# A continued run may differ in these. Data, prompt format and base model are compared by fingerprints; the last five
# change rounding and the draws of dropout, but not what is optimised.
FREE_SETTINGS = frozenset(
    {
        "results_dir",
        "dataset.train_path",
        "dataset.val_path",
        "dataset.prompt_key",
        "dataset.answer_key",
        "model.path",
        "train.num_epochs",
        "train.resume_from",
        "train.num_gpus",
        "train.micro_batch_size",
        "train.eval_batch_size",
        "train.deterministic",
        "model.gradient_checkpointing",
    }
)
CONTINUES = "a checkpoint continues only the configuration that wrote it; restore the setting, or train from the start"


def path_of(results_dir: Path, unit: int) -> Path:
    return results_dir / "checkpoints" / f"epoch_{unit}.pt"


def save(path: Path, content: Mapping[str, Any]) -> None:
    """`content` may hold only tensors and plain types, so that `weights_only` loading accepts it."""
    write_atomically(path, lambda part: torch.save({"format": FORMAT, **content}, part))


def load(path: str, setting: str) -> dict[str, Any]:
    """On the CPU. `setting` is the one that named the file, for the error message."""
    if not is_zipfile(path):
        raise SpecError(f"{setting}: {path!r} is not a checkpoint")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, KeyError, ValueError, UnpicklingError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise SpecError(f"{setting}: {path!r} is not a readable checkpoint: {reason}") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise SpecError(f"{setting}: {path!r} is not a checkpoint of this skill ({FORMAT})")
    return content


def check_settings(saved: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Raises SpecError unless a run with `settings` is the run that `saved` is an early state of."""
    for name, value in settings.items():
        before = saved["settings"].get(name)
        if name not in FREE_SETTINGS and before != value:
            raise SpecError(
                f"train.resume_from: the checkpoint was trained with {name} = {before}, not {value}", CONTINUES
            )
    wanted = settings["train.num_epochs"]
    if saved["epoch"] > wanted:
        raise SpecError(
            f"train.resume_from: the checkpoint has {saved['epoch']} units already, train.num_epochs is {wanted}",
            f"set train.num_epochs to {saved['epoch']} or more",
        )


def check_data(saved: Mapping[str, Any], data: str) -> None:
    if saved["data"] != data:
        raise SpecError(
            "train.resume_from: the checkpoint was trained on other rows, another split or another tokenizer", CONTINUES
        )


def check_prompts(saved: Mapping[str, Any], settings: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Raises SpecError where flat `settings` ask for other prompts than those that the checkpoint was trained with."""
    for name in PromptSpec.__dataclass_fields__:
        key = f"dataset.{name}"
        asked, trained = settings[key], saved["settings"][key]
        if asked not in (trained, defaults[key]):
            raise SpecError(f"{key}: the checkpoint was trained with {trained!r}, got {asked!r}", "leave it out")


def check_model(saved: Mapping[str, Any], folder: ModelFolder, setting: str) -> None:
    if saved["base"] != folder.fingerprint():
        raise SpecError(
            f"{setting}: {folder.path} does not hold the base model that the checkpoint was trained from",
            f"it was in {saved['base_path']}; name its place now with model.path",
        )
