"""How good searches are: regret by evaluations, or by epochs, with bootstrap intervals and ranks.

    python benchmarks/search_quality.py --searchers bayesian tpe random --seeds 10
    python benchmarks/search_quality.py --mode multi --searchers mfbo asha --problems FOLDER --names lcbench_3945
    python benchmarks/search_quality.py --peers FOLDER/peers.json --problems FOLDER --json out.json --markdown out.md

Any installed searcher can be named, and `optuna-tpe` and `optuna-gp` if Optuna is installed. In the mode `full` every
trial is trained in full, one at a time. In the mode `multi` one worker trains epochs, each new one is charged, going on
from a checkpoint is free, and the best value after any paid epoch counts. Regret is 0 at the best known value and 1 at
that of a median random configuration. The default configuration is not evaluated.
"""

import argparse
import json
import math
import os
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from problem_sets import Task, tasks_of

from tao_automl.domain.dice import rng_for
from tao_automl.domain.goal import Direction, Objective
from tao_automl.domain.json_types import JsonObject
from tao_automl.domain.parameters import Choice, Int, Scale
from tao_automl.domain.ports import Searcher
from tao_automl.domain.problem import Fidelity, Problem
from tao_automl.testing.simulation import simulate

MARKS = {"full": (10, 25, 50), "multi": (250, 625, 2500)}
_RESAMPLES = 2000
_MANY = 100_000  # configurations: more than any budget allows


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One searcher on one problem: the mean regret at each mark, and a 95 % bootstrap interval of it."""

    searcher: str
    problem: str
    seeds: int
    means: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    seconds: float


def measured(name: str, task: Task, mode: str, seeds: Sequence[int], marks: Sequence[int]) -> Cell:
    """Runs a searcher with each of the seeds. `seconds` is processor time per trial or decision."""
    began, runs, asked = time.process_time(), [], 0
    for seed in seeds:
        best, count = _run(name, task, mode, seed, marks[-1])
        runs.append([task.regret(_at(best, mark)) for mark in marks])
        asked += count
    columns = list(zip(*runs, strict=True))
    bounds = [_interval(column) for column in columns]
    return Cell(
        searcher=name,
        problem=task.name,
        seeds=len(seeds),
        means=tuple(statistics.fmean(column) for column in columns),
        low=tuple(low for low, _ in bounds),
        high=tuple(high for _, high in bounds),
        seconds=(time.process_time() - began) / max(1, asked),
    )


def _run(name: str, task: Task, mode: str, seed: int, spend: int) -> tuple[Mapping[int, float], int]:
    """The best value after each improvement, by what was spent; and how many decisions that took."""
    if name.startswith("optuna-"):
        return _optuna(name.removeprefix("optuna-"), task, mode, seed, spend)
    fidelity = Fidelity(key="epochs", low=1, high=task.epochs) if mode == "multi" else None
    objective = Objective(metric="value", direction=Direction.MINIMIZE)
    problem = Problem(space=task.space, objective=objective, fidelity=fidelity, seed=seed)
    curves: dict[str, Sequence[float]] = {}

    def value(config: JsonObject, budget: int) -> float:
        key = repr(config)
        curve = curves[key] = curves.get(key) or task.curve(config)
        return curve[budget - 1] if fidelity else curve[-1]

    searcher = searcher_named(name, problem, _MANY if fidelity else spend)
    done = simulate(searcher, problem, value, evaluate_default=False, max_spent=spend)
    return done.curve_of_best, len(done.decisions)


def searcher_named(name: str, problem: Problem, trials: int) -> Searcher:
    """An installed searcher that proposes so many configurations, if it can be told."""
    (point,) = entry_points(group="tao_automl.searchers", name=name)
    made: Any = point.load()
    settings = {"num_recommendations": trials} if "num_recommendations" in {f.name for f in fields(made)} else {}
    searcher: Searcher = made(problem=problem, **settings)
    return searcher


def _optuna(sampler: str, task: Task, mode: str, seed: int, spend: int) -> tuple[Mapping[int, float], int]:
    """A sampler of Optuna with its own defaults; every trial is trained in full."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    makers = {"tpe": optuna.samplers.TPESampler, "gp": optuna.samplers.GPSampler}
    study = optuna.create_study(sampler=makers[sampler](seed=seed))
    cost = task.epochs if mode == "multi" else 1
    best: dict[int, float] = {}
    for number in range(spend // cost):
        trial = study.ask()
        curve = task.curve({p.name: _suggested(trial, p) for p in task.space.searched})
        study.tell(trial, curve[-1])
        for epoch, value in enumerate(curve[-cost:], start=1):
            if value < min(best.values(), default=math.inf):
                best[number * cost + epoch] = value
    return best, spend // cost


def _suggested(trial: Any, parameter: Any) -> Any:
    if isinstance(parameter, Choice):
        return trial.suggest_categorical(parameter.name, parameter.options)
    suggest = trial.suggest_int if isinstance(parameter, Int) else trial.suggest_float
    return suggest(parameter.name, parameter.low, parameter.high, log=parameter.scale is Scale.LOG)


def _at(best: Mapping[int, float], mark: int) -> float:
    return min(value for spent, value in best.items() if spent <= mark)


def _interval(values: Sequence[float]) -> tuple[float, float]:
    """Of the mean: 2.5 % and 97.5 % of the means of resamples."""
    dice = rng_for(0, "bootstrap", len(values))
    means = sorted(statistics.fmean(dice.choices(values, k=len(values))) for _ in range(_RESAMPLES))
    return means[_RESAMPLES // 40], means[-_RESAMPLES // 40 - 1]


def peers_of(path: Path | None, mode: str, tasks: Sequence[Task], marks: Sequence[int]) -> Iterator[Cell]:
    """Figures of others, from ``{full_fidelity | multi_fidelity: {name: {problem: {mark: mean, seeds: n}}}}``."""
    found = json.loads(path.read_text())[f"{mode}_fidelity"] if path else {}
    for name, by_problem in found.items():
        for task in tasks:
            row = by_problem.get(task.name)
            if row and all(str(mark) in row for mark in marks):
                means = tuple(float(row[str(mark)]) for mark in marks)
                nothing = (math.nan,) * len(marks)
                yield Cell(
                    searcher=name,
                    problem=task.name,
                    seeds=row["seeds"],
                    means=means,
                    low=nothing,
                    high=nothing,
                    seconds=0.0,
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A searcher over all problems, at one mark; `rank` is the mean of its places among those measured on each."""

    searcher: str
    mark: int
    mean: float
    rank: float


def standings(cells: Sequence[Cell], marks: Sequence[int]) -> list[Standing]:
    """Of the searchers that were measured on every problem, the best mean first."""
    problems = {cell.problem for cell in cells}
    by_name: dict[str, dict[str, Cell]] = {}
    for cell in cells:
        by_name.setdefault(cell.searcher, {})[cell.problem] = cell
    complete = {name: row for name, row in by_name.items() if set(row) == problems}
    found = []
    for k, mark in enumerate(marks):
        for name, row in complete.items():
            places = [1 + sum(o[p].means[k] < row[p].means[k] for o in complete.values()) for p in problems]
            mean = statistics.fmean(row[p].means[k] for p in problems)
            found.append(Standing(searcher=name, mark=mark, mean=mean, rank=statistics.fmean(places)))
    return sorted(found, key=lambda standing: (standing.mark, standing.mean))


def as_markdown(cells: Sequence[Cell], marks: Sequence[int]) -> str:
    head = [f"{mark}" for mark in marks]
    lines = [_line("problem", "searcher", "seeds", *head, "ms"), _line(*["---"] * (4 + len(marks)))]
    for cell in sorted(cells, key=lambda cell: (cell.problem, cell.means[-1])):
        shown = [_shown(*row) for row in zip(cell.means, cell.low, cell.high, strict=True)]
        lines.append(_line(cell.problem, cell.searcher, str(cell.seeds), *shown, f"{1e3 * cell.seconds:.0f}"))
    lines += ["", _line("at", "searcher", "mean regret", "mean rank"), _line(*["---"] * 4)]
    for row in standings(cells, marks):
        lines.append(_line(str(row.mark), row.searcher, f"{row.mean:.4f}", f"{row.rank:.2f}"))
    return "\n".join(lines) + "\n"


def _line(*parts: str) -> str:
    return f"| {' | '.join(parts)} |"


def _shown(mean: float, low: float, high: float) -> str:
    return f"{mean:.4f}" if math.isnan(low) else f"{mean:.4f} ({low:.4f}, {high:.4f})"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mode", choices=("full", "multi"), default="full", help="(%(default)s)")
    parser.add_argument("--searchers", nargs="*", default=["bayesian", "random"], metavar="NAME", help="(%(default)s)")
    parser.add_argument(
        "--problems", type=Path, metavar="FOLDER", help="with a problems.py; else tables or built-in ones"
    )
    parser.add_argument("--names", nargs="*", default=[], metavar="PROBLEM", help="some of the problems; else all")
    parser.add_argument("--seeds", type=int, default=10, help="how many (%(default)s)")
    parser.add_argument(
        "--marks", type=int, nargs="+", metavar="N", help="where regret is read; the last one ends a run"
    )
    parser.add_argument("--peers", type=Path, metavar="FILE", help="figures of others, to be set beside ours")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the cells are written to")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="where the tables are written to")
    arguments = parser.parse_args(argv)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    marks = tuple(arguments.marks or MARKS[arguments.mode])
    tasks = [
        task for task in tasks_of(arguments.problems, arguments.names) if arguments.mode == "full" or task.epochs > 1
    ]
    cells = list(peers_of(arguments.peers, arguments.mode, tasks, marks))
    for task in tasks:
        for name in arguments.searchers:
            cells.append(measured(name, task, arguments.mode, range(arguments.seeds), marks))
            print(as_markdown(cells[-1:], marks).splitlines()[2], file=sys.stderr, flush=True)
            if arguments.json:
                arguments.json.write_text(json.dumps([asdict(cell) for cell in cells], indent=1))
    print(as_markdown(cells, marks))
    if arguments.markdown:
        arguments.markdown.write_text(as_markdown(cells, marks))
    return 0


if __name__ == "__main__":
    sys.exit(main())
