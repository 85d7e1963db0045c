"""Metrics of a model on examples, over all processes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from causal_lm.distributed import World
from causal_lm.encoding import Encoder, Example
from causal_lm.generation import Stops, generate
from causal_lm.network import Scorer
from causal_lm.precision import Precision
from causal_lm.sequences import collate


@torch.inference_mode()
def measure(
    model: Any, scorer: Scorer, examples: Sequence[Example], batch_size: int, padding: int, world: World
) -> dict[str, float]:
    """Means over answer tokens, not over rows: a long answer counts for more than a short one."""
    model.eval()
    sums = torch.zeros(3, dtype=torch.float64, device=world.device)  # cross entropy, hits, tokens
    mine = sorted(examples[world.rank :: world.size], key=lambda example: -len(example.ids))
    for start in range(0, len(mine), batch_size):
        batch = collate([(example,) for example in mine[start : start + batch_size]], padding).to(world.device)
        logits, labels = scorer.logits(model, batch), batch.labels
        sums[0] += cross_entropy(logits, labels, reduction="sum").double()
        sums[1] += (logits.argmax(dim=1) == labels).sum()
        sums[2] += len(labels)
    loss, hits, tokens = world.add_up(sums).tolist()
    mean = loss / tokens
    return {"eval_loss": mean, "perplexity": _exp(mean), "token_accuracy": hits / tokens}


def exact_match(
    model: Any,
    encoder: Encoder,
    examples: Sequence[Example],
    batch_size: int,
    stops: Stops,
    precision: Precision,
    world: World,
) -> float:
    """The share of greedy answers that are the expected text, but for white space at both ends."""
    mine = examples[world.rank :: world.size]
    answers = generate(model, [e.prompt.tolist() for e in mine], batch_size, encoder.padding, stops, precision)
    right = sum(encoder.decode(answer.ids) == _as_text(example) for example, answer in zip(mine, answers, strict=True))
    total = world.add_up(torch.tensor(float(right), dtype=torch.float64, device=world.device))
    return float(total) / len(examples)


def _as_text(example: Example) -> str:
    return example.record.answer.strip()


def _exp(value: float) -> float:
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf
