"""Greedy answers to prompts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from causal_lm.libraries import peft, transformers
from causal_lm.precision import Precision


@dataclass(frozen=True, slots=True, kw_only=True)
class Stops:
    """Generation ends after one of these tokens, or after so many tokens."""

    ids: tuple[int, ...]
    max_new_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`complete` says that the model ended the answer, rather than the limit of tokens."""

    ids: list[int]
    complete: bool


def stop_ids(model: Any, *more: int | None) -> tuple[int, ...]:
    """What the model's own generation settings end at, and `more`, such as the token that trained answers end with."""
    own = getattr(model.generation_config, "eos_token_id", None)
    ids = [own] if isinstance(own, int) else list(own or ())
    return tuple(sorted({*ids, *(token for token in more if token is not None)}))


def generate(
    model: Any, prompts: Sequence[list[int]], batch_size: int, padding: int, stops: Stops, precision: Precision
) -> list[Answer]:
    """In the order of the prompts; prompts of similar length are computed together."""
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    answers: dict[int, Answer] = {}
    model.eval()
    for start in range(0, len(order), batch_size):
        part = order[start : start + batch_size]
        answers.update(zip(part, _batch(model, [prompts[i] for i in part], padding, stops, precision), strict=True))
    return [answers[i] for i in range(len(prompts))]


@torch.inference_mode()
def _batch(model: Any, prompts: list[list[int]], padding: int, stops: Stops, precision: Precision) -> Iterator[Answer]:
    """Prompts are padded on the left, so that the answers begin at the same place."""
    longest = max(len(prompt) for prompt in prompts)
    ids = torch.tensor([[padding] * (longest - len(p)) + p for p in prompts], device=model.device)
    mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts], device=model.device)
    with _settings(model, _greedy(padding, stops)) as plain, precision.autocast():
        found = plain.generate(input_ids=ids, attention_mask=mask)
    return iter([_cut(row, stops) for row in found[:, longest:].tolist()])


@contextmanager
def _settings(model: Any, wanted: Any) -> Iterator[Any]:
    """The model with no generation settings but these: its own, such as sampling, would fill whatever they leave open.

    Of a peft model the inner one, whose layers have the adapters.
    """
    plain = model.get_base_model() if isinstance(model, peft.PeftModel) else model
    own, plain.generation_config = plain.generation_config, wanted
    try:
        yield plain
    finally:
        plain.generation_config = own


def _greedy(padding: int, stops: Stops) -> Any:
    return transformers.GenerationConfig(
        do_sample=False,
        num_beams=1,
        max_new_tokens=stops.max_new_tokens,
        eos_token_id=list(stops.ids) or None,
        pad_token_id=padding,
    )


def _cut(row: list[int], stops: Stops) -> Answer:
    """Without the end token and what follows it, which is padding."""
    for place, token in enumerate(row):
        if token in stops.ids:
            return Answer(ids=row[:place], complete=True)
    return Answer(ids=row, complete=False)
