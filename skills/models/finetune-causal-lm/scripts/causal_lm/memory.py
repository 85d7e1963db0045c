"""A GPU whose memory does not suffice, as a fault with advice instead of a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from causal_lm.errors import OutOfMemory


@contextmanager
def gpu_memory(hint: str) -> Iterator[None]:
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        raise OutOfMemory((str(error) or "CUDA out of memory").partition(". ")[0], hint) from None
