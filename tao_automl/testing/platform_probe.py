"""What a contract test needs to start jobs on a platform and to watch them. See `platform_contract`."""

import time
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import pytest

from tao_automl.domain.job import JobSpec, JobState, JobStatus
from tao_automl.domain.ports import PlatformSDK

OpenPlatform: TypeAlias = Callable[[], PlatformSDK]
"""A new platform object on the same state: what a runner has after it was started again."""
MakeSpec: TypeAlias = Callable[..., JobSpec]
"""``make_spec(*command, **fields)``: a job with a key that was never used."""
Submit: TypeAlias = Callable[..., str]
"""``submit(*command, **fields)``: creates such a job, and cancels it after the test."""

ENDED = tuple(state for state in JobState if state.ended)
POLL_SECONDS = 0.02


def fresh_spec(*command: str, **fields: object) -> JobSpec:
    """A job with a key of its own."""
    return JobSpec(**{"key": f"contract-{uuid.uuid4().hex[:12]}", "command": command, **fields})  # type: ignore[arg-type]  # fields of JobSpec by name


def shell(script: str, *arguments: str) -> tuple[str, ...]:
    """The argv of a small script."""
    return ("sh", "-c", script, "sh", *arguments)


def processes_of_this_machine(needle: str, file: str) -> list[int]:
    """The processes that have the text in their `environ` or `cmdline`."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and needle.encode() in (entry / file).read_bytes():
                found.append(int(entry.name))
        except OSError:  # it ended meanwhile
            continue
    return found


class PlatformProbe:
    """Fixtures and patience. The attributes and the fixture `open_platform` are for subclasses to override."""

    patience = 20.0  # seconds within which a job starts, and within which a started one is seen to end
    answers_within = 5.0  # seconds for a call that must not wait

    @pytest.fixture
    def open_platform(self) -> OpenPlatform:
        raise NotImplementedError("override the fixture `open_platform`")

    @pytest.fixture
    def platform(self, open_platform: OpenPlatform) -> PlatformSDK:
        return open_platform()

    @pytest.fixture
    def make_spec(self) -> MakeSpec:
        return fresh_spec

    @pytest.fixture
    def submit(self, platform: PlatformSDK, make_spec: MakeSpec) -> Iterator[Submit]:
        handles: list[str] = []

        def create(*command: str, **fields: object) -> str:
            handles.append(platform.create_job(make_spec(*command, **fields)))
            return handles[-1]

        yield create
        for handle in handles:
            platform.cancel_job(handle)

    def processes_with(self, needle: str, file: str = "environ") -> Collection[int]:
        """Processes of jobs that have the text in their environment (``environ``) or argv (``cmdline``)."""
        if not Path("/proc/self/environ").exists():
            pytest.skip("this machine has no /proc to look into")
        return processes_of_this_machine(needle, file)

    def folder_of(self, platform: PlatformSDK, handle: str) -> Path | None:
        """The job's folder, if it is on this machine."""
        folder = Path(platform.get_job_outputs(handle).root).parent
        return folder if folder.is_absolute() and folder.is_dir() else None

    def wait(self, platform: PlatformSDK, handle: str, *states: JobState) -> JobStatus:
        """Waits for one of the states (default: any end), and fails if another end comes."""
        wanted, deadline = states or ENDED, time.monotonic() + self.patience
        while (status := platform.get_job_status([handle])[handle]).state not in wanted:
            assert not status.state.ended, f"wanted {[s.value for s in wanted]}, got {status}"
            assert time.monotonic() < deadline, f"still {status} after {self.patience} s"
            time.sleep(POLL_SECONDS)
        return status

    def wait_for_line(self, platform: PlatformSDK, handle: str, line: str) -> Sequence[str]:
        deadline = time.monotonic() + self.patience
        while line not in (lines := self.read_all(platform, handle)):
            assert time.monotonic() < deadline, f"no line {line!r} in {lines}"
            time.sleep(POLL_SECONDS)
        return lines

    def wait_until_gone(self, needle: str) -> None:
        """What wraps a job may live a moment longer than the job."""
        deadline = time.monotonic() + self.answers_within
        while left := self.processes_with(needle):
            assert time.monotonic() < deadline, f"still alive: {left}"
            time.sleep(POLL_SECONDS)

    def read_all(self, platform: PlatformSDK, handle: str) -> list[str]:
        lines: list[str] = []
        cursor, more = 0, True
        while more:
            chunk = platform.get_job_logs(handle, cursor)
            lines += chunk.lines
            cursor, more = chunk.cursor, chunk.more
        return lines

    def run(self, platform: PlatformSDK, handle: str) -> list[str]:
        """The log of a job that ends well."""
        assert self.wait(platform, handle).state is JobState.SUCCEEDED, self.read_all(platform, handle)
        return self.read_all(platform, handle)
