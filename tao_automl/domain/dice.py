"""Randomness with an address: the same address gives the same dice in every process, on every host."""

import hashlib
import random


def seed_for(seed: int, *address: str | int) -> int:
    """A 64-bit seed that depends on nothing but its arguments (not on PYTHONHASHSEED, nor on earlier draws)."""
    digest = hashlib.sha256(repr((seed, *address)).encode()).digest()
    return int.from_bytes(digest[:8], "big")


def rng_for(seed: int, *address: str | int) -> random.Random:
    """A fresh generator for one address, for example ``rng_for(seed, "asha", trial_id)``."""
    return random.Random(seed_for(seed, *address))
