"""Differential evolution in the unit cube: rand/1/bin (Storn and Price, doi:10.1023/A:1008202821328)."""

import random
from collections.abc import Sequence

Place = Sequence[float]
"""One coordinate an axis, in [0, 1]."""


def mutant(base: Place, one: Place, other: Place, factor: float, dice: random.Random) -> list[float]:
    """``base + factor * (one - other)``; a coordinate that leaves [0, 1] is drawn anew (arXiv 2105.09821)."""
    moved = (b + factor * (x - y) for b, x, y in zip(base, one, other, strict=True))
    return [place if 0.0 <= place <= 1.0 else dice.random() for place in moved]


def crossover(target: Place, changed: Place, probability: float, dice: random.Random) -> list[float]:
    """Each coordinate of `changed` with that probability, else of `target`; at least one of `changed`."""
    certain = dice.randrange(len(target))
    return [
        new if axis == certain or dice.random() < probability else old
        for axis, (old, new) in enumerate(zip(target, changed, strict=True))
    ]


def parents(pool: Sequence[Place], dice: random.Random, dimension: int) -> tuple[Place, Place, Place]:
    """Three different members of the pool; random places stand in where it has fewer."""
    spare = [[dice.random() for _ in range(dimension)] for _ in range(3 - len(pool))]
    base, one, other = dice.sample([*pool, *spare], 3)
    return base, one, other
