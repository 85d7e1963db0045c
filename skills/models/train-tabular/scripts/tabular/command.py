"""The command line that all actions share."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from tabular.faults import run_guarded
from tabular.spec import Spec, load_spec


def run_action(action: Callable[[Spec], None], description: str | None, argv: Sequence[str] | None) -> int:
    """Read ``--config SPEC`` and run `action`; the exit code."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--config", type=Path, required=True, metavar="SPEC", help="spec file (YAML)")
    path = parser.parse_args(argv).config
    return run_guarded(lambda: action(load_spec(path)))
