"""The train action from a checked job to its last metric line, in one process or in each of several."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import torch

from image_classifier import checkpoint
from image_classifier.cli import emit_metrics, log
from image_classifier.distributed import World, check_gpus, device_for, join_world
from image_classifier.precision import choose_precision
from image_classifier.spec import TrainJob
from image_classifier.survey import Survey, checkpoint_path
from image_classifier.trainer import Trainer


def check_device(job: TrainJob) -> None:
    """Raises SpecError for GPUs or a number format that this machine does not have."""
    check_gpus(job.train.num_gpus)
    choose_precision(job.train.precision, device_for(job.train.num_gpus))


def train(job: TrainJob, survey: Survey) -> None:
    with join_world(job.train.num_gpus) as world:
        _configure(world, job.train.deterministic)
        saved = _load(job, survey, world)
        if saved is not None and saved["epoch"] == job.train.num_epochs:
            _repeat(job, world, saved)
        else:
            _warn_of_older_run(job)
            Trainer(job, survey, world, saved).run()


def _configure(world: World, deterministic: bool) -> None:
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
    if world.device.type == "cuda":
        torch.backends.cudnn.benchmark = not deterministic


def _load(job: TrainJob, survey: Survey, world: World) -> Mapping[str, Any] | None:
    if not job.train.resume_from:
        return None
    key = "train.resume_from"
    saved = checkpoint.load(checkpoint_path(job.train.resume_from, key), key)
    checkpoint.check_continues(saved, job.settings, world=world.size, data=survey.fingerprint())
    return saved


def _repeat(job: TrainJob, world: World, saved: Mapping[str, Any]) -> None:
    """Nothing is left to train: leave the results that training would have left."""
    if world.leads:
        log(f"the checkpoint already has {saved['epoch']} epochs")
        checkpoint.save(checkpoint.path_of(job.results_dir, saved["epoch"]), saved)
        emit_metrics(saved["epoch"], saved["metrics"])


def _warn_of_older_run(job: TrainJob) -> None:
    older = sorted((job.results_dir / "checkpoints").glob("epoch_*.pt"))
    if older and not job.train.resume_from:
        log(f"warning: {older[0].parent} already holds checkpoints of another run, such as {older[-1].name}")
