"""What a training would do with its data and model, found out without importing torch."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from causal_lm.errors import SpecError
from causal_lm.model_folder import ModelFolder, read_model_folder
from causal_lm.records import Record, read_records, read_train_records, sample, split
from causal_lm.spec import PLACE, PromptSpec, TrainJob

RUNS_TOGETHER = re.compile(r"[\w.!?,]\Z")
FULL_LR_LIMIT = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """`max_length` is the setting or the model's limit, whichever is less."""

    train: list[Record]
    validation: list[Record]
    model: ModelFolder
    max_length: int
    warnings: tuple[str, ...]


def processes(job: TrainJob, environment: Mapping[str, str] = os.environ) -> int:
    """That train together: what torchrun says, else one per GPU asked for."""
    return int(environment.get("WORLD_SIZE", "0")) or max(1, job.train.num_gpus)


def checkpoint_path(path: str | None, setting: str, *, or_folder: bool = False) -> str:
    """`or_folder`: a model's folder will do as well."""
    if not path:
        raise SpecError(f"{setting} is not set", "such as results/checkpoints/epoch_27.pt")
    if not (os.path.isfile(path) or (or_folder and os.path.isdir(path))):
        raise SpecError(f"{setting}: {path!r} is " + ("neither a file nor a folder" if or_folder else "not a file"))
    return path


def take(job: TrainJob) -> Survey:
    """Raises DataError or SpecError for whatever would end the training before its first step."""
    data = job.dataset
    model = read_model_folder(job.model.path)
    check_chat(job.dataset.prompts, model)
    everything = read_train_records(data.train_path, data.prompt_key, data.answer_key)
    if data.val_path:
        found = read_records(data.val_path, "dataset.val_path", data.prompt_key, data.answer_key)
        train, validation = everything, sample(found, data.max_val_samples)
    else:
        train, validation = split(everything, data.val_fraction, data.max_val_samples)
    if job.train.resume_from:
        checkpoint_path(job.train.resume_from, "train.resume_from")
    return Survey(
        train=train,
        validation=validation,
        model=model,
        max_length=min(data.prompts.max_length, model.positions or data.prompts.max_length),
        warnings=(*model.warnings, *_data_warnings(job, train, validation), *_setting_warnings(job, model)),
    )


def check_chat(prompts: PromptSpec, model: ModelFolder) -> None:
    if prompts.chat_template and not model.has_chat_template:
        raise SpecError(
            f"dataset.chat_template is true, but the tokenizer in {model.path} has no chat template",
            "it is a base model: set dataset.chat_template: false and, if you like, dataset.prompt_template",
        )


def _data_warnings(job: TrainJob, train: Sequence[Record], validation: Sequence[Record]) -> list[str]:
    notes = []
    prompts = {record.prompt for record in train}
    shared = sum(record.prompt in prompts for record in validation)
    if shared:
        notes.append(f"{shared} of {len(validation)} validation prompts are training prompts too")
    if len(validation) < 50:
        notes.append(f"only {len(validation)} validation rows: the metric will be noisy")
    twice = len(train) - len({(record.prompt, record.answer) for record in train})
    if twice:
        notes.append(f"{twice} training rows are repetitions of others")
    empty = sum(not record.prompt.strip() for record in train)
    if empty:
        notes.append(f"{empty} training prompts are empty")
    if not job.dataset.prompts.chat_template and _mostly_run_together(job, train):
        notes.append(_run_together(job, train[0]))
    return notes


def _mostly_run_together(job: TrainJob, train: Sequence[Record]) -> bool:
    after = job.dataset.prompts.prompt_template.partition(PLACE)[2]
    joined = sum(bool(RUNS_TOGETHER.search(r.prompt + after)) and r.answer[:1].isalnum() for r in train)
    return joined > len(train) / 2


def _run_together(job: TrainJob, record: Record) -> str:
    text = job.dataset.prompts.prompt_template.replace(PLACE, record.prompt)[-20:] + record.answer[:20]
    return (
        f"prompts and answers run into each other, as in {text!r}: end prompts with a separator, or set "
        f'dataset.prompt_template, such as "{PLACE}\\n"'
    )


def _setting_warnings(job: TrainJob, model: ModelFolder) -> list[str]:
    train, prompts = job.train, job.dataset.prompts
    notes = []
    if model.positions and prompts.max_length > model.positions:
        notes.append(
            f"dataset.max_length is {prompts.max_length}, the model has {model.positions} positions: these are used"
        )
    if train.num_epochs > train.schedule_epochs:
        notes.append(
            f"train.num_epochs ({train.num_epochs}) is more than train.schedule_epochs ({train.schedule_epochs}): "
            "the last units train at the lowest learning rate"
        )
    if job.model.method == "full" and train.optim.lr > FULL_LR_LIMIT:
        notes.append(f"train.optim.lr {train.optim.lr:g} is high for model.method: full; 1e-5 to 5e-5 is usual")
    if model.has_chat_template and not prompts.chat_template:
        notes.append("the tokenizer has a chat template; for a model tuned for chats set dataset.chat_template: true")
    return notes
