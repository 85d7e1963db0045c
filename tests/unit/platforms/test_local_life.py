"""The local platform when things go wrong: crashes at any point, vanished processes, full disks."""

import contextlib
import errno
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tao_automl.domain.job import FailureClass, JobSpec, JobState, JobStatus
from tao_automl.errors import PlatformError, PlatformRejected, PlatformUnavailable
from tao_automl.platforms import job_folder, local_launcher, local_processes
from tao_automl.platforms.job_folder import JobFolder
from tao_automl.platforms.local import LocalPlatform
from tao_automl.platforms.local_launcher import start_detached
from tao_automl.platforms.local_processes import identities, wrapper_of
from tao_automl.platforms.wrapper import GROUP

PATIENCE = 15.0
SLEEP = ("sh", "-c", "echo ready; sleep 97")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "jobs"


def open_platform(root: Path, **settings: object) -> LocalPlatform:
    return LocalPlatform(root, grace_seconds=1, gpus=(), **settings)  # type: ignore[arg-type]  # of the constructor


def status_of(platform: LocalPlatform, key: str) -> JobStatus:
    return platform.get_job_status([key])[key]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.01)


def ended(platform: LocalPlatform, key: str) -> JobStatus:
    until(lambda: status_of(platform, key).state.ended)
    return status_of(platform, key)


def running(platform: LocalPlatform, key: str, command: tuple[str, ...] = SLEEP) -> int:
    """Starts a job; the pid of its wrapper."""
    platform.create_job(JobSpec(key=key, command=command))
    until(lambda: platform.get_job_logs(key).lines == ("ready",) and (platform._root / key / GROUP).exists())
    assert status_of(platform, key).state is JobState.RUNNING
    wrapper = wrapper_of(platform._root / key)
    assert wrapper is not None
    return wrapper.pid


def alive_below(root: Path) -> list[int]:
    """Processes that work in a job folder."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.readlink(entry / "cwd").startswith(str(root)):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def later_process() -> "subprocess.Popen[bytes]":
    """A process group that did not start in the same tick of the kernel's clock as anything before it."""
    time.sleep(0.03)
    return subprocess.Popen(["sleep", "60"], start_new_session=True)


# Crashes


class Crash(BaseException):
    """The runner dies here."""


@pytest.mark.parametrize("steps", range(9))
def test_a_crash_at_any_step_of_creating_leads_to_one_run(
    root: Path, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = JobSpec(
        key="j",
        command=("sh", "-c", "cat spec.yaml code/f; echo ran >> results/runs"),
        files={"spec.yaml": "a: 1\n", "more/x": ""},
        code=str(root.parent / "code"),
    )
    (root.parent / "code").mkdir()
    (root.parent / "code" / "f").write_text("code\n")
    left = [steps]
    with monkeypatch.context() as patch:
        _burn_fuse(patch, left)
        with contextlib.suppress(Crash):
            open_platform(root).create_job(spec)
    platform = open_platform(root)
    assert platform.create_job(spec) == "j"
    assert ended(platform, "j").state is JobState.SUCCEEDED
    assert platform.get_job_logs("j").lines == ("a: 1", "code")
    assert (root / "j/results/runs").read_text() == "ran\n"
    assert list((root / "j").glob(".*")) == []


def _burn_fuse(patch: pytest.MonkeyPatch, left: list[int]) -> None:
    """Dies before the effect number `left`, of those that creating a job has, or after the last one."""

    def burn() -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Crash

    def fused(effect: Callable[..., None]) -> Callable[..., None]:
        def run(*arguments: object) -> None:
            burn()
            effect(*arguments)

        return run

    def start(*arguments: object) -> None:
        fused(start_detached)(*arguments)
        burn()

    patch.setattr(job_folder, "write_atomically", fused(job_folder.write_atomically))
    patch.setattr(job_folder, "_link_atomically", fused(job_folder._link_atomically))
    patch.setattr(local_launcher, "start_detached", start)


def test_a_job_prepared_by_a_runner_that_died_is_started_by_looking(root: Path) -> None:
    JobFolder(root / "j").prepare(JobSpec(key="j", command=("true",)), time.time())
    assert ended(open_platform(root), "j").state is JobState.SUCCEEDED


def test_a_job_is_out_of_reach_of_the_runner_s_terminal(root: Path) -> None:
    platform = open_platform(root)
    pid = running(platform, "j")
    assert os.getsid(pid) != os.getsid(0)
    assert int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) != os.getpid()
    platform.cancel_job("j")
    assert ended(platform, "j").state is JobState.CANCELLED


def test_half_a_job_is_no_job(root: Path) -> None:
    (root / "j").mkdir(parents=True)
    assert status_of(open_platform(root), "j").state is JobState.LOST
    open_platform(root).cancel_job("j")
    assert list((root / "j").iterdir()) == []


