"""How long one suggestion takes, by the number of observations: a smooth function of seven numbers.

    OMP_NUM_THREADS=1 python benchmarks/suggestion_time.py --searchers bayesian mfbo --observations 10 100 1000

Milliseconds of processor time, the median of several suggestions for different histories.
"""

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from search_quality import searcher_named

from tao_automl.domain.dice import rng_for
from tao_automl.domain.goal import Direction, Objective
from tao_automl.domain.json_types import JsonObject
from tao_automl.domain.parameters import Float
from tao_automl.domain.problem import Fidelity, Problem
from tao_automl.domain.space import SearchSpace
from tao_automl.domain.trial import Score, Trial, TrialState

DIMENSION = 7
EPOCHS = 16


def problem_of(seed: int) -> Problem:
    names = [f"x{k}" for k in range(DIMENSION)]
    space = SearchSpace(tuple(Float(name=name, low=0.0, high=1.0, default=0.5) for name in names))
    objective = Objective(metric="value", direction=Direction.MINIMIZE)
    return Problem(space=space, objective=objective, fidelity=Fidelity(key="epochs", low=1, high=EPOCHS), seed=seed)


def value_of(config: JsonObject) -> float:
    """Each number matters less than the one before it."""
    places = [float(config[f"x{k}"]) for k in range(DIMENSION)]  # type: ignore[arg-type]
    return sum((math.sin(5 * x) + (x - 0.3) ** 2) / (k + 1) for k, x in enumerate(places))


def history_of(problem: Problem, observations: int) -> list[Trial]:
    """Random trials with a score at the full budget only, so that there are as many scores as trials."""
    found = []
    for number, config in enumerate(problem.space.sample_many(rng_for(problem.seed, "history"), observations)):
        value = value_of(config)
        trial = Trial(
            id=number,
            params=config,
            signature=problem.space.signature(config),
            budget=EPOCHS,
            state=TrialState.COMPLETED,
            scores={EPOCHS: Score(value=value, cost=value, seq=number)},
        )
        found.append(trial)
    return found


def milliseconds(name: str, observations: int, repeats: int) -> float:
    times = []
    for seed in range(repeats):
        problem = problem_of(seed)
        searcher, history = searcher_named(name, problem, observations + 10), history_of(problem, observations)
        if not seed:
            searcher.ask(history[:20], 1)  # imports
        began = time.process_time()
        searcher.ask(history, 1)
        times.append(1e3 * (time.process_time() - began))
    return statistics.median(times)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--searchers", nargs="+", default=["bayesian", "mfbo"], metavar="NAME", help="(%(default)s)")
    parser.add_argument("--observations", type=int, nargs="+", default=[10, 50, 100, 500, 1000], metavar="N")
    parser.add_argument("--repeats", type=int, default=5, help="(%(default)s)")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="(%(default)s)")
    arguments = parser.parse_args(argv)
    table = {
        name: {n: milliseconds(name, n, arguments.repeats) for n in arguments.observations}
        for name in arguments.searchers
    }
    if arguments.format == "json":
        print(json.dumps(table))
        return 0
    print("  ".join([f"{'observations':>16}", *(f"{n:>8}" for n in arguments.observations)]))
    for name, row in table.items():
        print("  ".join([f"{name:>16}", *(f"{value:>8.0f}" for value in row.values())]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
