"""Searches as users run them: real trainings on this machine, and the wall time until a target is reached.

    python benchmarks/real_training.py --seeds 3
    python benchmarks/real_training.py --algorithms random asha mfbo --data digits --json out.json

Every run is `AutoMLRunner` with the skill train-tabular on the local platform, as many jobs at a time as there are
cores. The target is a value of the validation metric that the default configuration does not reach; a run ends when it
has it, or after `--max-time` seconds. Needs the extra `tabular`.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tao_automl.runner import AutoMLRunner

ALGORITHMS = ("random", "asha", "bayesian", "mfbo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A data set of scikit-learn, and the validation metric that is to be reached on it."""

    data: str
    metric: str
    value: float


TARGETS = {
    "digits": Target(data="digits", metric="log_loss", value=0.075),
    "breast-cancer": Target(data="breast_cancer", metric="log_loss", value=0.07),
    "wine": Target(data="wine", metric="log_loss", value=0.03),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One run. `seconds` and `epochs` count until the target was reached, or to the end."""

    algorithm: str
    data: str
    seed: int
    reached: bool
    best: float | None
    seconds: float
    epochs: int
    trials: int


def run(algorithm: str, target: Target, seed: int, folder: Path, max_time: float, max_trials: int) -> Outcome:
    """Searches until the target is reached."""
    table = folder / f"{target.data}.csv"
    if not table.exists():
        _write(target.data, table)
    runner = AutoMLRunner(
        skill_dir="train-tabular", platform_sdk="local", workspace_dir=folder / f"{algorithm}-{target.data}-{seed}"
    )
    result = runner.run(
        automl_algorithm=algorithm,
        automl_settings={
            "metric": target.metric,
            "target_metric": target.value,
            "max_wall_time": f"{max_time:g}s",
            "num_recommendations": max_trials,
            "seed": seed,
        },
        train_dataset_uri=table,
    )
    best = result.progress["best_metric"]
    return Outcome(
        algorithm=algorithm,
        data=target.data,
        seed=seed,
        reached=best is not None and best <= target.value,
        best=best,
        seconds=result.progress["elapsed_s"],
        epochs=result.progress["trained_units"],
        trials=len(result.history),
    )


def _write(name: str, table: Path) -> None:
    from sklearn import datasets

    frame = getattr(datasets, f"load_{name}")(as_frame=True).frame
    frame.sample(frac=1.0, random_state=0).to_csv(table, index=False)


def rows(outcomes: list[Outcome]) -> Iterator[tuple[str, ...]]:
    """A line for each algorithm and data set: medians over seeds."""
    yield "data", "algorithm", "reached", "seconds", "epochs", "trials", "best"
    for data in dict.fromkeys(outcome.data for outcome in outcomes):
        for algorithm in dict.fromkeys(outcome.algorithm for outcome in outcomes):
            found = [o for o in outcomes if (o.data, o.algorithm) == (data, algorithm)]
            bests = [o.best for o in found if o.best is not None]
            yield (
                data,
                algorithm,
                f"{sum(o.reached for o in found)} of {len(found)}",
                f"{statistics.median(o.seconds for o in found):.0f}",
                f"{statistics.median(o.epochs for o in found):.0f}",
                f"{statistics.median(o.trials for o in found):.0f}",
                f"{statistics.median(bests):.4f}" if bests else "-",
            )


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="tao-automl-real-") as folder:
        for data in options.data:
            for seed in range(options.seeds):
                for algorithm in options.algorithms:
                    target = TARGETS[data]
                    outcome = run(algorithm, target, seed, Path(folder), options.max_time, options.max_trials)
                    print(asdict(outcome), file=sys.stderr, flush=True)
                    outcomes.append(outcome)
    for number, row in enumerate(rows(outcomes)):
        print("| " + " | ".join(row) + " |")
        if not number:
            print("|" + "---|" * len(row))
    if options.json:
        Path(options.json).write_text(json.dumps([asdict(outcome) for outcome in outcomes], indent=1) + "\n")
    return 0


def _options(arguments: list[str] | None) -> Any:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--algorithms", nargs="+", default=ALGORITHMS)
    parser.add_argument("--data", nargs="+", default=["digits"], choices=sorted(TARGETS))
    parser.add_argument("--seeds", type=int, default=1, help="runs of each algorithm on each data set")
    parser.add_argument("--max-time", type=float, default=300.0, help="seconds of one run at most")
    parser.add_argument("--max-trials", type=int, default=60)
    parser.add_argument("--json", help="where the outcomes are written to")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
