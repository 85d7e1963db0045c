#!/usr/bin/env python3
"""Times real trainings on this machine: images per second, peak memory and accuracy, one row per number format.

Each row is one run of train.py on synthetic images (or on --train-dir), so start-up and validation are counted in
`seconds` but not in `images_per_second`, which is the median over the epochs after the first.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).resolve().parent
COLUMNS = ("precision", "device", "images_per_second", "accuracy", "peak_gpu_memory_mb", "peak_memory_mb", "seconds")


def main() -> int:
    args = _arguments()
    with tempfile.TemporaryDirectory(prefix="image-classifier-benchmark-") as folder:
        work = Path(folder)
        train_dir = args.train_dir or _synthetic(work / "data", args.image_size, args.per_class)
        rows = [run(train_dir, work / name, name, args) for name in args.precision]
    if args.format == "json":
        print(json.dumps({"image_size": args.image_size, "batch_size": args.batch_size, "rows": rows}))
    else:
        print("\n".join(_table(rows)))
    return 0 if all("error" not in row for row in rows) else 1


def run(train_dir: Path, results: Path, precision: str, args: argparse.Namespace) -> dict[str, Any]:
    """One training; a row with `error` where it failed, such as fp16 on a CPU."""
    config = results.with_suffix(".yaml")
    config.write_text(json.dumps(_spec(train_dir, results, precision, args)), encoding="utf-8")  # JSON is YAML
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
        command = [sys.executable, str(SCRIPTS / "train.py"), "--config", str(config)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
            lines = [json.loads(line)["metrics"] for line in process.stdout or ()]
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        if process.returncode:
            return {"precision": precision, "error": _why(errors.read())}
    speeds = [line["images_per_second"] for line in lines]
    return {
        "precision": precision,
        "device": "cuda" if "peak_gpu_memory_mb" in lines[-1] else "cpu",
        "images_per_second": round(statistics.median(speeds[1:] or speeds), 1),
        "accuracy": round(lines[-1]["accuracy"], 4),
        "peak_gpu_memory_mb": lines[-1].get("peak_gpu_memory_mb"),
        "peak_memory_mb": round(usage.ru_maxrss / 1024, 1),
        "seconds": round(time.perf_counter() - began, 2),
    }


def _why(text: str) -> str:
    """The script's own words for a fault it knows, else the last line of a traceback."""
    said = text.strip().splitlines() or ["no message"]
    return next((line for line in said if line.startswith("error: ")), said[-1])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train-dir", type=Path, help="class folders to train on instead of synthetic images")
    parser.add_argument("--image-size", type=int, default=32, help="pixels (default 32)")
    parser.add_argument("--per-class", type=int, default=100, help="synthetic images per class, of 6 (default 100)")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--gpus", type=int, default=1, help="0 for the CPU (default 1, if there is one)")
    parser.add_argument("--precision", nargs="+", choices=("fp32", "bf16", "fp16"), default=["fp32", "bf16"])
    parser.add_argument("--format", choices=("json", "text"), default="text")
    return parser.parse_args()


def _spec(train_dir: Path, results: Path, precision: str, args: argparse.Namespace) -> dict[str, Any]:
    train = {
        "num_epochs": args.epochs,
        "schedule_epochs": args.epochs,
        "batch_size": args.batch_size,
        "num_gpus": args.gpus,
        "precision": precision,
    }
    data = {"train_dir": str(train_dir), "image_size": args.image_size}
    return {"results_dir": str(results), "dataset": data, "train": train}


def _synthetic(folder: Path, image_size: int, per_class: int) -> Path:
    options = ["--dataset", "shapes", "--image-size", str(image_size), "--per-class", str(per_class)]
    subprocess.run(
        [sys.executable, str(SCRIPTS / "make_sample_data.py"), str(folder), *options],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return folder / "train"


def _table(rows: list[dict[str, Any]]) -> list[str]:
    cells = [[str(row.get(column, row.get("error", "")))[:60] for column in COLUMNS] for row in rows]
    widths = [max(len(text) for text in column) for column in zip(COLUMNS, *cells, strict=True)]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in [COLUMNS, *cells]]


if __name__ == "__main__":
    sys.exit(main())
