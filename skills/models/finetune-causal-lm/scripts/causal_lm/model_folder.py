"""What a local transformers folder says about its model, read from its files alone."""

from __future__ import annotations

import hashlib
import json
import math
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from causal_lm.errors import SpecError

TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model", "vocab.txt", "tekken.json")
WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")
POSITION_KEYS = ("max_position_embeddings", "n_positions", "n_ctx", "max_sequence_length", "seq_length", "max_seq_len")
LFS_MARK = b"version https://git-lfs"
CHUNK = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFolder:
    """`parameters` is None where only weights in torch's own format are there; `positions` where no limit is named."""

    path: Path
    config: Mapping[str, Any]
    weights: tuple[Path, ...]
    parameters: int | None
    positions: int | None
    vocabulary: int | None
    has_chat_template: bool
    warnings: tuple[str, ...]

    @property
    def weight_bytes(self) -> int:
        return sum(file.stat().st_size for file in self.weights)

    @property
    def kind(self) -> str:
        return str(self.config.get("model_type", "unknown"))

    def fingerprint(self) -> str:
        """Of the weights: names, sizes, and both ends of each file. Reading them whole would take minutes."""
        digest = hashlib.blake2b(digest_size=16)
        for file in self.weights:
            size = file.stat().st_size
            digest.update(f"{file.name}\0{size}\0".encode())
            with open(file, "rb") as handle:
                digest.update(handle.read(CHUNK))
                handle.seek(max(0, size - CHUNK))
                digest.update(handle.read(CHUNK))
        return digest.hexdigest()


def read_model_folder(path: str | None, setting: str = "model.path") -> ModelFolder:
    """Raises SpecError, with the remedy, for a folder that no causal language model could be loaded from."""
    folder = _existing(path, setting)
    config = _config(folder)
    _refuse_other_kinds(folder, config)
    _require_tokenizer(folder)
    weights = _weights(folder)
    text = config.get("text_config") if isinstance(config.get("text_config"), dict) else config
    return ModelFolder(
        path=folder,
        config=config,
        weights=weights,
        parameters=_count_parameters(weights),
        positions=_first_int(text, POSITION_KEYS) or _first_int(config, POSITION_KEYS),
        vocabulary=_first_int(text, ("vocab_size",)) or _first_int(config, ("vocab_size",)),
        has_chat_template=_has_chat_template(folder),
        warnings=tuple(_warnings(config, weights)),
    )


def _existing(path: str | None, setting: str) -> Path:
    if not path:
        raise SpecError(f"{setting} is not set", "the path of a folder with a transformers model and its tokenizer")
    folder = Path(path)
    if folder.is_dir():
        return folder
    raise SpecError(
        f"{setting}: {path!r} is not a folder",
        "nothing is downloaded: fetch the model first (`hf download OWNER/NAME --local-dir FOLDER`) and give the "
        "absolute path of that folder",
    )


def _config(folder: Path) -> dict[str, Any]:
    file = folder / "config.json"
    if not file.is_file():
        if (folder / "adapter_config.json").is_file():
            raise SpecError(f"{folder}: holds an adapter, not a model", "name the base model, or a merged export")
        raise SpecError(f"{folder}: config.json is missing", "name a folder as `save_pretrained` writes it")
    return _json_object(file)


def _refuse_other_kinds(folder: Path, config: Mapping[str, Any]) -> None:
    kind = config.get("model_type")
    if not isinstance(kind, str):
        raise SpecError(f"{folder / 'config.json'}: names no model_type", "it is no config of a transformers model")
    if config.get("is_encoder_decoder"):
        raise SpecError(f"{folder}: {kind!r} is an encoder-decoder model, not a causal language model")
    if config.get("quantization_config"):
        raise SpecError(
            f"{folder}: the model is stored quantized, which this skill does not train",
            "use the original weights; precision bf16 and method lora need two bytes a parameter",
        )


def _require_tokenizer(folder: Path) -> None:
    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        raise SpecError(
            f"{folder}: no tokenizer is there", f"one of {', '.join(TOKENIZER_FILES)} is needed beside config.json"
        )


def _weights(folder: Path) -> tuple[Path, ...]:
    """All files that hold the weights; safetensors are preferred, as transformers does."""
    for name in WEIGHT_FILES:
        index = folder / f"{name}.index.json"
        if (folder / name).is_file():
            return (_whole(folder / name),)
        if index.is_file():
            table = _json_object(index).get("weight_map")
            shards = sorted(set(table.values())) if isinstance(table, dict) else []
            if not shards:
                raise SpecError(f"{index}: names no weight files")
            return tuple(_whole(folder / shard) for shard in shards)
    raise SpecError(f"{folder}: no weights are there", f"one of {', '.join(WEIGHT_FILES)} or their shards is needed")


def _whole(file: Path) -> Path:
    if not file.is_file():
        raise SpecError(f"{file.parent}: {file.name} is missing", "the download was not finished; fetch it again")
    with open(file, "rb") as handle:
        if handle.read(len(LFS_MARK)) == LFS_MARK:
            raise SpecError(f"{file}: is a Git LFS pointer, not the weights", "run `git lfs pull` in the model folder")
    return file


def _count_parameters(weights: tuple[Path, ...]) -> int | None:
    """From the headers of safetensors files: a length of 8 bytes, then JSON. Raises SpecError for a broken one."""
    if any(file.suffix != ".safetensors" for file in weights):
        return None
    return sum(_parameters_in(file) for file in weights)


def _parameters_in(file: Path) -> int:
    size = file.stat().st_size
    damaged = SpecError(f"{file}: not a safetensors file", "the download was damaged; fetch it again")
    try:
        with open(file, "rb") as handle:
            (length,) = struct.unpack("<Q", handle.read(8))
            if length > size - 8:
                raise damaged
            header: dict[str, Any] = json.loads(handle.read(length))
        tensors = [entry for name, entry in header.items() if name != "__metadata__"]
        needed = 8 + length + max((entry["data_offsets"][1] for entry in tensors), default=0)
        counted: int = sum(math.prod(entry["shape"]) for entry in tensors)
    except (struct.error, ValueError, AttributeError, KeyError, TypeError, RecursionError):
        raise damaged from None
    if size != needed:
        raise SpecError(f"{file}: has {size} bytes, {needed} are needed", "fetch the file again")
    return counted


def _has_chat_template(folder: Path) -> bool:
    if (folder / "chat_template.jinja").is_file() or (folder / "chat_template.json").is_file():
        return True
    file = folder / "tokenizer_config.json"
    return file.is_file() and bool(_json_object(file).get("chat_template"))


def _warnings(config: Mapping[str, Any], weights: tuple[Path, ...]) -> list[str]:
    notes = []
    names = [name for name in config.get("architectures") or [] if isinstance(name, str)]
    if names and not any("CausalLM" in name or "LMHead" in name for name in names):
        notes.append(f"the folder was saved from {names[0]}, which may lack the layer that predicts tokens")
    if "auto_map" in config:
        notes.append("the folder brings code of its own, which is never run: only architectures of transformers load")
    if weights[0].suffix != ".safetensors":
        notes.append("the weights are not safetensors; saving them again with `save_pretrained` loads faster")
    return notes


def _first_int(config: Mapping[str, Any] | None, names: tuple[str, ...]) -> int | None:
    found = [value for name in names if isinstance(value := (config or {}).get(name), int) and value > 0]
    return found[0] if found else None


def _json_object(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "not valid JSON"
        raise SpecError(f"{file}: {reason}") from None
    if not isinstance(value, dict):
        raise SpecError(f"{file}: a JSON object is needed")
    return value
