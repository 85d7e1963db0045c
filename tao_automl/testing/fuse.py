"""Kills a runner at one exact point: before or after its n-th effect.

    fuse = Fuse(at=7, side="after")
    engine = build_engine(journal=FusedJournal(journal, fuse), platform=FusedPlatform(platform, fuse), ...)
    with contextlib.suppress(Killed):
        engine.run()

Effects are the calls that a crash may separate from what the journal knows of them: appends, calls of the platform,
and calls of the user's functions. `journal` and `platform` live on, as they would; all else is lost with the runner.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Literal, ParamSpec, TypeVar

from tao_automl.domain.events import Event
from tao_automl.domain.job import Check, FailureAnalysis, JobOutputs, JobSpec, JobStatus, LogChunk
from tao_automl.domain.ports import Journal, PlatformSDK
from tao_automl.engine.world import Callbacks

P = ParamSpec("P")
T = TypeVar("T")

Side = Literal["before", "after"]


class Killed(BaseException):
    """The process is gone. No Exception: nobody may catch it and tidy up."""


@dataclass(kw_only=True, slots=True)
class Fuse:
    """Counts effects, and blows at number `at` (from 1 on). Without `at` it only counts."""

    at: int | None = None
    side: Side = "before"
    count: int = 0
    blown: bool = False

    def burn(self, effect: Callable[[], T]) -> T:
        """Performs the effect, or dies before or after it. A dead runner has no further effects."""
        if self.blown:
            raise Killed
        self.count += 1
        if self.count == self.at and self.side == "before":
            self._blow()
        result = effect()
        if self.count == self.at:
            self._blow()
        return result

    def _blow(self) -> None:
        self.blown = True
        raise Killed


class FusedJournal:
    """A journal whose appends are effects."""

    def __init__(self, journal: Journal, fuse: Fuse) -> None:
        self._journal, self._fuse = journal, fuse

    def append(self, events: Sequence[Event], *, expect: int) -> int:
        return self._fuse.burn(lambda: self._journal.append(events, expect=expect))

    def read(self, after: int = 0) -> Iterator[Event]:
        return self._journal.read(after)

    def close(self) -> None:
        self._journal.close()


class FusedPlatform:
    """A platform all of whose calls about jobs are effects."""

    def __init__(self, platform: PlatformSDK, fuse: Fuse) -> None:
        self._platform, self._fuse = platform, fuse
        self.name = platform.name
        self.poll_interval = platform.poll_interval

    def create_job(self, spec: JobSpec) -> str:
        return self._fuse.burn(lambda: self._platform.create_job(spec))

    def get_job_status(self, handles: Sequence[str]) -> Mapping[str, JobStatus]:
        return self._fuse.burn(lambda: self._platform.get_job_status(handles))

    def get_job_logs(self, handle: str, cursor: int = 0) -> LogChunk:
        return self._fuse.burn(lambda: self._platform.get_job_logs(handle, cursor))

    def get_job_file(self, handle: str, path: str, cursor: int = 0) -> LogChunk:
        return self._fuse.burn(lambda: self._platform.get_job_file(handle, path, cursor))

    def cancel_job(self, handle: str) -> None:
        self._fuse.burn(lambda: self._platform.cancel_job(handle))

    def get_failure_analysis(self, handle: str) -> FailureAnalysis:
        return self._fuse.burn(lambda: self._platform.get_failure_analysis(handle))

    def get_job_outputs(self, handle: str) -> JobOutputs:
        return self._fuse.burn(lambda: self._platform.get_job_outputs(handle))

    def delete_job_files(self, handle: str, paths: Sequence[str]) -> None:
        self._fuse.burn(lambda: self._platform.delete_job_files(handle, paths))

    def capacity(self, gpus: int) -> int | None:
        return self._platform.capacity(gpus)

    def check(self) -> Sequence[Check]:
        return self._platform.check()


def fused_callbacks(callbacks: Callbacks, fuse: Fuse) -> Callbacks:
    """The same callbacks, each call an effect. The executor must run them inline."""
    given = {f.name: function for f in fields(callbacks) if (function := getattr(callbacks, f.name)) is not None}
    return replace(callbacks, **{name: _fused(function, fuse) for name, function in given.items()})


def _fused(function: Callable[P, T], fuse: Fuse) -> Callable[P, T]:
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        return fuse.burn(partial(function, *args, **kwargs))

    return call