def test_a_wrapper_that_never_comes_is_given_up_for_good(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [time.time()]
    platform = open_platform(root, clock=lambda: now[0])
    monkeypatch.setattr(local_launcher, "start_detached", lambda *_: None)
    platform.create_job(JobSpec(key="j", command=("sh", "-c", "echo > ran")))
    assert status_of(platform, "j") == JobStatus(state=JobState.PENDING, detail="starting")
    now[0] += 61
    assert status_of(platform, "j").state is JobState.LOST
    assert "did not start within 60 s" in status_of(platform, "j").detail
    start_detached(["sh", "-c", "echo > ran"], root / "j", dict(os.environ))  # it comes after all
    time.sleep(0.2)
    assert not (root / "j/ran").exists()
    assert status_of(open_platform(root), "j").state is JobState.LOST


def test_a_wrapper_that_claimed_and_died_is_given_up(root: Path) -> None:
    now = [time.time()]
    JobFolder(root / "j").prepare(JobSpec(key="j", command=("true",)), now[0])
    (root / "j/claim").mkdir()
    platform = open_platform(root, clock=lambda: now[0])
    assert status_of(platform, "j").state is JobState.PENDING
    now[0] += 61
    assert status_of(platform, "j").state is JobState.LOST


# Vanished and stubborn processes


def test_a_vanished_wrapper_is_lost_and_its_job_is_killed(root: Path) -> None:
    platform = open_platform(root)
    pid = running(platform, "j", ("sh", "-c", "sleep 98 & setsid sleep 99 & echo ready; sleep 97"))
    os.kill(pid, signal.SIGKILL)
    lost = ended(platform, "j")
    assert lost.state is JobState.LOST
    assert lost.started_at is not None
    until(lambda: alive_below(root) == [])
    analysis = platform.get_failure_analysis("j")
    assert (analysis.failure_class, analysis.retriable) == (FailureClass.INFRASTRUCTURE, True)
    assert status_of(open_platform(root), "j") == lost  # others read the same


def test_a_process_with_the_same_number_is_not_the_wrapper(root: Path) -> None:
    platform = open_platform(root)
    os.kill(running(platform, "j"), signal.SIGKILL)
    process = root / "j/claim/process.json"
    bystander = later_process()
    try:
        process.write_text(json.dumps({**json.loads(process.read_text()), "pid": bystander.pid}))
        fresh = open_platform(root)
        fresh.cancel_job("j")
        assert status_of(fresh, "j").state is JobState.CANCELLED
        until(lambda: alive_below(root) == [])
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_group_with_the_same_number_is_left_alone(root: Path) -> None:
    platform = open_platform(root)
    pid = running(platform, "j")
    group = json.loads((root / "j/claim/group.json").read_text())
    bystander = later_process()
    try:
        os.kill(pid, signal.SIGKILL)
        (root / "j/claim/group.json").write_text(json.dumps({"pid": bystander.pid, "identity": group["identity"]}))
        assert ended(platform, "j").state is JobState.LOST
        until(lambda: alive_below(root) == [])
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_job_that_cleared_its_environment_is_found_by_its_group(root: Path) -> None:
    platform = open_platform(root)
    pid = running(platform, "j", ("env", "-i", "sh", "-c", "echo ready; sleep 97"))
    os.kill(pid, signal.SIGKILL)
    assert ended(platform, "j").state is JobState.LOST
    until(lambda: alive_below(root) == [])


def test_a_stopped_wrapper_cannot_keep_a_job_from_ending(root: Path) -> None:
    now = [time.time()]
    platform = open_platform(root, clock=lambda: now[0])
    pid = running(platform, "j")
    os.kill(pid, signal.SIGSTOP)
    platform.cancel_job("j")
    assert status_of(platform, "j").state is JobState.RUNNING
    now[0] += 12
    assert ended(platform, "j").state is JobState.CANCELLED
    until(lambda: alive_below(root) == [])


def test_a_job_ended_from_outside_is_told_from_a_cancelled_one(root: Path) -> None:
    platform = open_platform(root)
    os.kill(running(platform, "j"), signal.SIGTERM)
    found = ended(platform, "j")
    assert (found.state, found.detail) == (JobState.FAILED, "ended from outside by signal TERM")
    assert platform.get_failure_analysis("j").retriable


def test_a_kill_by_force_is_named(root: Path) -> None:
    platform = open_platform(root)
    platform.create_job(JobSpec(key="j", command=("sh", "-c", "kill -s KILL $$")))
    found = ended(platform, "j")
    assert (found.state, found.exit_code, found.detail) == (JobState.FAILED, 137, "killed by signal KILL")
    assert platform.get_failure_analysis("j").failure_class is FailureClass.RESOURCES


def test_a_broken_record_is_lost(root: Path) -> None:
    platform = open_platform(root)
    JobFolder(root / "j").prepare(JobSpec(key="j", command=("true",)), time.time())
    (root / "j/exit.json").write_text("{")
    assert status_of(platform, "j").state is JobState.LOST


def test_without_proc_ps_tells_who_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    zombie = subprocess.Popen(["true"])
    time.sleep(0.1)
    monkeypatch.setattr(local_processes, "_HAS_PROC", False)
    found = identities([os.getpid(), zombie.pid, 4_000_000])
    zombie.wait()
    shown = subprocess.run(["ps", "-o", "lstart=", "-p", str(os.getpid())], capture_output=True, text=True, check=True)
    assert found == {os.getpid(): shown.stdout.strip()}
    assert identities([]) == {}


# Many jobs


def test_looking_at_many_jobs_starts_no_process_and_reads_ended_ones_once(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    me = identities([os.getpid()])[os.getpid()]
    keys = [f"j{i}" for i in range(200)]
    for number, key in enumerate(keys):
        folder = JobFolder(root / key)
        folder.prepare(JobSpec(key=key, command=("true",)), 0.0)
        folder.claim()
        if number % 2:
            folder.close("cancelled", ended_at=1.0)
        else:
            record = {"pid": os.getpid(), "identity": me, "started_at": 5.0}
            (root / key / "claim/process.json").write_text(json.dumps(record))
    platform = open_platform(root)
    monkeypatch.setattr(subprocess, "Popen", None)
    states = [status.state for status in platform.get_job_status(keys).values()]
    assert states == [JobState.RUNNING, JobState.CANCELLED] * 100
    for key in keys[1::2]:
        (root / key / "exit.json").unlink()
    assert [status.state for status in platform.get_job_status(keys).values()] == states


# Refusals and full disks


@pytest.mark.parametrize("key", ["", ".", "..", "../x", "a/b", ".hidden", "-x", "a b", "a\n", "x" * 129, "é"])
def test_keys_that_are_no_folder_names_are_refused(root: Path, key: str) -> None:
    with pytest.raises(PlatformRejected, match="key must be"):
        open_platform(root).create_job(JobSpec(key=key, command=("true",)))
    assert not root.exists()


@pytest.mark.parametrize(
    ("fields", "law"),
    [
        ({"command": ()}, "must begin with the name of a program"),
        ({"command": ("-rf",)}, "must begin with the name of a program"),
        ({"command": ("echo", "a\0b")}, "NUL"),
        ({"image": "python:3.11"}, "native code"),
        ({"nodes": 2}, "one node"),
        ({"time_limit": 0.0}, "time limit > 0"),
        ({"time_limit": float("nan")}, "time limit > 0"),
        ({"files": {"../x": ""}}, "inside its folder"),
        ({"files": {"/x": ""}}, "inside its folder"),
        ({"files": {"exit.json": ""}}, "inside its folder"),
        ({"files": {"claim/x": ""}}, "inside its folder"),
        ({"code": "/no/such/folder"}, "code must be a folder"),
        ({"resume_from": "../x"}, "key must be"),
        ({"resume_from": "nobody"}, "must have a folder"),
        ({"inputs": {"dataset.train_path": "/no/such/file.csv"}}, "dataset.train_path: a path that can be read"),
        ({"env": {"A B": "x"}}, "name of an environment variable"),
        ({"env": {"A": "x\0"}}, "NUL"),
        ({"secrets": ("NOBODY_SET_THIS",)}, "NOBODY_SET_THIS is not set"),
    ],
)
def test_what_can_never_run_is_refused(root: Path, fields: dict[str, object], law: str) -> None:
    spec = JobSpec(**{"key": "j", "command": ("true",), **fields})  # type: ignore[arg-type]  # of JobSpec
    with pytest.raises(PlatformRejected, match=law):
        open_platform(root).create_job(spec)
    assert not root.exists()


def test_inputs_elsewhere_are_not_this_platform_s_to_judge(root: Path) -> None:
    inputs = {"a": "s3://bucket/x", "b": "../other/results/last.ckpt"}
    platform = open_platform(root)
    platform.create_job(JobSpec(key="j", command=("true",), inputs=inputs))
    assert ended(platform, "j").state is JobState.SUCCEEDED


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.EROFS, PlatformRejected),
        (errno.EACCES, PlatformRejected),
        (errno.ENOSPC, PlatformUnavailable),
        (errno.EDQUOT, PlatformUnavailable),
        (errno.EIO, PlatformUnavailable),
    ],
)
def test_what_a_disk_says_is_translated(
    root: Path, number: int, kind: type[PlatformError], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number), str(root))

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail)
        with pytest.raises(kind, match=r"(?s)job j: .*" + os.strerror(number)):
            open_platform(root).create_job(JobSpec(key="j", command=("true",)))
    platform = open_platform(root)
    platform.create_job(JobSpec(key="j", command=("true",)))
    assert ended(platform, "j").state is JobState.SUCCEEDED


