"""Whether a model keeps packed examples apart: not all architectures look at the mask that tells it to."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from causal_lm.dice import permutation
from causal_lm.encoding import Example
from causal_lm.errors import SpecError
from causal_lm.network import Scorer, embedded_tokens
from causal_lm.precision import Precision
from causal_lm.records import Record
from causal_lm.sequences import collate

LENGTHS = (5, 9, 3)
TOLERANCES = {"fp32": 1e-3, "bf16": 0.2, "fp16": 0.05}  # of log-probabilities


def check_packing(model: Any, precision: Precision, max_length: int) -> None:
    """Raises SpecError for a model that would learn something else from packed examples than from single ones."""
    window = getattr(model.config, "sliding_window", None)
    if isinstance(window, int) and getattr(model.config, "use_sliding_window", True) and window < max_length:
        raise SpecError(
            f"dataset.packing: the model attends to the last {window} tokens only, which packing does not keep",
            "set dataset.packing: false, or dataset.max_length to no more than that",
        )
    try:
        difference = _difference(model, precision)
    except torch.cuda.OutOfMemoryError:
        raise
    except (ValueError, TypeError, IndexError, RuntimeError):  # whatever a model does with a mask of four dimensions
        difference = math.inf
    if not difference <= TOLERANCES[precision.name]:
        raise SpecError(
            f"dataset.packing: models of type {model.config.model_type!r} do not keep packed examples apart "
            f"(log-probabilities differ by {difference:.2g})",
            "set dataset.packing: false",
        )


@torch.inference_mode()
def _difference(model: Any, precision: Precision) -> float:
    """The largest between the log-probabilities of examples in one sequence and of the same examples apart."""
    examples = _examples(embedded_tokens(model))
    scorer = Scorer(model, precision)
    packed, apart = ([tuple(examples)], [(example,) for example in examples])
    found = [
        scorer.logits(model, collate(sequences, 0).to(model.device)).log_softmax(dim=1) for sequences in (packed, apart)
    ]
    scorer.close()
    return float((found[0] - found[1]).abs().max())


def _examples(tokens: int) -> list[Example]:
    ids = permutation(max(tokens, sum(LENGTHS)), 0, "packing").numpy().astype(np.int32) % tokens
    ends = np.cumsum(LENGTHS)
    return [
        Example(ids=ids[end - length : end], prompt_length=1, record=Record(line=0, prompt=""))
        for end, length in zip(ends, LENGTHS, strict=True)
    ]
