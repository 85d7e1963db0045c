"""What a plan shows as its first batch is what the run launches, whatever the algorithm."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from tao_automl.domain.job import JobSpec
from tao_automl.domain.trial import Decision, Start, Trial
from tao_automl.engine.world import Callbacks, Rules
from tao_automl.runner.arguments import Arguments
from tao_automl.runner.first_batch import first_batch
from tao_automl.runner.setup import Setup, prepare
from tao_automl.testing.memory_platform import Behaviour, MemoryPlatform
from tao_automl.testing.toy import ManualClock, build_engine, metric_line

sys.path.insert(0, str(Path(__file__).parents[2] / "e2e"))
from toy_skill import make_toy_skill  # a neighbour's module

SEARCHERS = sorted(point.name for point in entry_points(group="tao_automl.searchers"))
SLOTS = 3


class Three:
    """A platform of three slots."""

    def capacity(self, gpus: int) -> int | None:
        return SLOTS


def setup_of(tmp_path: Path, name: str, **settings: Any) -> Setup:
    skill = make_toy_skill(tmp_path / "toy", tmp_path / "launches")
    arguments = Arguments(
        skill_dir=str(skill),
        action="train",
        platform="memory",
        automl_algorithm=name,
        automl_settings={"seed": 7, **settings},
    )
    return prepare(arguments, Three())


def launched(setup: Setup, callbacks: Callbacks) -> list[Trial]:
    """The trials of a run, in order, as soon as there are more than the first batch has."""
    clock = ManualClock()

    def behave(spec: JobSpec) -> Behaviour:
        return Behaviour(seconds=5.0, lines=[(1.0, metric_line(1, accuracy=0.25, loss=0.25))])

    engine = build_engine(
        searcher=setup.searcher,
        problem=setup.problem,
        platform=MemoryPlatform(clock=clock, behave=behave, slots=SLOTS),
        clock=clock,
        rules=Rules(max_concurrent=SLOTS),
        callbacks=callbacks,
    )
    while len(engine.experiment.trials) <= SLOTS and not engine.experiment.finished:
        if not engine.tick():
            clock.sleep(1.0)
    return engine.experiment.trials


@pytest.mark.parametrize("baseline_first", [False, True])
@pytest.mark.parametrize("name", SEARCHERS)
def test_the_run_launches_what_the_plan_shows(tmp_path: Path, name: str, baseline_first: bool) -> None:
    setup = setup_of(tmp_path, name)
    batch, exact = first_batch(setup, SLOTS, baseline_first=baseline_first)
    assert exact
    assert 1 < len(batch) <= SLOTS + 1
    trials = launched(setup, Callbacks(baseline_fn=(lambda specs: 0.5) if baseline_first else None))
    assert [(t.id, t.budget, dict(t.params)) for t in trials[: len(batch)]] == [
        (entry["rec_id"], entry["budget"], entry["specs"]) for entry in batch
    ]


class Follower:
    """Proposes what the first trial scored."""

    def ask(self, history: Sequence[Trial], slots: int) -> Sequence[Decision]:
        score = history[0].score
        return [Start(params={"x": score.value}, budget=1)] if score else []


def test_proposals_that_depend_on_the_baseline_are_not_shown(tmp_path: Path) -> None:
    setup = replace(setup_of(tmp_path, "random"), searcher=Follower())
    batch, exact = first_batch(setup, SLOTS, baseline_first=False)
    assert not exact
    assert [(entry["origin"], entry["specs"]) for entry in batch] == [("default", {"x": 0.9})]
