#!/usr/bin/env python3
"""Export a checkpoint as a folder that predicts without this skill."""

import sys
from collections.abc import Sequence
from pathlib import Path

from tabular.command import run_action
from tabular.spec import Spec


def export(spec: Spec) -> None:
    from tabular import exporting
    from tabular.checkpoint import load

    source = spec.required_path("export.checkpoint")
    evaluation = exporting.read_evaluation(spec.path("export.metrics_file"))
    folder = Path(spec.text("results_dir")) / "export"
    exporting.export(load(source, "export.checkpoint"), source, folder, evaluation)
    print(f"exported to {folder}: try python {folder / 'predict.py'} INPUT.csv -")


def main(argv: Sequence[str] | None = None) -> int:
    return run_action(export, __doc__, argv)


if __name__ == "__main__":
    sys.exit(main())
