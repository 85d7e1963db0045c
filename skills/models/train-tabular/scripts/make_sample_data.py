#!/usr/bin/env python3
"""Write train.csv and eval.csv (25 % of the rows, held out) from a dataset that scikit-learn ships; no download."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tabular.faults import run_guarded
from tabular.split import quantile_strata, split_rows

DATASETS = ("digits", "breast_cancer", "wine", "diabetes")
_EVAL_SHARE, _SEED = 0.25, 20240229


def load(name: str) -> tuple[pd.DataFrame, str]:
    """The table with its target column, and the task. Class names are spelled out where the dataset has them."""
    from sklearn import datasets

    if name == "diabetes":
        return datasets.load_diabetes(as_frame=True, scaled=False).frame, "regression"
    bunch = getattr(datasets, f"load_{name}")(as_frame=True)
    table: pd.DataFrame = bunch.frame
    if name != "digits":
        table["target"] = bunch.target_names[table["target"]]
    return table, "classification"


def _strata(target: pd.Series, task: str) -> NDArray[np.int64]:
    if task == "regression":
        return quantile_strata(target.to_numpy(dtype=np.float64))
    return pd.factorize(target)[0].astype(np.int64)


def write(folder: Path, name: str) -> None:
    table, task = load(name)
    kept, held_out = split_rows(_strata(table["target"], task), _EVAL_SHARE, _SEED)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {"train": folder / "train.csv", "eval": folder / "eval.csv"}
    table.iloc[kept].to_csv(paths["train"], index=False)
    table.iloc[held_out].to_csv(paths["eval"], index=False)
    facts = {
        "dataset": name,
        "task": task,
        "target": "target",
        "features": table.shape[1] - 1,
        "train_path": str(paths["train"].resolve()),
        "train_samples": len(kept),
        "eval_path": str(paths["eval"].resolve()),
        "eval_samples": len(held_out),
    }
    print(json.dumps(facts))


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="OUT_DIR", help="folder to write to; made if missing")
    parser.add_argument("--dataset", choices=DATASETS, default="digits", help="default: digits")
    options = parser.parse_args(argv)
    return run_guarded(lambda: write(options.folder, options.dataset))


if __name__ == "__main__":
    sys.exit(main())
