"""Randomness with an address: every draw is a function of (seed, purpose, step, …) and of nothing before it.

That makes a resumed training equal to an uninterrupted one without saving the state of any generator, and lets all
processes agree on an order without talking to each other.
"""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor


def address(seed: int, *where: int | str) -> int:
    """A 63-bit number; the same on every machine and in every version of Python."""
    digest = hashlib.blake2b(repr((seed, *where)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def permutation(count: int, seed: int, *where: int | str) -> Tensor:
    """On the CPU, so that every device sees the same order."""
    return torch.randperm(count, generator=torch.Generator().manual_seed(address(seed, *where)))


def seed_layers(seed: int, *where: int | str) -> None:
    """For layers that draw from torch's own generators: dropout, and the adapters' initial weights."""
    torch.manual_seed(address(seed, *where))
