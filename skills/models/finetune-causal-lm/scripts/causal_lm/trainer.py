"""The training loop: units, steps, checkpoints and the metric lines."""

from __future__ import annotations

import math
import resource
import sys
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel

from causal_lm import checkpoint
from causal_lm.cli import emit_metrics, log
from causal_lm.dice import seed_layers
from causal_lm.distributed import World
from causal_lm.encoding import Encoder, Example
from causal_lm.errors import Diverged
from causal_lm.evaluation import exact_match, measure
from causal_lm.generation import Stops
from causal_lm.network import Scorer, set_trained, trained_tensors
from causal_lm.optim import build_optimizer, learning_rate, set_learning_rate
from causal_lm.precision import Precision
from causal_lm.sequences import Sequence_, batch_of, collate, length_of, pack, share, targets_of
from causal_lm.spec import TrainJob
from causal_lm.units import Calendar

SECONDS_BETWEEN_NEWS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """`identity` is the fingerprint of both lists; `stop_ids` are the tokens that end an answer."""

    encoder: Encoder
    train: list[Example]
    validation: list[Example]
    identity: str
    stop_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What the model was before: its folder, and the fingerprint of its weights."""

    path: str
    identity: str
    libraries: Mapping[str, str]


class Trainer:
    """One training, from the start or from a checkpoint's content. `model` is trainable and on its device."""

    def __init__(
        self,
        job: TrainJob,
        corpus: Corpus,
        model: Any,
        origin: Origin,
        precision: Precision,
        world: World,
        saved: Mapping[str, Any] | None,
    ) -> None:
        self.job, self.corpus, self.model, self.origin = job, corpus, model, origin
        self.precision, self.world, self.settings = precision, world, job.train
        self.sequences = self._sequences()
        self.calendar = Calendar(
            sequences=len(self.sequences),
            batch_size=self.settings.batch_size,
            units_per_pass=self.settings.units_per_epoch,
        )
        self.scorer = Scorer(model, precision)
        self.optimizer = build_optimizer(model, self.settings.optim)
        self.scaler = precision.scaler()
        self.unit = 0
        self.metrics: dict[str, float] = {}
        if saved is not None:
            self._restore(saved)
        self.parallel = self._parallel()
        self.written: Path | None = None
        self.last_news = time.monotonic()

    def run(self) -> None:
        self._describe()
        while self.unit < self.settings.num_epochs:
            self._run_unit()
            self._save()
            if self.world.leads:
                emit_metrics(self.unit, self.metrics)

    def _run_unit(self) -> None:
        steps = self.calendar.steps_of(self.unit + 1)
        if steps:
            self.metrics = self._train(steps)
            self.metrics |= self._validate()
        self.unit += 1

    # State

    def _sequences(self) -> list[Sequence_]:
        if self.job.dataset.packing:
            return pack(self.corpus.train, self.corpus.encoder.max_length)
        return [(example,) for example in self.corpus.train]

    def _parallel(self) -> Any:
        if self.world.size == 1:
            return self.model
        ids = [self.world.device] if self.world.device.type == "cuda" else None
        return DistributedDataParallel(self.model, device_ids=ids)

    def _restore(self, saved: Mapping[str, Any]) -> None:
        set_trained(self.model, saved["trained"], "train.resume_from")
        self.optimizer.load_state_dict(saved["optimizer"])
        self.scaler.load_state_dict(saved["scaler"])
        self.unit, self.metrics = saved["epoch"], dict(saved["metrics"])

    def _save(self) -> None:
        """Before the metric line: who has read that a unit is complete will find its checkpoint."""
        if not self.world.leads:
            return
        path = checkpoint.path_of(self.job.results_dir, self.unit)
        checkpoint.save(path, self._content())
        if self.written is not None:
            self.written.unlink(missing_ok=True)
        self.written = path

    def _content(self) -> dict[str, Any]:
        """No generator states are among it, because none are carried from step to step (see dice.py)."""
        return {
            "epoch": self.unit,
            "step": self.calendar.steps_until(self.unit),
            "metrics": self.metrics,
            "settings": self.job.settings,
            "max_length": self.corpus.encoder.max_length,
            "stop_ids": list(self.corpus.stop_ids),
            "processes": self.world.size,
            "data": self.corpus.identity,
            "base": self.origin.identity,
            "base_path": self.origin.path,
            "libraries": dict(self.origin.libraries),
            "precision": self.precision.name,
            "trained": {name: weight.detach() for name, weight in trained_tensors(self.model).items()},
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
        }

    # One unit

    def _train(self, steps: range) -> dict[str, float]:
        began = self._clock()
        self.parallel.train()
        loss, targets, tokens = 0.0, 0, 0
        for step in steps:
            batch = self._batch(step)
            loss += self._step(step, batch)
            targets += targets_of(batch)
            tokens += sum(length_of(sequence) for sequence in batch)
            self._tell(step, loss / targets)
        return {
            "train_loss": loss / targets,
            "tokens_per_second": tokens / (self._clock() - began),
            "peak_memory_mb": self._peak_memory(),
        }

    def _batch(self, step: int) -> list[Sequence_]:
        epoch, within = self.calendar.place_of(step)
        return batch_of(self.sequences, self.settings.batch_size, seed=self.settings.seed, epoch=epoch, step=within)

    def _step(self, step: int, batch: list[Sequence_]) -> float:
        """One optimizer step; the sum of the losses of all its answer tokens, over all processes.

        Gradients are those of the mean over the whole batch's answer tokens. How the batch is cut into processes and
        micro-batches therefore changes nothing but rounding.
        """
        set_learning_rate(self.optimizer, self._learning_rate(step))
        self.optimizer.zero_grad(set_to_none=True)
        parts = share(batch, self.world.rank, self.world.size, self.settings.micro_batch_size)
        total = torch.zeros((), dtype=torch.float64, device=self.world.device)
        for number, part in enumerate(parts):
            seed_layers(self.settings.seed, "layers", step, number, self.world.rank)
            with self._synchronised(number == len(parts) - 1):
                total += self._accumulate(part, batch)
        value = float(self.world.add_up(total))
        if not math.isfinite(value):
            raise self._diverged(f" (step {step + 1})")
        self._update()
        return value

    def _accumulate(self, part: list[Sequence_], batch: list[Sequence_]) -> Tensor:
        """Adds to the gradients. A process without a sequence computes one anyway, with weight 0: others wait."""
        weight = self.world.size / targets_of(batch) if part else 0.0
        data = collate(part or batch[:1], self.corpus.encoder.padding).to(self.world.device)
        loss = cross_entropy(self.scorer.logits(self.parallel, data), data.labels, reduction="sum")
        torch.autograd.backward(self.scaler.scale(loss * weight))
        return loss.detach().double() * bool(part)

    def _update(self) -> None:
        if self.settings.grad_clip > 0:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(trained_tensors(self.model).values(), self.settings.grad_clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()

    def _synchronised(self, last: bool) -> AbstractContextManager[object]:
        """Processes exchange gradients once a step, not once a micro-batch."""
        if last or not isinstance(self.parallel, DistributedDataParallel):
            return nullcontext()
        return self.parallel.no_sync()

    def _learning_rate(self, step: int) -> float:
        return learning_rate(self.settings.optim, step, self.calendar.steps_until(self.settings.schedule_epochs))

    def _validate(self) -> dict[str, float]:
        encoder, examples = self.corpus.encoder, self.corpus.validation
        metrics = measure(self.model, self.scorer, examples, self.settings.eval_batch_size, encoder.padding, self.world)
        if not math.isfinite(metrics["eval_loss"]):
            raise self._diverged(", on validation data")
        asked = examples[: self.settings.exact_match_samples]
        if asked:
            stops = Stops(ids=self.corpus.stop_ids, max_new_tokens=self.settings.max_new_tokens)
            metrics["exact_match"] = exact_match(
                self.model, encoder, asked, self.settings.eval_batch_size, stops, self.precision, self.world
            )
        return metrics

    # Faults

    def _diverged(self, where: str) -> Diverged:
        return Diverged(
            f"loss is not finite at epoch {self.unit + 1}{where}",
            "lower train.optim.lr, or set train.grad_clip; with precision fp16 try bf16 or fp32",
        )

    # What people and planners want to know

    def _clock(self) -> float:
        if self.world.device.type == "cuda":
            torch.cuda.synchronize(self.world.device)
        return time.perf_counter()

    def _peak_memory(self) -> float:
        """In MiB, of the process that used most: GPU memory, or on a CPU everything the process held."""
        if self.world.device.type == "cuda":
            return self.world.largest(float(torch.cuda.max_memory_allocated(self.world.device))) / 2**20
        unit = 1 if sys.platform == "darwin" else 1024
        return self.world.largest(float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * unit) / 2**20

    def _tell(self, step: int, loss: float) -> None:
        """Between metric lines, which may be far apart."""
        if time.monotonic() - self.last_news >= SECONDS_BETWEEN_NEWS:
            self.last_news = time.monotonic()
            log(f"step {step + 1} of {self.calendar.steps_until(self.settings.num_epochs)}, train loss {loss:.4f}")

    def _describe(self) -> None:
        calendar, settings = self.calendar, self.settings
        trained = sum(weight.numel() for weight in trained_tensors(self.model).values())
        everything = sum(weight.numel() for weight in self.model.parameters())
        log(
            f"{trained} of {everything} parameters are trained, {self.precision.name} on {self.world.device.type}, "
            f"{self.world.size} process(es)"
        )
        log(
            f"{len(self.sequences)} sequences, {calendar.steps_per_pass} steps of {settings.batch_size} a pass, "
            f"{settings.units_per_epoch} units a pass; units {self.unit + 1} to {settings.num_epochs}, "
            f"steps {calendar.steps_until(self.unit) + 1} to {calendar.steps_until(settings.num_epochs)}"
        )
