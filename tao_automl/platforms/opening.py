"""Platforms by name: what the entry points name. An opener takes the workspace and the user's `platform_options`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tao_automl.domain.nearest import nearest_hint
from tao_automl.errors import SettingsError
from tao_automl.platforms.local import LocalPlatform

LOCAL_OPTIONS = {"python": "a text", "slots": "an integer of at least 1", "gpus": "a list of GPU ids"}


def open_local(workspace: Path, options: Mapping[str, Any]) -> LocalPlatform:
    """Jobs as processes of this machine, in ``<workspace>/jobs``.

    Args:
        options: ``python``: the interpreter of the jobs; ``slots``: jobs without a GPU at a time; ``gpus``: ids.

    Raises:
        SettingsError: an unknown option, or one of the wrong type.
    """
    for name, value in options.items():
        if name not in LOCAL_OPTIONS:
            raise SettingsError(f"platform_options: unknown option `{name}`", nearest_hint(name, LOCAL_OPTIONS))
        if not _fits(name, value):
            raise SettingsError(f"platform_options: {name}: {LOCAL_OPTIONS[name]} is needed, got {value!r}")
    return LocalPlatform(workspace / "jobs", **options)


def _fits(name: str, value: object) -> bool:
    match name:
        case "slots":
            return isinstance(value, int) and not isinstance(value, bool) and value >= 1
        case "gpus":
            return isinstance(value, list) and all(isinstance(gpu, str) for gpu in value)
        case _:
            return isinstance(value, str) and bool(value)
