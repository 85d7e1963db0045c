"""Number formats: what `train.precision` means on a device."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch

from image_classifier.errors import SpecError


@dataclass(frozen=True, slots=True)
class Precision:
    """`name` is fp32, bf16 or fp16; fp16 needs its losses scaled, bf16 does not."""

    name: str
    device_type: str

    def autocast(self) -> AbstractContextManager[object]:
        if self.name == "fp32":
            return nullcontext()
        kind = torch.bfloat16 if self.name == "bf16" else torch.float16
        return torch.autocast(self.device_type, dtype=kind)

    def scaler(self) -> torch.amp.GradScaler:
        return torch.amp.GradScaler(self.device_type, enabled=self.name == "fp16")


def choose_precision(wanted: str, device: torch.device, key: str = "train.precision") -> Precision:
    """`auto` is bf16 on a GPU that computes in it (Ampere and later) and fp32 elsewhere."""
    gpu = device.type == "cuda"
    if wanted == "auto":
        wanted = "bf16" if gpu and torch.cuda.get_device_capability(device) >= (8, 0) else "fp32"
    if wanted == "fp16" and not gpu:
        raise SpecError(f"{key}: fp16 needs a GPU", "use auto, fp32 or bf16")
    return Precision(wanted, device.type)
