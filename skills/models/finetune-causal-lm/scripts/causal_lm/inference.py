"""A model as evaluate, predict and export use it: the base model, and what training made of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from causal_lm import checkpoint
from causal_lm.distributed import alone, check_gpus
from causal_lm.encoding import Encoder, Example, common_end, largest_id
from causal_lm.generation import stop_ids
from causal_lm.model_folder import ModelFolder, read_model_folder
from causal_lm.network import check_vocabulary, load_base, load_tokenizer, make_trainable, set_trained
from causal_lm.precision import Precision, choose_precision
from causal_lm.schema import defaults, flatten
from causal_lm.spec import LoraSpec, ModelSpec, check_prompts, prompt_spec
from causal_lm.survey import check_chat

LOWER = "lower {action}.batch_size or {action}.max_new_tokens"


@dataclass(frozen=True, slots=True, kw_only=True)
class Untrained:
    """The base model by itself, with prompts as a training would write them."""

    folder: ModelFolder
    base: Any
    encoder: Encoder
    precision: Precision
    device: torch.device

    @property
    def unit(self) -> int:
        return 0

    def stops(self, examples: Iterable[Example]) -> tuple[int, ...]:
        """The tokens that end an answer, where the answers of `examples` are the wanted ones."""
        return stop_ids(self.base, self.encoder.end, common_end(examples))

    def finetuned(self) -> Any:
        return self.base


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened(Untrained):
    """`base` is the model before training until `finetuned` has been called, which changes it in place."""

    saved: Mapping[str, Any]
    setting: str

    @property
    def unit(self) -> int:
        return int(self.saved["epoch"])

    def stops(self, examples: Iterable[Example]) -> tuple[int, ...]:
        return tuple(self.saved["stop_ids"])

    def finetuned(self) -> Any:
        """A peft model for adapters, else the base model itself with its trained weights; in evaluation mode."""
        settings = self.saved["settings"]
        model = make_trainable(self.base, model_spec(settings), settings["train.seed"])
        set_trained(model, self.saved["trained"], self.setting)
        return model.to(self.device).eval()


def open_for(settings: Mapping[str, Any], action: str, path: str) -> Opened:
    """For evaluate and predict, whose specs have the same keys for device and number format."""
    precision, device = _machine(settings, action)
    return open_checkpoint(path, f"{action}.checkpoint", settings["model"]["path"], precision, device)


def open_for_evaluation(settings: Mapping[str, Any], path: str, config: Path) -> Untrained:
    """A checkpoint, or the base model in a folder. Only for the latter the spec says how prompts are written."""
    flat = dict(flatten(settings))
    if not Path(path).is_dir():
        opened = open_for(settings, "evaluate", path)
        checkpoint.check_prompts(opened.saved, flat, defaults("evaluate"))
        return opened
    prompts = prompt_spec(flat)
    check_prompts(config, prompts)
    precision, device = _machine(settings, "evaluate")
    folder = read_model_folder(path, "evaluate.checkpoint")
    check_chat(prompts, folder)
    length = min(prompts.max_length, folder.positions or prompts.max_length)
    return Untrained(
        folder=folder,
        base=load_base(folder, precision.weights("lora")).to(device),
        encoder=Encoder(load_tokenizer(folder), prompts, length),
        precision=precision,
        device=device,
    )


def check_examples(opened: Untrained, examples: Iterable[Example]) -> None:
    """A training has checked this of its own model."""
    check_vocabulary(opened.base, opened.folder, largest_id(examples))


def _machine(settings: Mapping[str, Any], action: str) -> tuple[Precision, torch.device]:
    gpus = settings["train"]["num_gpus"]
    check_gpus(min(gpus, 1))
    device = alone(gpus).device
    return choose_precision(settings[action]["precision"], device, f"{action}.precision"), device


def open_checkpoint(
    path: str, setting: str, model_path: str | None, precision: Precision, device: torch.device
) -> Opened:
    """`model_path` says where the base model lies now, if not where it lay in training."""
    saved = checkpoint.load(path, setting)
    folder = read_model_folder(model_path or saved["base_path"])
    checkpoint.check_model(saved, folder, setting)
    prompts = prompt_spec(saved["settings"])
    return Opened(
        saved=saved,
        folder=folder,
        base=load_base(folder, precision.weights(saved["settings"]["model.method"])).to(device),
        encoder=Encoder(load_tokenizer(folder), prompts, saved["max_length"]),
        precision=precision,
        device=device,
        setting=setting,
    )


def model_spec(settings: Mapping[str, Any]) -> ModelSpec:
    """From the flat settings that a checkpoint holds."""
    plain = [name for name in ModelSpec.__dataclass_fields__ if name != "lora"]
    return ModelSpec(
        **{name: settings[f"model.{name}"] for name in plain},
        lora=LoraSpec(**{name: settings[f"model.lora.{name}"] for name in LoraSpec.__dataclass_fields__}),
    )
