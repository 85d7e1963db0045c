"""The train action from a checked job to its last metric line, in one process or in each of several."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from causal_lm import checkpoint
from causal_lm.cli import emit_metrics, log
from causal_lm.distributed import World, join_world
from causal_lm.encoding import Encoder, common_end, fingerprint, largest_id
from causal_lm.errors import SpecError
from causal_lm.generation import stop_ids
from causal_lm.libraries import VERSIONS
from causal_lm.memory import gpu_memory
from causal_lm.network import check_vocabulary, load_base, load_tokenizer, make_trainable
from causal_lm.packing_probe import check_packing
from causal_lm.precision import choose_precision
from causal_lm.spec import TrainJob
from causal_lm.survey import Survey
from causal_lm.trainer import Corpus, Origin, Trainer

SAVES_MEMORY = (
    "lower train.micro_batch_size and train.eval_batch_size, or set model.gradient_checkpointing: true; both train the "
    "same model. Then dataset.max_length, and model.method: lora"
)


def train(job: TrainJob, survey: Survey) -> None:
    with join_world(job.train.num_gpus) as world, gpu_memory(SAVES_MEMORY):
        _configure(job.train.deterministic)
        saved = _load(job, survey)
        encoder = Encoder(load_tokenizer(survey.model), job.dataset.prompts, survey.max_length)
        corpus = _corpus(job, survey, encoder)
        if saved is not None:
            checkpoint.check_data(saved, corpus.identity)
        if saved is not None and saved["epoch"] == job.train.num_epochs:
            _repeat(job, world, saved)
            return
        _notes(job, world, saved)
        _trainer(job, survey, corpus, world, saved).run()


def _configure(deterministic: bool) -> None:
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)


def _load(job: TrainJob, survey: Survey) -> Mapping[str, Any] | None:
    if not job.train.resume_from:
        return None
    saved = checkpoint.load(job.train.resume_from, "train.resume_from")
    checkpoint.check_settings(saved, job.settings)
    checkpoint.check_model(saved, survey.model, "train.resume_from")
    return saved


def _corpus(job: TrainJob, survey: Survey, encoder: Encoder) -> Corpus:
    train = encoder.encode(survey.train, job.dataset.train_path)
    validation = encoder.encode(survey.validation, job.dataset.val_path or job.dataset.train_path)
    if encoder.end is None:
        log("warning: the tokenizer has no end token: the model will not learn where an answer ends")
    log(train.account("training"))
    log(validation.account("validation"))
    return Corpus(
        encoder=encoder,
        train=train.examples,
        validation=validation.examples,
        identity=fingerprint(train.examples, validation.examples),
        stop_ids=(),
    )


def _trainer(job: TrainJob, survey: Survey, corpus: Corpus, world: World, saved: Mapping[str, Any] | None) -> Trainer:
    precision = choose_precision(job.train.precision, world.device)
    base = load_base(survey.model, precision.weights(job.model.method)).to(world.device)
    check_vocabulary(base, survey.model, largest_id([*corpus.train, *corpus.validation]))
    if job.dataset.packing:
        check_packing(base, precision, corpus.encoder.max_length)
    corpus = replace(corpus, stop_ids=stop_ids(base, corpus.encoder.end, common_end(corpus.train)))
    model = make_trainable(base, job.model, job.train.seed)
    if job.model.gradient_checkpointing:
        _save_memory(model, survey)
    return Trainer(job, corpus, model, _origin(survey), precision, world, saved)


def _save_memory(model: Any, survey: Survey) -> None:
    """transformers renamed the switch; of both names the newer one is used where it is known."""
    how = {"use_reentrant": False}
    try:
        if hasattr(model, "activation_checkpointing_enable"):
            model.activation_checkpointing_enable(activation_checkpointing_kwargs=how)
        else:
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs=how)
    except ValueError:
        raise SpecError(
            f"model.gradient_checkpointing: models of type {survey.model.kind!r} cannot do it", "set it to false"
        ) from None


def _origin(survey: Survey) -> Origin:
    libraries = {"torch": str(torch.__version__), **VERSIONS}
    return Origin(path=str(survey.model.path.resolve()), identity=survey.model.fingerprint(), libraries=libraries)


def _repeat(job: TrainJob, world: World, saved: Mapping[str, Any]) -> None:
    """Nothing is left to train: leave the results that training would have left."""
    if world.leads:
        log(f"the checkpoint already has {saved['epoch']} units")
        checkpoint.save(checkpoint.path_of(job.results_dir, saved["epoch"]), saved)
        emit_metrics(saved["epoch"], saved["metrics"])


def _notes(job: TrainJob, world: World, saved: Mapping[str, Any] | None) -> None:
    older = sorted((job.results_dir / "checkpoints").glob("epoch_*.pt"))
    if older and saved is None:
        log(f"warning: {older[0].parent} already holds checkpoints of another run, such as {older[-1].name}")
    if saved is not None and saved["processes"] != world.size:
        log(f"note: {saved['processes']} processes trained so far, {world.size} go on: equal but for rounding")
