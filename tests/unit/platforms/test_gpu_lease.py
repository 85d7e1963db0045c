"""GPUs are leased to one job at a time, for as long as any of its processes lives."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tao_automl.domain.job import JobSpec, JobState
from tao_automl.errors import PlatformRejected, PlatformUnavailable
from tao_automl.platforms.gpu_lease import (
    Gpu,
    GpuList,
    GpuPool,
    list_gpus,
    lock_folder,
    parse_gpu_list,
    private_folder,
    visible_gpus,
)
from tao_automl.platforms.local import LocalPlatform

TWO = """GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-aaaa-1)
GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-bbbb-2)
"""
SLICED = """GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-aaaa-1)
  MIG 3g.20gb     Device  0: (UUID: MIG-1111)
  MIG 3g.20gb     Device  1: (UUID: MIG-2222)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-bbbb-2)
"""
PATIENCE = 15.0
WORK = 'echo "$CUDA_VISIBLE_DEVICES $NPROC_PER_NODE"; while [ ! -e go ]; do sleep 0.02; done'


def program(folder: Path, script: str) -> str:
    path = folder / "nvidia-smi"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def spec(key: str, gpus: int = 1, script: str = WORK) -> JobSpec:
    return JobSpec(key=key, command=("sh", "-c", script), gpus=gpus)


class Machine:
    """A machine with two GPUs, on which runners come and go."""

    def __init__(self, folder: Path) -> None:
        self.root, self.locks = folder / "jobs", folder / "locks"
        self.program = program(folder, f"cat <<'END'\n{TWO}END")
        self.opened: list[LocalPlatform] = []

    def open(self, **settings: object) -> LocalPlatform:
        self.opened.append(
            LocalPlatform(
                self.root,
                grace_seconds=1,
                gpu_lister=lambda: list_gpus(self.program),
                gpu_locks=self.locks,
                environ={name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"},
                **settings,  # type: ignore[arg-type]  # of the constructor
            )
        )
        return self.opened[-1]

    def free(self) -> int:
        return GpuPool(["GPU-aaaa-1", "GPU-bbbb-2"], self.locks).free()

    def let_go(self, key: str) -> None:
        (self.root / key / "go").touch()

    def devices(self, key: str) -> str:
        log = self.root / key / "logs/job.log"
        until(lambda: log.exists() and log.read_text().endswith("\n"))
        return log.read_text().split()[0]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path)
    yield machine
    for folder in machine.root.iterdir() if machine.root.exists() else ():
        machine.opened[0].cancel_job(folder.name)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.01)


def state(platform: LocalPlatform, key: str) -> JobState:
    return platform.get_job_status([key])[key].state


# Asking the machine


def test_gpus_and_slices_are_read() -> None:
    assert [gpu.id for gpu in parse_gpu_list(TWO).gpus] == ["GPU-aaaa-1", "GPU-bbbb-2"]
    assert parse_gpu_list(TWO).gpus[1] == Gpu(id="GPU-bbbb-2", name="NVIDIA H100 80GB HBM3", index="1")
    assert [gpu.id for gpu in parse_gpu_list(SLICED).gpus] == ["MIG-1111", "MIG-2222", "GPU-bbbb-2"]


@pytest.mark.parametrize(
    ("script", "note"),
    [
        (
            "echo 'NVIDIA-SMI has failed because it could not communicate with the driver.' >&2; exit 9",
            "could not communicate",
        ),
        ("echo 'No devices were found'; exit 6", "No devices"),
        ("exit 0", "lists no GPU"),
    ],
)
def test_a_machine_without_gpus_says_why(tmp_path: Path, script: str, note: str) -> None:
    listed = list_gpus(program(tmp_path, script))
    assert listed.gpus == ()
    assert note in listed.note


def test_without_the_program_there_are_none(tmp_path: Path) -> None:
    assert "not installed" in list_gpus(str(tmp_path / "nvidia-smi")).note
    (tmp_path / "nvidia-smi").write_text("not executable")
    assert "cannot be run" in list_gpus(str(tmp_path / "nvidia-smi")).note


def test_a_driver_that_hangs_is_no_answer(tmp_path: Path) -> None:
    with pytest.raises(PlatformUnavailable, match="did not answer"):
        list_gpus(program(tmp_path, "exec sleep 30"), timeout=0.1)


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (None, ["GPU-aaaa-1", "GPU-bbbb-2"]),
        ("1", ["GPU-bbbb-2"]),
        ("1,0", ["GPU-aaaa-1", "GPU-bbbb-2"]),
        ("GPU-aaaa", ["GPU-aaaa-1"]),
        ("", []),
        ("-1", []),
        ("7", []),
    ],
)
def test_the_caller_may_see_fewer(wanted: str | None, ids: list[str]) -> None:
    environ = {} if wanted is None else {"CUDA_VISIBLE_DEVICES": wanted}
    seen = visible_gpus(parse_gpu_list(TWO), environ)
    assert [gpu.id for gpu in seen.gpus] == ids
    assert ids or "CUDA_VISIBLE_DEVICES" in seen.note


# Locks


def test_two_pools_share_the_gpus(tmp_path: Path) -> None:
    one, other = GpuPool(["a", "b", "c"], tmp_path / "locks"), GpuPool(["a", "b", "c"], tmp_path / "locks")
    first = one.lease(2)
    assert first is not None
    assert first.ids == ("a", "b")
    assert other.lease(2) is None
    second = other.lease(1)
    assert second is not None
    assert second.ids == ("c",)
    assert one.free() == 0
    first.close()
    second.close()
    assert other.free() == 3


def test_a_fork_keeps_the_lease_until_it_dies(tmp_path: Path) -> None:
    pool = GpuPool(["a"], tmp_path / "locks")
    lease = pool.lease(1)
    assert lease is not None
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    lease.close()
    assert pool.free() == 0
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert pool.free() == 1


def test_the_folder_of_the_locks(tmp_path: Path) -> None:
    assert lock_folder({"XDG_CACHE_HOME": str(tmp_path)}).parent == tmp_path / "tao-automl" / "gpu-locks"
    assert lock_folder({"HOME": str(tmp_path)}).parent == tmp_path / ".cache" / "tao-automl" / "gpu-locks"
    assert str(os.getuid()) in lock_folder({}).name
    (tmp_path / "mine").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    with pytest.raises(PlatformRejected, match="must be a folder of this user"):
        private_folder(tmp_path / "link")


# Jobs


def test_jobs_get_gpus_of_their_own_and_wait_for_them(machine: Machine) -> None:
    platform = machine.open()
    assert [platform.capacity(gpus) for gpus in (1, 2, 3)] == [2, 1, 0]
    for key in ("j1", "j2", "j3"):
        platform.create_job(spec(key))
    assert {machine.devices("j1"), machine.devices("j2")} == {"GPU-aaaa-1", "GPU-bbbb-2"}
    waiting = platform.get_job_status(["j3"])["j3"]
    assert (waiting.state, waiting.detail) == (JobState.PENDING, "waiting for a GPU")
    machine.let_go("j1")
    until(lambda: state(platform, "j3") is JobState.RUNNING)
    assert machine.devices("j3") == machine.devices("j1")


def test_a_lease_outlives_the_runner_and_ends_with_the_job(machine: Machine) -> None:
    child = os.fork()
    if child == 0:
        machine.open().create_job(spec("j1", gpus=2))
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    platform = machine.open()
    platform.create_job(spec("j2", gpus=1))
    until(lambda: state(platform, "j1") is JobState.RUNNING)
    assert machine.devices("j1") == "GPU-aaaa-1,GPU-bbbb-2"
    assert state(platform, "j2") is JobState.PENDING
    assert machine.free() == 0
    platform.cancel_job("j1")
    until(lambda: state(platform, "j2") is JobState.RUNNING)
    assert state(platform, "j1") is JobState.CANCELLED
    until(lambda: machine.free() == 1)


def test_a_waiting_job_is_started_by_the_next_runner(machine: Machine) -> None:
    first = machine.open()
    first.create_job(spec("j1", gpus=2))
    first.create_job(spec("j2", gpus=2))
    second = machine.open()
    assert state(second, "j2") is JobState.PENDING
    machine.let_go("j1")
    until(lambda: state(second, "j2") is JobState.RUNNING)
    assert machine.free() == 0


def test_a_large_job_is_not_overtaken_but_cpu_jobs_pass(machine: Machine) -> None:
    platform = machine.open()
    platform.create_job(spec("small", gpus=1))
    platform.create_job(spec("large", gpus=2))
    platform.create_job(spec("late", gpus=1))
    platform.create_job(spec("cpu", gpus=0, script="echo ran"))
    until(lambda: state(platform, "cpu") is JobState.SUCCEEDED)
    assert machine.free() == 1  # kept for the large one
    assert state(platform, "late") is JobState.PENDING
    machine.let_go("small")
    until(lambda: state(platform, "large") is JobState.RUNNING)
    assert state(platform, "late") is JobState.PENDING


def test_a_waiting_job_that_is_cancelled_never_starts(machine: Machine) -> None:
    platform = machine.open()
    platform.create_job(spec("j1", gpus=2))
    platform.create_job(spec("j2", gpus=1))
    platform.cancel_job("j2")
    cancelled = platform.get_job_status(["j2"])["j2"]
    assert (cancelled.state, cancelled.detail) == (JobState.CANCELLED, "cancelled before it started")
    machine.let_go("j1")
    until(lambda: state(machine.open(), "j1") is JobState.SUCCEEDED)
    assert state(platform, "j2") is JobState.CANCELLED
    assert not (machine.root / "j2" / "logs").exists()


def test_more_than_there_are_is_refused(machine: Machine) -> None:
    with pytest.raises(PlatformRejected, match=r"gpus <= 2 must hold .* got gpus=3"):
        machine.open().create_job(spec("j", gpus=3))
    with pytest.raises(PlatformRejected, match=r"nvidia-smi is not installed.*(?s:.*)ask for 0 GPUs"):
        LocalPlatform(machine.root, gpu_lister=lambda: list_gpus("no/nvidia-smi")).create_job(spec("j"))
    with pytest.raises(PlatformRejected, match="gpus >= 0"):
        machine.open().create_job(spec("j", gpus=-1))


def test_a_job_without_gpus_sees_none(machine: Machine) -> None:
    platform = machine.open()
    platform.create_job(spec("j", gpus=0, script='echo "[$CUDA_VISIBLE_DEVICES]"'))
    assert machine.devices("j") == "[]"
    until(lambda: state(platform, "j") is JobState.SUCCEEDED)


def test_gpus_can_be_named(tmp_path: Path) -> None:
    platform = LocalPlatform(tmp_path / "jobs", gpus=["1"], gpu_locks=tmp_path / "locks")
    platform.create_job(spec("j", script='echo "$CUDA_VISIBLE_DEVICES"'))
    until(lambda: state(platform, "j") is JobState.SUCCEEDED)
    assert platform.get_job_logs("j").lines == ("1",)


def test_a_secret_that_is_gone_when_the_job_can_start_is_said(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = {**os.environ, "A_TOKEN": "value"}
    platform = LocalPlatform(
        machine.root, gpu_lister=lambda: list_gpus(machine.program), gpu_locks=machine.locks, environ=environ
    )
    machine.opened.append(platform)
    platform.create_job(spec("j1", gpus=2))
    platform.create_job(JobSpec(key="j2", command=("true",), gpus=1, secrets=("A_TOKEN",)))
    del environ["A_TOKEN"]
    machine.let_go("j1")
    until(lambda: state(platform, "j2") is JobState.FAILED)
    assert "A_TOKEN is not set" in platform.get_job_status(["j2"])["j2"].detail
    assert platform.get_failure_analysis("j2").failure_class.value == "credential"


def test_the_preflight_tells_what_is_free(machine: Machine) -> None:
    platform = machine.open()
    platform.create_job(spec("j1", gpus=1))
    found = {check.id: check for check in platform.check()}["local.gpus"]
    assert (found.status, found.evidence) == ("ok", "1 of 2 GPUs free (NVIDIA H100 80GB HBM3)")
    hung = LocalPlatform(machine.root, gpu_lister=_hang)
    assert {check.id: check.status for check in hung.check()}["local.gpus"] == "unknown"


def _hang() -> GpuList:
    raise PlatformUnavailable("nvidia-smi did not answer", "is the driver hung?")
