"""The training loop: epochs, steps, checkpoints and the metric lines."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax
from torch.nn.parallel import DistributedDataParallel

from image_classifier import augment, checkpoint
from image_classifier.cli import emit_metrics, log
from image_classifier.dataset import epoch_batches, labels_of, open_source, statistics
from image_classifier.dice import seed_layers
from image_classifier.distributed import World
from image_classifier.errors import Diverged
from image_classifier.evaluation import Pipeline, measure
from image_classifier.network import ImageClassifier, NetworkSpec, count_parameters
from image_classifier.optim import MovingAverage, build_optimizer, class_weights, learning_rate, set_learning_rate
from image_classifier.precision import choose_precision
from image_classifier.spec import TrainJob
from image_classifier.survey import Survey, cache_bytes, caches

STEPS_BETWEEN_CHECKS = 100


class Trainer:
    """One training, from the start or from a checkpoint's content."""

    def __init__(self, job: TrainJob, survey: Survey, world: World, saved: Mapping[str, Any] | None) -> None:
        self.job, self.survey, self.world = job, survey, world
        self.settings = job.train
        self.fingerprint = survey.fingerprint()
        self._open_data()
        self.network = self._network_spec()
        seed_layers(self.settings.seed, "weights")
        self.model = ImageClassifier(self.network).to(world.device)
        self.average = MovingAverage(self.model, self.settings.ema_decay) if self.settings.ema_decay > 0 else None
        self.optimizer = build_optimizer(self.model, self.settings.optim)
        self.scaler = self.pipeline.precision.scaler()
        self.epoch = 0
        if saved is not None:
            self._restore(saved)
        self.parallel = self._parallel()
        self.written: Path | None = None

    def run(self) -> None:
        self._describe()
        while self.epoch < self.settings.num_epochs:
            metrics = self._train_epoch(self.epoch)
            self.epoch += 1
            metrics |= self._validate()
            self._save(metrics)
            if self.world.leads:
                emit_metrics(self.epoch, metrics)

    # Data and state

    def _open_data(self) -> None:
        data, survey, device = self.job.dataset, self.survey, self.world.device
        needed = cache_bytes(survey.preparation, survey.train, survey.validation)
        self.cached = caches(data.cache, data.cache_limit_gb, needed, self.world.local_size)
        self.train_source, self.val_source = (
            open_source(folder, survey.preparation, device, cached=self.cached, workers=data.num_workers)
            for folder in (survey.train, survey.validation)
        )
        self.train_labels = labels_of(survey.train, device)
        self.val_labels = labels_of(survey.validation, device)
        mean, std = statistics(self.train_source, survey.train, survey.preparation)
        self.pipeline = Pipeline(
            mean=torch.tensor(mean, device=device),
            std=torch.tensor(std, device=device),
            precision=choose_precision(self.settings.precision, device),
            channels_last=self.settings.channels_last,
        )
        counts = list(survey.train.counts().values())
        self.class_weights = class_weights(counts, self.settings.class_weighting, device)

    def _network_spec(self) -> NetworkSpec:
        how = self.survey.preparation
        return NetworkSpec(
            channels=how.channels,
            classes=len(self.survey.classes),
            image_size=how.size,
            **asdict(self.job.model),
        )

    def _parallel(self) -> nn.Module:
        if self.world.size == 1:
            return self.model
        # a kernel of shape (width, 1, k, k) has a stride that does not matter, which DDP takes for a copy
        warnings.filterwarnings("ignore", message="Grad strides do not match bucket view strides")
        ids = [self.world.device] if self.world.device.type == "cuda" else None
        return DistributedDataParallel(self.model, device_ids=ids)

    def _restore(self, saved: Mapping[str, Any]) -> None:
        self.model.load_state_dict(saved["model"])
        if self.average is not None:
            self.average.model.load_state_dict(saved["average"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.scaler.load_state_dict(saved["scaler"])
        self.epoch = saved["epoch"]

    def _save(self, metrics: dict[str, float]) -> None:
        """Before the metric line: who has read that an epoch is complete will find its checkpoint."""
        if not self.world.leads:
            return
        path = checkpoint.path_of(self.job.results_dir, self.epoch)
        checkpoint.save(path, self._content(metrics))
        if self.written is not None:
            self.written.unlink(missing_ok=True)
        self.written = path

    def _content(self, metrics: dict[str, float]) -> dict[str, Any]:
        """No generator states are among it, because none are carried from step to step (see dice.py)."""
        return {
            "epoch": self.epoch,
            "metrics": metrics,
            "settings": self.job.settings,
            "network": asdict(self.network),
            "preparation": asdict(self.survey.preparation),
            "classes": list(self.survey.classes),
            "mean": self.pipeline.mean.tolist(),
            "std": self.pipeline.std.tolist(),
            "world_size": self.world.size,
            "data": self.fingerprint,
            "model": self.model.state_dict(),
            "average": self.average.model.state_dict() if self.average is not None else None,
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
        }

    # One epoch

    def _train_epoch(self, epoch: int) -> dict[str, float]:
        began = self._clock()
        batches = epoch_batches(
            len(self.train_labels),
            self.survey.effective_batch,
            seed=self.settings.seed,
            epoch=epoch,
            drop_last=self.settings.drop_last,
        )
        self.parallel.train()
        total = torch.zeros((), device=self.world.device, dtype=torch.float64)
        shares = [self._share(batch) for batch in batches]
        for step, images in enumerate(self.train_source.iterate(shares)):
            total += self._step(epoch, step, images, shares[step], len(batches[step])).double()
            if (step + 1) % STEPS_BETWEEN_CHECKS == 0:
                self._finite(total, epoch)
        loss = self._finite(total, epoch) / (len(batches) * self.world.size)
        images_seen = sum(len(batch) for batch in batches)
        return {"train_loss": loss, "images_per_second": images_seen / (self._clock() - began), **self._memory()}

    def _share(self, batch: Tensor) -> Tensor:
        """A process that is left without an image in a short last batch computes one anyway, with weight 0."""
        mine = self.world.share(batch)
        return mine if len(mine) else batch[:1]

    def _step(self, epoch: int, step: int, images: Tensor, share: Tensor, batch: int) -> Tensor:
        """The process's part of the loss, which averages over processes to the mean over the whole batch."""
        number = epoch * self.survey.steps_per_epoch + step
        set_learning_rate(self.optimizer, self._learning_rate(number))
        seed_layers(self.settings.seed, "layers", epoch, step, self.world.rank)
        weight = self.world.size / batch if self.world.rank < batch else 0.0
        loss = self._loss(epoch, step, images, share, batch) * weight
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(self.scaler.scale(loss))
        if self.settings.grad_clip > 0:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.grad_clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.average is not None:
            self.average.update(self.model, number)
        return loss.detach()

    def _loss(self, epoch: int, step: int, images: Tensor, share: Tensor, batch: int) -> Tensor:
        """Sum of the cross entropies of this process's images, against smoothed, mixed and class-weighted targets."""
        seed, device = self.settings.seed, self.world.device
        table = augment.draw(batch, seed, epoch, step)
        draws = augment.Draws(self._share(table).to(device, non_blocking=True))
        x = augment.augment(images, draws, self.job.augment, self.pipeline.mean, self.pipeline.std)
        labels = self.train_labels[share.to(device)]
        targets = augment.soft_targets(labels, self.network.classes, self.settings.label_smoothing)
        x, targets = augment.mix(x, targets, augment.mixup_share(self.job.augment.mixup_alpha, seed, epoch, step))
        logits = self.pipeline.logits(self.parallel, x)
        return -(targets * self.class_weights * log_softmax(logits, dim=1)).sum()

    def _learning_rate(self, number: int) -> float:
        horizon = self.settings.schedule_epochs * self.survey.steps_per_epoch
        return learning_rate(self.settings.optim, number, horizon)

    def _finite(self, total: Tensor, epoch: int) -> float:
        """The sum over processes, so that all of them see the same number and stop at the same place."""
        value = float(self.world.add_up(total.clone()))
        if math.isfinite(value):
            return value
        raise Diverged(f"loss is not finite at epoch {epoch + 1}", "lower the learning rate, or set train.grad_clip")

    def _validate(self) -> dict[str, float]:
        model = self.average.model if self.average is not None else self.model
        metrics, _ = measure(
            model,
            self.val_source,
            self.val_labels,
            self.settings.eval_batch_size,
            self.network.classes,
            self.pipeline,
            self.world,
        )
        if not math.isfinite(metrics["loss"]):
            raise Diverged(f"loss is not finite at epoch {self.epoch}", "the validation loss overflowed")
        return metrics

    # What people and planners want to know

    def _clock(self) -> float:
        if self.world.device.type == "cuda":
            torch.cuda.synchronize(self.world.device)
        return time.perf_counter()

    def _memory(self) -> dict[str, float]:
        """Of the process that used most, in MiB; nothing on a CPU."""
        if self.world.device.type != "cuda":
            return {}
        peak = float(torch.cuda.max_memory_allocated(self.world.device))
        return {"peak_gpu_memory_mb": self.world.largest(peak) / 2**20}

    def _describe(self) -> None:
        how, survey = self.survey.preparation, self.survey
        log(
            f"{len(survey.train.samples)} training and {len(survey.validation.samples)} validation images of "
            f"{len(survey.classes)} classes, {how.size}x{how.size}x{how.channels}, "
            f"{'in memory' if self.cached else 'from files'}"
        )
        log(
            f"{count_parameters(self.model)} parameters, {self.pipeline.precision.name} on {self.world.device.type}, "
            f"{self.world.size} process(es), batch {survey.effective_batch}, {survey.steps_per_epoch} steps an epoch, "
            f"epochs {self.epoch + 1} to {self.settings.num_epochs}"
        )
