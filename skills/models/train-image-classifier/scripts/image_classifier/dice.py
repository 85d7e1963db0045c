"""Randomness with an address: every draw is a function of (seed, purpose, epoch, step, …) and of nothing before it.

That makes a resumed training equal to an uninterrupted one without saving the state of any generator, and lets all
processes of a distributed training agree on a draw without talking to each other.
"""

from __future__ import annotations

import hashlib

import numpy as np
import torch


def address(seed: int, *where: int | str) -> int:
    """A 63-bit number; the same on every machine and in every version of Python."""
    digest = hashlib.blake2b(repr((seed, *where)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def torch_dice(seed: int, *where: int | str) -> torch.Generator:
    """On the CPU, so that a GPU and a CPU see the same draws."""
    return torch.Generator().manual_seed(address(seed, *where))


def numpy_dice(seed: int, *where: int | str) -> np.random.Generator:
    return np.random.default_rng(address(seed, *where))


def seed_layers(seed: int, *where: int | str) -> None:
    """For layers that draw from torch's own generators: dropout, stochastic depth, initial weights."""
    torch.manual_seed(address(seed, *where))