@pytest.mark.parametrize(("number", "kind"), [(errno.EAGAIN, PlatformUnavailable), (errno.E2BIG, PlatformRejected)])
def test_a_process_that_cannot_be_started(
    root: Path, number: int, kind: type[PlatformError], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    platform = open_platform(root)
    spec = JobSpec(key="j", command=("true",))
    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", fail)
        with pytest.raises(kind):
            platform.create_job(spec)
    if kind is PlatformUnavailable:
        assert platform.create_job(spec) == "j"
        assert ended(platform, "j").state is JobState.SUCCEEDED
    else:
        assert (status_of(platform, "j").state, status_of(platform, "j").exit_code) == (JobState.FAILED, None)


def test_a_workspace_that_cannot_be_read_says_nothing_of_the_jobs(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    platform = open_platform(root)
    platform.create_job(JobSpec(key="j", command=("true",)))

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(Path, "read_text", fail)
    with pytest.raises(PlatformUnavailable, match="Stale"):
        platform.get_job_status(["j"])


# What is given, what is left


def test_outputs_stay_in_the_results_folder(root: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_text("x")
    folder = JobFolder(root / "j")
    folder.prepare(JobSpec(key="j", command=("true",)), 0.0)
    (folder.results / "epoch_2.ckpt").write_text("weights")
    (folder.results / "latest.ckpt").symlink_to("epoch_2.ckpt")
    (folder.results / "link").symlink_to(tmp_path / "outside/secret")
    (folder.results / "dir").symlink_to(tmp_path / "outside")
    (folder.results / "gone").symlink_to("nowhere")
    (folder.results / "loop").symlink_to(".")
    os.mkfifo(folder.results / "pipe")
    assert [(file.path, file.size) for file in folder.outputs().files] == [("epoch_2.ckpt", 7), ("latest.ckpt", 7)]
    assert len(folder.outputs(limit=1).files) == 1
    for path in folder.results.iterdir():
        path.unlink()
    folder.results.rmdir()
    assert folder.outputs().files == ()
    folder.results.symlink_to(tmp_path / "outside")
    assert folder.outputs().files == ()


def test_python_is_the_interpreter_of_the_platform(root: Path, tmp_path: Path) -> None:
    interpreter = tmp_path / "bin" / "python3.99"
    interpreter.parent.mkdir()
    interpreter.write_text('#!/bin/sh\necho "interpreted $1"; command -v tool\n')
    (interpreter.parent / "tool").write_text("#!/bin/sh\n")
    for path in interpreter.parent.iterdir():
        path.chmod(0o755)
    platform = open_platform(root, python=str(interpreter))
    platform.create_job(JobSpec(key="j", command=("python", "train.py")))
    assert ended(platform, "j").state is JobState.SUCCEEDED
    assert platform.get_job_logs("j").lines == ("interpreted train.py", str(interpreter.parent / "tool"))


def test_the_record_of_a_job_is_enough_to_start_it(root: Path) -> None:
    spec = JobSpec(
        key="j",
        command=("python", "-c", "1"),
        env={"A": "b"},
        secrets=("HOME",),
        inputs={"x": "s3://y"},
        gpus=2,
        time_limit=3.5,
    )
    folder = JobFolder(root / "j")
    folder.prepare(spec, 1.0)
    assert folder.spec() == spec


def test_a_preflight_changes_nothing_and_says_what_to_do(root: Path, tmp_path: Path) -> None:
    good = {check.id: check for check in open_platform(root).check()}
    assert set(good) == {f"local.{name}" for name in ("workspace", "disk", "python", "tools", "slots", "gpus")}
    assert {check.status for check in good.values()} == {"ok"}
    assert not root.exists()
    (tmp_path / "file").write_text("")
    bad = {check.id: check for check in open_platform(tmp_path / "file", python="no/python").check()}
    assert (bad["local.workspace"].status, bad["local.python"].status) == ("failed", "failed")
    assert bad["local.python"].remedy


def test_capacity_is_slots_without_gpus(root: Path) -> None:
    assert open_platform(root, slots=5).capacity(0) == 5
    assert open_platform(root, slots=5).capacity(1) == 0
    assert (open_platform(root).capacity(0) or 0) >= 1
