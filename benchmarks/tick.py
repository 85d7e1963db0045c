"""How long a tick of the runner takes, by running jobs and past trials, on a platform that answers at once.

    python benchmarks/tick.py
    python benchmarks/tick.py --searcher random --running 100 1000 --past 0 1000 10000 --format json

A *quiet* tick finds that no job has anything new. In a *busy* one every job reports an epoch. In a *turnover* one a
tenth of the jobs end, and their slots are filled again. Each is the median of several; times are milliseconds.
"""

import argparse
import gc
import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import entry_points
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tao_automl.domain.dice import rng_for
from tao_automl.domain.events import (
    BaselineSettled,
    Evaluation,
    Event,
    JobEnded,
    JobRequested,
    JobStarted,
    JobSubmitted,
    MetricReported,
    Purpose,
    TrialSettled,
    TrialStarted,
)
from tao_automl.domain.job import JobSpec, JobState
from tao_automl.domain.ports import Journal, Searcher
from tao_automl.domain.problem import Fidelity, Problem
from tao_automl.domain.trial import Origin, TrialState
from tao_automl.engine.loop import Engine
from tao_automl.engine.world import Rules
from tao_automl.store.memory import MemoryJournal
from tao_automl.store.sqlite import open_sqlite
from tao_automl.testing.clock import ManualClock
from tao_automl.testing.memory_platform import Behaviour, MemoryPlatform
from tao_automl.testing.toy import build_engine, metric_line, toy_problem, toy_value

FIDELITY = Fidelity(key="train.epochs", low=9, high=27)
EPOCH_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table."""

    running: int
    past: int
    quiet_ms: float
    busy_ms: float
    turnover_ms: float
    fold_ms: float


def measure(name: str, running: int, past: int, repeats: int, journal: Journal) -> Row:
    """Sets up a run in its middle, and times its ticks."""
    problem, clock = replace(toy_problem(), fidelity=FIDELITY), ManualClock()
    platform = MemoryPlatform(clock=clock, behave=_training(problem))
    engine = build_engine(
        searcher=searcher_named(name, problem, running + past + 10_000),
        problem=problem,
        journal=journal,
        platform=platform,
        clock=clock,
        rules=Rules(max_concurrent=running),
    )
    for trial in range(past):
        engine.record(list(past_trial(problem, trial, clock.now())))
    engine.record([BaselineSettled(at=clock.now(), evaluation=Evaluation(status="skipped", metric_name="loss"))])
    _settle_down(engine)
    quiet = _median(repeats, engine, lambda: None)
    busy = _median(repeats, engine, lambda: _next_epoch(clock))
    turnover = _median(repeats, engine, lambda: _some_end(engine, platform, max(1, running // 10)))
    began = time.perf_counter()
    Engine(journal, engine.world)
    fold = (time.perf_counter() - began) * 1e3
    return Row(running=running, past=past, quiet_ms=quiet, busy_ms=busy, turnover_ms=turnover, fold_ms=fold)


def searcher_named(name: str, problem: Problem, trials: int) -> Searcher:
    """An installed searcher that does not stop proposing."""
    (point,) = entry_points(group="tao_automl.searchers", name=name)
    made: Searcher = point.load()(problem=problem, num_recommendations=trials)
    return made


def past_trial(problem: Problem, trial: int, at: float) -> Iterator[Event]:
    """All that was recorded of a trial that is done: trained up to a rung, in one job."""
    dice = rng_for(0, "past", trial)
    params = problem.space.sample(dice)
    budget = FIDELITY.high if trial == 0 else dice.choice((9, 9, 9, 9, 27))
    key, signature = f"toy-t{trial:04d}-e{budget}-a1", problem.space.signature(params)
    origin = Origin.SEARCH if trial else Origin.DEFAULT
    yield TrialStarted(at=at, trial=trial, params=params, signature=signature, budget=budget, origin=origin)
    spec = JobSpec(key=key, command=("python", "toy.py"))
    yield JobRequested(at=at, trial=trial, purpose=Purpose.TRAIN, budget=budget, attempt=1, spec=spec)
    yield JobSubmitted(at=at, key=key, handle=key)
    yield JobStarted(at=at, key=key, started_at=at)
    values = [toy_value(params, epoch, problem.objective.direction) for epoch in range(1, budget + 1)]
    for epoch, value in enumerate(values, start=1):
        yield MetricReported(at=at, key=key, epoch=epoch, values={"loss": value}, cursor=epoch)
    yield JobEnded(at=at, key=key, state=JobState.SUCCEEDED, ended_at=at)
    yield TrialSettled(at=at, trial=trial, state=TrialState.COMPLETED, value=values[-1], values={"loss": values[-1]})


def _training(problem: Problem) -> Callable[[JobSpec], Behaviour]:
    """Jobs that report an epoch a minute, for ever."""
    lines = [(epoch * EPOCH_SECONDS, metric_line(epoch, loss=1.0 / epoch)) for epoch in range(1, FIDELITY.high + 1)]
    return lambda spec: Behaviour(seconds=math.inf, lines=lines)


def _settle_down(engine: Engine) -> None:
    while engine.tick():
        pass


def _median(repeats: int, engine: Engine, before: Callable[[], None]) -> float:
    """Milliseconds of the first tick after `before`; what it has set off settles down untimed."""
    times = []
    for _ in range(repeats):
        before()
        gc.collect()
        began = time.perf_counter()
        engine.tick()
        times.append((time.perf_counter() - began) * 1e3)
        _settle_down(engine)
    return statistics.median(times)


def _next_epoch(clock: ManualClock) -> None:
    clock.time += EPOCH_SECONDS


def _some_end(engine: Engine, platform: MemoryPlatform, count: int) -> None:
    for handle in list(engine.experiment.open_jobs)[:count]:
        platform.finish(handle)


def rows(arguments: argparse.Namespace) -> Iterator[Row]:
    for running in arguments.running:
        for past in arguments.past:
            with TemporaryDirectory() as folder:
                disk = arguments.journal == "sqlite"
                journal: Journal = open_sqlite(Path(folder), "create") if disk else MemoryJournal()
                yield measure(arguments.searcher, running, past, arguments.repeats, journal)
                journal.close()


def as_text(table: Sequence[Row]) -> str:
    names = list(asdict(table[0]))
    lines = ["  ".join(f"{name:>11}" for name in names)]
    lines += ["  ".join(f"{_cell(value):>11}" for value in asdict(row).values()) for row in table]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--searcher", default="asha", help="name of an installed searcher (%(default)s)")
    parser.add_argument("--running", type=int, nargs="+", default=[100, 1000], metavar="N", help="running jobs")
    parser.add_argument("--past", type=int, nargs="+", default=[0, 1000, 10_000], metavar="N", help="past trials")
    most = FIDELITY.low  # a job on the lowest rung has no more to report
    parser.add_argument("--repeats", type=int, default=7, choices=range(1, most + 1), help="of each tick (%(default)s)")
    parser.add_argument("--journal", choices=("memory", "sqlite"), default="memory", help="(%(default)s)")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="(%(default)s)")
    arguments = parser.parse_args(argv)
    table = list(rows(arguments))
    print(json.dumps([asdict(row) for row in table]) if arguments.format == "json" else as_text(table))
    return 0


if __name__ == "__main__":
    sys.exit(main())
