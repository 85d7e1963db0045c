"""Predict with the exported model in this folder: python predict.py INPUT OUTPUT.csv

INPUT (.csv, .tsv or .parquet) needs the columns that feature_schema.json lists; "-" as OUTPUT writes to stdout.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tabular.checkpoint import load
from tabular.faults import run_guarded
from tabular.inference import predict_table, predictions, read_for


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("input", type=Path, help="table to predict, first row a header")
    parser.add_argument("output", help="CSV file to write, or - for stdout")
    parser.add_argument("--id-column", help="column to copy to the output")
    options = parser.parse_args(argv)

    def predict() -> None:
        model = load(Path(__file__).resolve().parent / "model.ckpt", "model.ckpt")
        table = read_for(model, options.input, "input", options.id_column)
        result = predictions(model, predict_table(model, table, "input"), table, options.id_column)
        result.to_csv(sys.stdout if options.output == "-" else options.output, index=False)

    return run_guarded(predict)


if __name__ == "__main__":
    sys.exit(main())
