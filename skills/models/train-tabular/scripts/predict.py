#!/usr/bin/env python3
"""Predict every row of a table with a checkpoint; writes predictions.csv."""

import sys
from collections.abc import Sequence
from pathlib import Path

from tabular.command import run_action
from tabular.spec import Spec


def predict(spec: Spec) -> None:
    from tabular.checkpoint import load
    from tabular.inference import predict_table, predictions, read_for
    from tabular.learners import limited_threads

    trained = load(spec.required_path("predict.checkpoint"), "predict.checkpoint")
    role, id_column = "dataset.predict_path", spec.optional("dataset.id_column")
    table = read_for(trained, spec.required_path(role), role, id_column)
    with limited_threads(spec.threads()):
        predicted = predict_table(trained, table, role)
    result = predictions(trained, predicted, table, id_column)
    if not spec.flag("predict.probabilities"):
        result = result.drop(columns=[name for name in result if str(name).startswith("probability_")])
    folder = Path(spec.text("results_dir"))
    folder.mkdir(parents=True, exist_ok=True)
    result.to_csv(folder / "predictions.csv", index=False)
    print(f"{len(result)} predictions written to {folder / 'predictions.csv'}")


def main(argv: Sequence[str] | None = None) -> int:
    return run_action(predict, __doc__, argv)


if __name__ == "__main__":
    sys.exit(main())
