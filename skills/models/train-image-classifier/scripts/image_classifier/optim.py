"""Optimizers, the learning-rate schedule, and the moving average of the weights."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn

from image_classifier.spec import OptimSpec

EMA_RAMP = 10.0


def build_optimizer(model: nn.Module, spec: OptimSpec) -> torch.optim.Optimizer:
    """AdamW (decoupled decay) or SGD with Nesterov momentum; biases, norms and layer scales are not decayed."""
    adamw = spec.name == "adamw"
    decay = spec.weight_decay if adamw else spec.sgd_weight_decay
    groups = [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if adamw:
        return torch.optim.AdamW(groups, lr=spec.lr, betas=(0.9, spec.beta2), fused=True)
    nesterov = spec.momentum > 0
    return torch.optim.SGD(groups, lr=spec.sgd_lr, momentum=spec.momentum, nesterov=nesterov, fused=True)


def learning_rate(spec: OptimSpec, step: int, horizon: int) -> float:
    """For the step with this number (0-based, over all epochs): linear warmup, then a cosine that ends at `horizon`.

    The horizon comes from `train.schedule_epochs` and not from `train.num_epochs`: a trial that is stopped after 3
    epochs and later continued to 9 must have had, in its first 3, the learning rates of a run to 9. If the cosine
    ended where the budget ends, the continued run would be a different training, and scores at equal budgets could
    not be compared between fresh and continued trials.
    """
    top = spec.lr if spec.name == "adamw" else spec.sgd_lr
    warmup = spec.warmup_fraction * horizon
    if step < warmup:
        return top * (step + 1) / (warmup + 1)
    progress = min(1.0, (step - warmup) / max(1.0, horizon - warmup))
    floor = spec.min_lr_ratio
    return top * (floor + (1.0 - floor) * 0.5 * (1.0 + math.cos(math.pi * progress)))


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


class MovingAverage:
    """An exponential moving average of a model's parameters, as a model of its own.

    Early on the average forgets faster than `decay` says, or the first epochs would be judged by the initial
    weights. The network has no buffers, so parameters are all there is to average.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.model = copy.deepcopy(model).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        decay = min(self.decay, (1.0 + step) / (EMA_RAMP + step))
        averages: list[Tensor] = list(self.model.parameters())
        torch._foreach_lerp_(averages, list(model.parameters()), 1.0 - decay)  # as torch.optim.swa_utils does


def class_weights(counts: list[int], strength: float, device: torch.device) -> Tensor:
    """Loss weights in proportion to frequency ** -strength, scaled so that the average image weighs 1."""
    frequency = torch.tensor(counts, dtype=torch.float64) / sum(counts)
    weights = frequency.pow(-strength)
    return (weights / (weights * frequency).sum()).float().to(device)
