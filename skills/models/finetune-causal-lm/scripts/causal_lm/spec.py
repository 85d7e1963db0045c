"""The train spec as values with names and types; what they mean is said in schemas/train.schema.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from causal_lm.errors import SpecError
from causal_lm.schema import flatten, load_spec

PLACE = "{prompt}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSpec:
    """How a prompt and an answer become text: what a checkpoint must be used with."""

    prompt_template: str
    chat_template: bool
    system_prompt: str
    max_length: int
    truncation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSpec:
    train_path: str | None
    val_path: str | None
    prompt_key: str
    answer_key: str
    val_fraction: float
    max_val_samples: int
    packing: bool
    prompts: PromptSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraSpec:
    rank: int
    alpha: int
    dropout: float
    target_modules: str
    custom_modules: str | None
    rslora: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    path: str | None
    method: str
    freeze_embeddings: bool
    gradient_checkpointing: bool
    lora: LoraSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimSpec:
    name: str
    lr: float
    weight_decay: float
    beta2: float
    schedule: str
    warmup_fraction: float
    min_lr_ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSpec:
    num_epochs: int
    schedule_epochs: int
    units_per_epoch: int
    batch_size: int
    micro_batch_size: int
    eval_batch_size: int
    exact_match_samples: int
    max_new_tokens: int
    seed: int
    num_gpus: int
    precision: str
    deterministic: bool
    resume_from: str | None
    grad_clip: float
    optim: OptimSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainJob:
    """A whole train spec; `settings` is the same as a flat mapping of dotted names, for checkpoints."""

    results_dir: Path
    dataset: DatasetSpec
    model: ModelSpec
    train: TrainSpec
    settings: dict[str, Any]


def train_job(config: Path) -> TrainJob:
    spec = load_spec(config, "train")
    model, train = dict(spec["model"]), dict(spec["train"])
    job = TrainJob(
        results_dir=Path(spec["results_dir"]),
        dataset=_dataset(spec["dataset"]),
        model=ModelSpec(lora=LoraSpec(**model.pop("lora")), **model),
        train=TrainSpec(optim=OptimSpec(**train.pop("optim")), **train),
        settings=dict(flatten(spec)),
    )
    _check_together(config, job)
    return job


def prompt_spec(settings: Mapping[str, Any]) -> PromptSpec:
    """From flat settings, such as a checkpoint holds."""
    return PromptSpec(**{name: settings[f"dataset.{name}"] for name in PromptSpec.__dataclass_fields__})


def _dataset(section: dict[str, Any]) -> DatasetSpec:
    prompts = PromptSpec(**{name: section[name] for name in PromptSpec.__dataclass_fields__})
    rest = {name: value for name, value in section.items() if name not in PromptSpec.__dataclass_fields__}
    return DatasetSpec(prompts=prompts, **rest)


def check_prompts(config: Path, prompts: PromptSpec) -> None:
    """What no single setting's law can say."""
    if prompts.prompt_template.count(PLACE) != 1:
        raise SpecError(
            f"{config}: dataset.prompt_template must hold {PLACE} once, got {prompts.prompt_template!r}",
            f'the plainest is "{PLACE}"',
        )
    if prompts.system_prompt and not prompts.chat_template:
        raise SpecError(
            f"{config}: dataset.system_prompt is used only with dataset.chat_template: true",
            "set that, or write the text into dataset.prompt_template",
        )


def _check_together(config: Path, job: TrainJob) -> None:
    check_prompts(config, job.dataset.prompts)
    if job.dataset.prompt_key == job.dataset.answer_key:
        raise SpecError(f"{config}: dataset.prompt_key and dataset.answer_key must differ")
