"""Reads a spec file, checks it against the skill's schema and fills in the defaults written there.

The schema is the only place that knows types, bounds and defaults; an action's template says which of the keys the
action has, and the classes below only give them names that a type checker can follow. A small reader of the schema's
own vocabulary stands in for the jsonschema package, so that a training container needs nothing but PyYAML for this.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from image_classifier.errors import SpecError

SKILL = Path(__file__).resolve().parents[2]
MIN_IMAGE_SIZE = 8

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSpec:
    train_dir: str | None
    val_dir: str | None
    val_fraction: float
    image_size: int
    channels: int
    resize: str
    cache: str
    cache_limit_gb: float
    num_workers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    width: int
    depth: int
    kernel_size: int
    mlp_ratio: int
    drop_path: float
    dropout: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentSpec:
    crop_padding: float
    horizontal_flip: bool
    brightness: float
    contrast: float
    saturation: float
    erase_prob: float
    erase_area: float
    mixup_alpha: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimSpec:
    name: str
    lr: float
    weight_decay: float
    beta2: float
    sgd_lr: float
    sgd_weight_decay: float
    momentum: float
    warmup_fraction: float
    min_lr_ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSpec:
    num_epochs: int
    schedule_epochs: int
    batch_size: int
    eval_batch_size: int
    drop_last: bool
    seed: int
    num_gpus: int
    precision: str
    channels_last: bool
    deterministic: bool
    resume_from: str | None
    label_smoothing: float
    class_weighting: float
    grad_clip: float
    ema_decay: float
    optim: OptimSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainJob:
    """A whole train spec; `settings` is the same as a flat mapping of dotted names, for checkpoints."""

    results_dir: Path
    dataset: DatasetSpec
    model: ModelSpec
    augment: AugmentSpec
    train: TrainSpec
    settings: dict[str, Any]


def train_job(config: Path) -> TrainJob:
    spec = load_spec(config, "train")
    size = spec["dataset"]["image_size"]
    if 0 < size < MIN_IMAGE_SIZE:
        raise SpecError(
            f"{config}: dataset.image_size must be 0 (choose from the images) or >= {MIN_IMAGE_SIZE}, got {size}"
        )
    train = dict(spec["train"])
    optim = OptimSpec(**train.pop("optim"))
    return TrainJob(
        results_dir=Path(spec["results_dir"]),
        dataset=DatasetSpec(**spec["dataset"]),
        model=ModelSpec(**spec["model"]),
        augment=AugmentSpec(**spec["augment"]),
        train=TrainSpec(optim=optim, **train),
        settings=dict(_flatten(spec)),
    )


def load_spec(config: Path, action: str) -> dict[str, Any]:
    """The spec with every key of the action present. Raises SpecError for whatever the schema does not allow."""
    schema = json.loads((SKILL / "schemas" / "train.schema.json").read_text(encoding="utf-8"))
    template = _read_yaml(SKILL / "references" / f"spec_template_{action}.yaml")
    return _section(_read_yaml(config), _narrow(schema, template), at="", file=str(config))


def _narrow(schema: Mapping[str, Any], template: Mapping[str, Any]) -> dict[str, Any]:
    """The part of the schema that speaks of the template's keys."""
    laws = schema["properties"]
    kept = {key: _narrow(laws[key], below) if isinstance(below, dict) else laws[key] for key, below in template.items()}
    return {"properties": kept}


def _read_yaml(config: Path) -> Any:
    try:
        return yaml.safe_load(config.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise SpecError(
            f"{config}: cannot be read: {error.strerror or error}", "pass the spec with --config FILE"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SpecError(f"{config}: not valid YAML: {error}") from None


def _section(value: Any, schema: Mapping[str, Any], *, at: str, file: str) -> dict[str, Any]:
    if value is None:
        value = {}
    if not isinstance(value, dict):
        raise SpecError(f"{file}: {at or 'the spec'} must be a mapping of settings, got {value!r}")
    allowed: Mapping[str, Any] = schema["properties"]
    for key in value:
        if key not in allowed:
            raise _unknown(str(key), allowed, at=at, file=file)
    return {key: _entry(value, key, law, at=at, file=file) for key, law in allowed.items()}


def _entry(section: Mapping[str, Any], key: str, law: Mapping[str, Any], *, at: str, file: str) -> Any:
    name = f"{at}.{key}" if at else key
    if "properties" in law:
        return _section(section.get(key), law, at=name, file=file)
    if key not in section:
        return law["default"]
    return _value(section[key], law, name=name, file=file)


def _unknown(key: str, allowed: Mapping[str, Any], *, at: str, file: str) -> SpecError:
    where = f"{at}.{key}" if at else key
    near = difflib.get_close_matches(key, list(allowed), n=1)
    nearest = f"; did you mean {at + '.' if at else ''}{near[0]}?" if near else ""
    return SpecError(
        f"{file}: unknown setting {where}{nearest}", f"allowed in {at or 'the spec'}: {', '.join(sorted(allowed))}"
    )


def _value(value: Any, law: Mapping[str, Any], *, name: str, file: str) -> Any:
    kinds = law.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else list(kinds)
    value = _cast(value, kinds)
    broken = _broken_law(value, law, kinds)
    if broken:
        raise SpecError(f"{file}: {name} must be {broken}, got {value!r}")
    return value


def _cast(value: Any, kinds: list[str]) -> Any:
    """Numbers as they are meant: YAML 1.1 reads `1e-3` as text, and 3 where 3.0 is wanted is no mistake."""
    if isinstance(value, str) and "number" in kinds and "string" not in kinds:
        try:
            value = float(value)
        except ValueError:
            return value
    if isinstance(value, float) and "integer" in kinds and value.is_integer():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and "number" in kinds:
        return float(value)
    return value


def _broken_law(value: Any, law: Mapping[str, Any], kinds: list[str]) -> str:
    """What the schema asks for and `value` is not, or an empty string."""
    if "enum" in law and (isinstance(value, bool) or value not in law["enum"]):
        return "one of " + ", ".join(str(option) for option in law["enum"])
    if kinds and not any(_is(value, kind) for kind in kinds):
        return " or ".join(kinds)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    if not math.isfinite(value):
        return "finite"
    return next(_broken_bounds(value, law), "")


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _TYPES[kind])


def _broken_bounds(value: float, law: Mapping[str, Any]) -> Iterator[str]:
    if "minimum" in law and value < law["minimum"]:
        yield f">= {law['minimum']}"
    if "exclusiveMinimum" in law and value <= law["exclusiveMinimum"]:
        yield f"> {law['exclusiveMinimum']}"
    if "maximum" in law and value > law["maximum"]:
        yield f"<= {law['maximum']}"
    if "exclusiveMaximum" in law and value >= law["exclusiveMaximum"]:
        yield f"< {law['exclusiveMaximum']}"
    if "multipleOf" in law and value % law["multipleOf"]:
        yield f"a multiple of {law['multipleOf']}"


def _flatten(section: Mapping[str, Any], at: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in section.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{at}{key}.")
        else:
            yield f"{at}{key}", value
