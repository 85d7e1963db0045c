"""Models: loaded from a folder, made trainable, and asked for the logits of answer tokens alone."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from causal_lm.dice import seed_layers
from causal_lm.errors import SpecError
from causal_lm.libraries import FROM_FOLDER, peft, transformers
from causal_lm.model_folder import ModelFolder
from causal_lm.precision import Precision
from causal_lm.sequences import Batch
from causal_lm.spec import LoraSpec, ModelSpec

LAYERS = (nn.Linear, transformers.pytorch_utils.Conv1D)


def load_tokenizer(folder: ModelFolder) -> Any:
    try:
        return transformers.AutoTokenizer.from_pretrained(folder.path, **FROM_FOLDER)
    except (OSError, ValueError, TypeError, KeyError, ImportError) as error:
        raise SpecError(f"{folder.path}: the tokenizer cannot be loaded: {_first_line(error)}") from None


def load_base(folder: ModelFolder, dtype: torch.dtype) -> Any:
    """On the CPU, in evaluation mode."""
    try:
        model = transformers.AutoModelForCausalLM.from_pretrained(folder.path, dtype=dtype, **FROM_FOLDER)
    except (OSError, ValueError, TypeError, KeyError, ImportError, RuntimeError) as error:
        raise SpecError(
            f"{folder.path}: the model cannot be loaded: {_first_line(error)}",
            f"transformers {transformers.__version__} must know the architecture {folder.kind!r}; "
            "code that comes with a model is never run",
        ) from None
    return model.eval()


def make_trainable(model: Any, spec: ModelSpec, seed: int) -> Any:
    """The model itself, or a peft model around it; `trained_tensors` of the result are what training changes."""
    if spec.method == "lora":
        return _with_adapters(model, spec.lora, seed)
    model.requires_grad_(True)
    if spec.freeze_embeddings:
        for module in model.modules():
            if isinstance(module, nn.Embedding) or module is model.get_output_embeddings():
                module.requires_grad_(False)
    return model


def _with_adapters(model: Any, spec: LoraSpec, seed: int) -> Any:
    config = lora_config(model, spec)
    seed_layers(seed, "adapters")
    try:
        return peft.get_peft_model(model, config)
    except ValueError as error:
        raise SpecError(
            f"model.lora: peft cannot put adapters there: {_first_line(error)}",
            "name other layers in model.lora.custom_modules, or use model.method: full",
        ) from None


def lora_config(model: nn.Module, spec: LoraSpec) -> Any:
    targets = target_modules(model, spec)
    return peft.LoraConfig(
        task_type="CAUSAL_LM",
        r=spec.rank,
        lora_alpha=spec.alpha,
        lora_dropout=spec.dropout,
        use_rslora=spec.rslora,
        target_modules=targets,
        fan_in_fan_out=_holds_conv1d(model, targets),
    )


def target_modules(model: Any, spec: LoraSpec) -> list[str]:
    """The last parts of the names of the layers that get adapters, long enough to tell them from others."""
    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, LAYERS)}
    if spec.custom_modules:
        return _named(spec.custom_modules, layers)
    head = model.get_output_embeddings()
    layers = {name: layer for name, layer in layers.items() if layer is not head}
    if spec.target_modules == "attention":
        layers = {name: layer for name, layer in layers.items() if "attn" in name or "attention" in name}
    if not layers:
        raise SpecError(
            f"model.lora.target_modules: this model has no layers for {spec.target_modules!r}",
            "name them in model.lora.custom_modules, separated by commas",
        )
    return sorted({".".join(name.split(".")[-2:]) for name in layers})


def trained_tensors(model: nn.Module) -> dict[str, nn.Parameter]:
    return {name: weight for name, weight in model.named_parameters() if weight.requires_grad}


def set_trained(model: nn.Module, saved: Mapping[str, Tensor], setting: str) -> None:
    """Raises SpecError where a checkpoint's tensors are not those of the model."""
    trained = trained_tensors(model)
    shapes, wanted = ({name: tuple(t.shape) for name, t in tensors.items()} for tensors in (saved, trained))
    if shapes != wanted:
        name = min(name for name, _ in shapes.items() ^ wanted.items())
        raise SpecError(f"{setting}: the checkpoint does not fit the model: {name} differs")
    with torch.no_grad():
        for name, weight in trained.items():
            weight.copy_(saved[name])


def embedded_tokens(model: Any) -> int:
    return int(model.get_input_embeddings().weight.shape[0])


def check_vocabulary(model: Any, folder: ModelFolder, largest: int) -> None:
    """`largest` is the largest id that the tokenizer yields."""
    known = embedded_tokens(model)
    if largest >= known:
        raise SpecError(
            f"{folder.path}: its tokenizer yields the id {largest}, but the model knows only {known} tokens",
            "model and tokenizer do not belong together",
        )


class Scorer:
    """Logits of answer tokens from a model, or from a wrapper of it such as DistributedDataParallel.

    A hook hands the output layer only the positions that matter. Logits are the largest tensor of a step (length
    times vocabulary), and prompts are most of many rows.
    """

    def __init__(self, model: Any, precision: Precision) -> None:
        self.precision = precision
        base = model.get_base_model() if isinstance(model, peft.PeftModel) else model
        self._takes_positions = "position_ids" in inspect.signature(base.forward).parameters
        self._wanted: Tensor | None = None
        head = base.get_output_embeddings()
        self._hook = None if head is None else head.register_forward_pre_hook(self._select)

    def close(self) -> None:
        """Leaves the model as it was."""
        if self._hook is not None:
            self._hook.remove()

    def logits(self, model: Any, batch: Batch) -> Tensor:
        """(answer tokens, vocabulary) in fp32."""
        places: dict[str, Tensor] = {"position_ids": batch.positions} if self._takes_positions else {}
        self._wanted = batch.predicts if self._hook else None
        try:
            with self.precision.autocast():
                found: Tensor = model(
                    input_ids=batch.ids,
                    attention_mask=batch.attention_mask(self.precision.dtype),
                    use_cache=False,
                    **places,
                ).logits
        finally:
            self._wanted = None
        return (found[0] if self._hook else found[batch.predicts]).float()

    def _select(self, head: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        return None if self._wanted is None else (given[0][self._wanted][None], *given[1:])


def _named(wanted: str, layers: Mapping[str, nn.Module]) -> list[str]:
    names = [name.strip() for name in wanted.split(",") if name.strip()]
    known = sorted({name.split(".")[-1] for name in layers})
    for name in names:
        if not any(layer == name or layer.endswith(f".{name}") for layer in layers):
            raise SpecError(
                f"model.lora.custom_modules: no layer is named {name!r}", f"layers of this model: {', '.join(known)}"
            )
    return names


def _holds_conv1d(model: nn.Module, targets: list[str]) -> bool:
    """GPT-2's layers store their weights transposed, which adapters must know."""
    return any(
        isinstance(layer, transformers.pytorch_utils.Conv1D) and name.endswith(tuple(targets))
        for name, layer in model.named_modules()
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
