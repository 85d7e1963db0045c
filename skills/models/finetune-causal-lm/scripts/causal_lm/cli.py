"""What every script does: read its arguments, run, and turn known faults into one line and an exit code."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from causal_lm.errors import KnownError, MissingLibrary

FAULT_FILE = "TAO_CAUSAL_LM_FAULT_FILE"
LIBRARIES = ("torch", "transformers", "peft", "safetensors")


def run(description: str | None, main: Callable[[Path], int]) -> int:
    """The exit code of `main`, which is called with the path given as --config."""
    parser = argparse.ArgumentParser(
        description=description, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="spec in YAML")
    config: Path = parser.parse_args().config
    try:
        return main(config)
    except KnownError as error:
        _report(error)
        return error.exit_code


def require_libraries(*names: str) -> None:
    """Raises MissingLibrary before an import would fail with a traceback; nothing is imported."""
    missing = [name for name in names or LIBRARIES if find_spec(name) is None]
    if missing:
        raise MissingLibrary(f"not installed: {', '.join(missing)}", 'pip install "tao-automl[llm-train]"')


def emit(line: Mapping[str, Any]) -> None:
    """One JSON object on stdout, flushed; numbers that are not finite become null."""
    print(json.dumps(finite(line), allow_nan=False), flush=True)


def emit_metrics(unit: int, metrics: Mapping[str, float]) -> None:
    """`epoch` is the name that readers of these lines know; its unit is a part of a pass (see units.py)."""
    emit({"tao_automl": "metric", "epoch": unit, "metrics": dict(metrics)})


def log(text: str) -> None:
    """For people; rank 0 only, or several processes would say everything several times."""
    if os.environ.get("RANK", "0") == "0":
        print(text, file=sys.stderr, flush=True)


def finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _report(error: KnownError) -> None:
    """To stderr; in a process that train.py started, to the parent, which says it once for all of them."""
    target = os.environ.get(FAULT_FILE)
    if not target:
        print(error.lines(), file=sys.stderr, flush=True)
        return
    try:
        with open(target, "x", encoding="utf-8") as handle:
            json.dump({"code": error.exit_code, "lines": error.lines()}, handle)
    except FileExistsError:
        pass
