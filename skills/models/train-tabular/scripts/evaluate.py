#!/usr/bin/env python3
"""Measure a checkpoint on a held-out table; prints one metric line and writes metrics.json."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tabular.command import run_action
from tabular.spec import Spec


def evaluate(spec: Spec) -> None:
    from tabular.checkpoint import load
    from tabular.inference import predict_table, read_for
    from tabular.learners import limited_threads
    from tabular.scoring import emit, score

    trained = load(spec.required_path("evaluate.checkpoint"), "evaluate.checkpoint")
    role, target = "dataset.eval_path", trained.target
    table = read_for(trained, spec.required_path(role), role, target.name, target.spelled)
    truth = target.encode(table[target.name], role)
    with limited_threads(spec.threads()):
        metrics = score(target.is_classification, truth, predict_table(trained, table, role))
    folder = Path(spec.text("results_dir"))
    folder.mkdir(parents=True, exist_ok=True)
    record = {"epoch": trained.epoch, "rows": len(table), "task": target.task, "metrics": metrics}
    (folder / "metrics.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    emit(trained.epoch, metrics)


def main(argv: Sequence[str] | None = None) -> int:
    return run_action(evaluate, __doc__, argv)


if __name__ == "__main__":
    sys.exit(main())
