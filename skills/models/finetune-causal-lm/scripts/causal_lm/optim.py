"""Optimizers and the learning-rate schedule."""

from __future__ import annotations

import math

import torch
from torch import nn

from causal_lm.network import trained_tensors
from causal_lm.spec import OptimSpec


def build_optimizer(model: nn.Module, spec: OptimSpec) -> torch.optim.Optimizer:
    """AdamW with decoupled decay of matrices; biases and norms are not decayed."""
    weights = list(trained_tensors(model).values())
    groups = [
        {"params": [w for w in weights if w.ndim > 1], "weight_decay": spec.weight_decay},
        {"params": [w for w in weights if w.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    betas = (0.9, spec.beta2)
    if spec.name == "adamw_8bit":
        import bitsandbytes

        eight_bit: torch.optim.Optimizer = bitsandbytes.optim.AdamW8bit(groups, lr=spec.lr, betas=betas)
        return eight_bit
    return torch.optim.AdamW(groups, lr=spec.lr, betas=betas, fused=True)


def learning_rate(spec: OptimSpec, step: int, horizon: int) -> float:
    """For the step with this number (0-based, over all passes): linear warmup, then down to the floor at `horizon`.

    The horizon comes from `train.schedule_epochs` and not from `train.num_epochs`: a trial that is stopped after 3
    units and later continued to 9 must have had, in its first 3, the learning rates of a run to 9. Otherwise the
    continued run would be another training, and scores of fresh and continued trials could not be compared.
    """
    warmup = spec.warmup_fraction * horizon
    if step < warmup:
        return spec.lr * (step + 1) / (warmup + 1)
    progress = min(1.0, (step - warmup) / max(1.0, horizon - warmup))
    return spec.lr * (spec.min_lr_ratio + (1.0 - spec.min_lr_ratio) * _height(spec.schedule, progress))


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def _height(schedule: str, progress: float) -> float:
    if schedule == "constant":
        return 1.0
    return 1.0 - progress if schedule == "linear" else 0.5 * (1.0 + math.cos(math.pi * progress))
