"""What a preflight is asked, read from the words of a command line."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tao_automl.domain.nearest import nearest_hint
from tao_automl.errors import SettingsError

PLATFORMS = ("local", "docker", "kubernetes", "slurm", "brev")
OUTPUT_LABELS = frozenset({"results", "results_root", "results_dir", "workspace", "output", "output_dir"})


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLimit:
    """A batch size per shard, and how many shards (GPUs times nodes) share the samples of a path."""

    label: str
    batch: int
    shards: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PreflightRequest:
    """Paths are by label; the labels of `OUTPUT_LABELS` are written to, all others are read."""

    platform: str
    paths: Mapping[str, str] = field(default_factory=dict)
    container_image: str | None = None
    gpu_count: int = 0
    batch_limits: tuple[BatchLimit, ...] = ()
    required_fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    min_free_disk_gb: float = 1.0
    install_missing_tools: bool = False
    skip_platform_access: bool = False
    bank: Path | None = None

    def __post_init__(self) -> None:
        """Raises SettingsError."""
        if self.gpu_count < 0:
            raise SettingsError(f"--gpu-count: must be at least 0, got {self.gpu_count}")
        if not 0 <= self.min_free_disk_gb < float("inf"):
            raise SettingsError(f"--min-free-disk-gb: must be at least 0, got {self.min_free_disk_gb}")
        named = {"--effective-batch-limit": [limit.label for limit in self.batch_limits]}
        named["--json-required-field"] = list(self.required_fields)
        for option, labels in named.items():
            for label in labels:
                if label not in self.paths:
                    hint = nearest_hint(label, self.paths) if self.paths else f"add --path {label}=PATH"
                    raise SettingsError(f"{option}: {label!r:.80} must be the label of a --path", hint)


def parse_paths(words: Iterable[str]) -> dict[str, str]:
    """`LABEL=PATH`, each label once. Raises SettingsError."""
    found: dict[str, str] = {}
    for word in words:
        label, path = _pair("--path", "LABEL=PATH", word)
        if label in found:
            raise SettingsError(f"--path: the label {label!r:.80} must come once")
        found[label] = path
    return found


def parse_batch_limits(words: Iterable[str]) -> tuple[BatchLimit, ...]:
    """`LABEL=BATCH,SHARDS`; a label may come often, once for each configuration. Raises SettingsError."""
    found = []
    for word in words:
        label, text = _pair("--effective-batch-limit", "LABEL=BATCH,SHARDS", word)
        numbers = [part.strip() for part in text.split(",")]
        if len(numbers) != 2 or not all(number.isascii() and number.isdecimal() for number in numbers):
            raise SettingsError(f"--effective-batch-limit: two whole numbers BATCH,SHARDS are needed, got {text!r:.80}")
        batch, shards = map(int, numbers)
        if not batch or not shards:
            raise SettingsError(f"--effective-batch-limit: BATCH and SHARDS must be at least 1, got {text!r:.80}")
        found.append(BatchLimit(label=label, batch=batch, shards=shards))
    return tuple(found)


def parse_fields(words: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """`LABEL=FIELD,FIELD`; the fields of a label that comes again are added. Raises SettingsError."""
    found: dict[str, tuple[str, ...]] = {}
    for word in words:
        label, text = _pair("--json-required-field", "LABEL=FIELD,FIELD", word)
        names = tuple(filter(None, map(str.strip, text.split(","))))
        if not names:
            raise SettingsError(f"--json-required-field: a field is needed, got {word!r:.80}")
        found[label] = (*found.get(label, ()), *names)
    return found


def _pair(option: str, form: str, word: str) -> tuple[str, str]:
    label, equals, text = word.partition("=")
    label, text = label.strip(), text.strip()
    if not equals or not label or not text:
        raise SettingsError(f"{option}: {form} is needed, got {word!r:.80}")
    return label, text
