"""A runner that dies at any effect, before it or after it, and is started again, reaches the same end.

Every searcher that is installed, and the small one of `scenarios`, in every scenario, at every point.
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from scenarios import SCENARIOS, Halving, MakeJournal, Outcome, Rig, Scenario, outcome

from tao_automl.domain.ports import Searcher
from tao_automl.domain.problem import Problem
from tao_automl.errors import UserError
from tao_automl.store.memory import MemoryJournal
from tao_automl.store.sqlite import SqliteJournal, open_sqlite
from tao_automl.testing.fuse import Fuse, Side

MakeSearcher = Callable[[Problem], Searcher]
Point = tuple[int, Side]


def _small(cls: Any) -> MakeSearcher:
    """The searcher with its own settings, except that it shall start few trials."""
    names = {field.name for field in dataclasses.fields(cls)}
    sizes = {"num_recommendations": 5, "population_size": 3, "max_generations": 2}
    return partial(_make, cls, {name: size for name, size in sizes.items() if name in names})


def _make(cls: Any, settings: dict[str, int], problem: Problem) -> Searcher:
    return cls(problem=problem, **settings)  # type: ignore[no-any-return]


INSTALLED = {point.name: _small(point.load()) for point in entry_points(group="tao_automl.searchers")}
HALVING: MakeSearcher = lambda problem: Halving(problem=problem)  # noqa: E731  # a value like those above
NAMED = {scenario.name: scenario for scenario in SCENARIOS}
every_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=list(NAMED))


def _memory() -> MakeJournal:
    """A journal for a process that dies and comes back: what was appended stays."""
    return MemoryJournal().reopened


class Disk:
    """The same on a disk. A process that dies lets go of its lock."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._last: SqliteJournal | None = None

    def __call__(self) -> SqliteJournal:
        if self._last:
            self._last.close()
        try:
            self._last = open_sqlite(self._folder, "write")
        except UserError:
            self._last = open_sqlite(self._folder, "create")
        return self._last


def _undisturbed(scenario: Scenario, make_searcher: MakeSearcher) -> tuple[Outcome, list[Point]]:
    """How the scenario ends if nobody dies, and where somebody could."""
    rig, fuse = Rig(scenario=scenario, make_searcher=make_searcher, make_journal=_memory()), Fuse()
    end = outcome(rig.live(fuse), rig)
    assert end.result[1] is not None, "the run did not finish"
    assert end.running == ()
    assert [key for key, times in end.launched if times != 1] == []
    return end, [(at, side) for at in range(1, fuse.count + 1) for side in ("before", "after")]


def _check(expected: Outcome, rig: Rig, *deaths: Point, downtime: float = 0.0) -> None:
    engine = rig.live_through(*(Fuse(at=at, side=side) for at, side in deaths), downtime=downtime)
    story = ", then ".join(f"{side} effect {at}" for at, side in deaths)
    assert outcome(engine, rig) == expected, f"it died {story}"


@every_scenario
def test_the_small_searcher_dies_everywhere(scenario: Scenario) -> None:
    expected, points = _undisturbed(scenario, HALVING)
    for point in points:
        _check(expected, Rig(scenario=scenario, make_searcher=HALVING, make_journal=_memory()), point)


@every_scenario
@pytest.mark.parametrize("name", INSTALLED)
def test_installed_searchers_die_everywhere(name: str, scenario: Scenario) -> None:
    expected, points = _undisturbed(scenario, INSTALLED[name])
    for point in points[:: scenario.sparse]:
        _check(expected, Rig(scenario=scenario, make_searcher=INSTALLED[name], make_journal=_memory()), point)


@every_scenario
def test_it_dies_again_soon(scenario: Scenario) -> None:
    expected, points = _undisturbed(scenario, HALVING)
    for first in points[1::8]:
        for again in (1, 2, 3, 5, 8):
            rig = Rig(scenario=scenario, make_searcher=HALVING, make_journal=_memory())
            _check(expected, rig, first, (again, "after"), (again, "before"))


@pytest.mark.parametrize("name", ["plain", "failures", "retries"])
def test_jobs_go_on_while_nobody_watches(name: str) -> None:
    """Days pass before the runner is back. What the jobs did meanwhile counts; none of it is done again."""
    expected, points = _undisturbed(NAMED[name], HALVING)
    for point in points[::3]:
        rig = Rig(scenario=NAMED[name], make_searcher=HALVING, make_journal=_memory())
        _check(expected, rig, point, downtime=200_000.0)


@pytest.mark.parametrize("name", ["plain", "retries", "user cancels"])
def test_on_a_disk(name: str, tmp_path: Path) -> None:
    expected, points = _undisturbed(NAMED[name], HALVING)
    for number, point in enumerate(points[:: len(points) // 8]):
        rig = Rig(scenario=NAMED[name], make_searcher=HALVING, make_journal=Disk(tmp_path / str(number)))
        _check(expected, rig, point)


@every_scenario
def test_a_finished_run_stays_as_it_is(scenario: Scenario) -> None:
    rig = Rig(scenario=scenario, make_searcher=HALVING, make_journal=_memory())
    first = rig.live(Fuse())
    again = Fuse()
    second = rig.live(again)
    assert again.count == 0
    assert outcome(second, rig) == outcome(first, rig)
