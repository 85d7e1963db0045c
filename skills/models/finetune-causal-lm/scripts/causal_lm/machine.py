"""What this machine can do, found out before transformers is imported and a model is loaded."""

from __future__ import annotations

from importlib.util import find_spec

import torch

from causal_lm.distributed import check_gpus, device_for
from causal_lm.errors import SpecError
from causal_lm.precision import choose_precision
from causal_lm.spec import TrainJob


def check_machine(job: TrainJob) -> None:
    """Raises SpecError for GPUs, a number format or an optimizer that this machine does not have."""
    check_gpus(job.train.num_gpus)
    device = device_for(job.train.num_gpus)
    choose_precision(job.train.precision, device)
    if job.train.optim.name == "adamw_8bit":
        _check_8bit(device)


def _check_8bit(device: torch.device) -> None:
    if find_spec("bitsandbytes") is None:
        raise SpecError(
            "train.optim.name: adamw_8bit needs the package bitsandbytes, which is not installed",
            "pip install bitsandbytes, or use adamw",
        )
    if device.type != "cuda":
        raise SpecError("train.optim.name: adamw_8bit needs a GPU", "use adamw")
