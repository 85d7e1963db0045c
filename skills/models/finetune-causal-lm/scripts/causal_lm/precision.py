"""Number formats: what `precision` means on a device."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch

from causal_lm.errors import SpecError

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, slots=True)
class Precision:
    """`name` is fp32, bf16 or fp16; fp16 needs its losses scaled, bf16 does not."""

    name: str
    device_type: str

    @property
    def dtype(self) -> torch.dtype:
        return DTYPES[self.name]

    def weights(self, method: str) -> torch.dtype:
        """Frozen weights are kept in the format they are used in; trained ones always in fp32."""
        return self.dtype if method == "lora" else torch.float32

    def autocast(self) -> AbstractContextManager[object]:
        return nullcontext() if self.name == "fp32" else torch.autocast(self.device_type, dtype=self.dtype)

    def scaler(self) -> torch.amp.GradScaler:
        return torch.amp.GradScaler(self.device_type, enabled=self.name == "fp16")


def choose_precision(wanted: str, device: torch.device, setting: str = "train.precision") -> Precision:
    """`auto` is bf16 on a GPU that computes in it (Ampere and later) and fp32 elsewhere."""
    gpu = device.type == "cuda"
    if wanted == "auto":
        wanted = "bf16" if gpu and torch.cuda.get_device_capability(device) >= (8, 0) else "fp32"
    if wanted == "fp16" and not gpu:
        raise SpecError(f"{setting}: fp16 needs a GPU", "use auto, fp32 or bf16")
    return Precision(wanted, device.type)
