"""The fakes are relied upon by everything else: they are tested too."""

import math
from collections.abc import Callable

import pytest

from tao_automl.domain.job import JobSpec, JobState
from tao_automl.errors import PlatformRejected, PlatformUnavailable
from tao_automl.store.memory import MemoryJournal
from tao_automl.testing.clock import ManualClock
from tao_automl.testing.fuse import Fuse, FusedJournal, Killed
from tao_automl.testing.journal_contract import numbered
from tao_automl.testing.memory_platform import Behaviour, MemoryPlatform


def spec(key: str) -> JobSpec:
    return JobSpec(key=key, command=("x",))


def platform(behave: Callable[[JobSpec], Behaviour], slots: int | None = None) -> MemoryPlatform:
    return MemoryPlatform(clock=ManualClock(time=1000.0), behave=behave, slots=slots)


def times(world: MemoryPlatform, *keys: str) -> list[tuple[float | None, float | None]]:
    statuses = world.get_job_status(keys)
    return [(statuses[key].started_at, statuses[key].ended_at) for key in keys]


def later(world: MemoryPlatform, seconds: float) -> None:
    world.clock.sleep(seconds)


def test_jobs_happen_between_two_looks() -> None:
    world = platform(lambda s: Behaviour(seconds=10.0), slots=2)
    for key in "abcd":
        world.create_job(spec(key))
    assert times(world, *"abc") == [(1000.0, None), (1000.0, None), (None, None)]
    later(world, 100.0)
    assert times(world, *"abcd") == [(1000.0, 1010.0)] * 2 + [(1010.0, 1020.0)] * 2
    assert world.most_running == 2
    assert world.running == []


def test_a_queued_job_waits_and_does_not_hold_up_others() -> None:
    world = platform(lambda s: Behaviour(seconds=5.0, queued=20.0 if s.key == "a" else 0.0), slots=1)
    for key in "ab":
        world.create_job(spec(key))
    later(world, 100.0)
    assert times(world, *"ab") == [(1020.0, 1025.0), (1000.0, 1005.0)]


def test_creating_twice_is_creating_once() -> None:
    world = platform(lambda s: Behaviour())
    assert world.create_job(spec("a")) == world.create_job(spec("a"))
    assert world.launched == {"a": 1}


def test_the_log_grows_line_by_line() -> None:
    world = platform(lambda s: Behaviour(seconds=3.0, lines=[(1.0, "x"), (2.0, "y"), (3.0, "z"), (4.0, "never")]))
    world.create_job(spec("a"))
    assert world.get_job_logs("a").lines == ()
    later(world, 2.0)
    chunk = world.get_job_logs("a")
    assert (chunk.lines, chunk.more) == (("x", "y"), False)
    later(world, 50.0)
    assert world.get_job_logs("a", chunk.cursor).lines == ("z",)
    world.lines_per_call = 2
    assert world.get_job_logs("a").more
    assert world.get_job_logs("unknown", 5).cursor == 5


def test_cancelling() -> None:
    world = platform(lambda s: Behaviour(seconds=math.inf if s.key != "short" else 1.0), slots=2)
    world.cancel_seconds = 2.0
    for key in ("long", "short", "queued"):
        world.create_job(spec(key))
    for key in ("long", "long", "short", "queued", "unknown"):
        world.cancel_job(key)
    later(world, 10.0)
    states = {key: status.state for key, status in world.get_job_status(list(world.jobs)).items()}
    assert states == {"long": JobState.CANCELLED, "short": JobState.SUCCEEDED, "queued": JobState.CANCELLED}
    assert times(world, "long", "queued") == [(1000.0, 1002.0), (None, 1000.0)]
    assert set(world.launched) == {"long", "short"}


def test_losing_refusing_and_being_away() -> None:
    world = platform(lambda s: Behaviour(rejection=PlatformRejected("no") if s.key == "bad" else None))
    world.create_job(spec("a"))
    world.lose("a")
    assert world.get_job_status(["a", "unknown"])["a"].state is JobState.LOST
    assert world.get_job_status(["unknown"])["unknown"].state is JobState.LOST
    assert world.get_failure_analysis("a").retriable
    with pytest.raises(PlatformRejected):
        world.create_job(spec("bad"))
    world.down = {"create_job"}
    with pytest.raises(PlatformUnavailable):
        world.create_job(spec("b"))
    assert list(world.jobs) == ["a"]


@pytest.mark.parametrize(("side", "length"), [("before", 1), ("after", 2)])
def test_a_fuse_blows_at_its_effect_and_stays_blown(side: str, length: int) -> None:
    kept = MemoryJournal()
    journal = FusedJournal(kept, Fuse(at=2, side=side))  # type: ignore[arg-type]
    journal.append(numbered(1, 1), expect=0)
    with pytest.raises(Killed):
        journal.append(numbered(2, 2), expect=1)
    assert kept.length() == length
    with pytest.raises(Killed):
        journal.append(numbered(3, 3), expect=length)
    assert kept.length() == length
