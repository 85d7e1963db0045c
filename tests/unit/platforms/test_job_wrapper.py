"""The script around every job, under every small shell that this machine has."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tao_automl.domain.job import JobSpec, JobState
from tao_automl.platforms.wrapper import status_from_record, wrapper_settings, wrapper_text

_POSIX_SHELLS = {os.path.realpath(found): (name,) for name in ("sh", "dash") if (found := shutil.which(name))}
SHELLS = [*_POSIX_SHELLS.values(), ("busybox", "ash"), ("bash", "--posix")]
PATIENCE = 15.0


class Wrapped:
    """Wrappers in one job folder."""

    def __init__(self, shell: Sequence[str], folder: Path) -> None:
        self.shell, self.folder = shell, folder
        self.script = folder.parent / "wrapper.sh"
        self.script.write_text(wrapper_text())

    def start(self, *command: str, **variables: str) -> "subprocess.Popen[str]":
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("TAO_", "SLURM_"))}
        return subprocess.Popen(
            [*self.shell, str(self.script), *command],
            cwd=self.folder,
            env=environ | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *command: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        process = self.start(*command, **variables)
        out, err = process.communicate(timeout=PATIENCE)
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def record(self, name: str = "exit.json") -> dict[str, Any]:
        data = json.loads((self.folder / name).read_text())
        assert isinstance(data, dict)
        return data

    def log(self) -> str:
        return (self.folder / "logs/job.log").read_text()


@pytest.fixture(params=SHELLS, ids=" ".join)
def wrapped(request: pytest.FixtureRequest, tmp_path: Path) -> Wrapped:
    if shutil.which(request.param[0]) is None:
        pytest.skip(f"no {request.param[0]} on this machine")
    (tmp_path / "job").mkdir()
    return Wrapped(request.param, tmp_path / "job")


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.01)


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_it_runs_a_command_logs_it_and_records_the_end(wrapped: Wrapped) -> None:
    before = time.time()
    done = wrapped.run("sh", "-c", "for i in 1 2 3; do echo out $i; echo err $i >&2; done; exit 3")
    lines = "".join(f"out {i}\nerr {i}\n" for i in (1, 2, 3))
    assert done.returncode == 3
    assert wrapped.log() == lines
    assert done.stdout == lines
    record = wrapped.record()
    assert {name: record[name] for name in ("reason", "exit_code", "signal", "upload")} == {
        "reason": "exited",
        "exit_code": 3,
        "signal": None,
        "upload": None,
    }
    assert int(before) <= record["started_at"] <= record["ended_at"] <= time.time()
    assert sorted(path.name for path in wrapped.folder.iterdir()) == ["claim", "exit.json", "logs"]
    assert sorted(path.name for path in (wrapped.folder / "claim").iterdir()) == ["group.json", "process.json"]


def test_a_duplicate_leaves_at_once_and_touches_nothing(wrapped: Wrapped) -> None:
    (wrapped.folder / "claim").mkdir()
    assert wrapped.run("sh", "-c", "echo again > ran").returncode == 0
    assert [path.name for path in wrapped.folder.iterdir()] == ["claim"]


def test_of_many_at_once_one_runs(wrapped: Wrapped) -> None:
    started = [wrapped.start("sh", "-c", "echo ran >> runs; sleep 0.2; exit 5") for _ in range(5)]
    for process in started:
        process.communicate(timeout=PATIENCE)
    assert sorted(process.returncode for process in started) == [0, 0, 0, 0, 5]
    assert (wrapped.folder / "runs").read_text() == "ran\n"


def test_a_folder_that_cannot_be_claimed_is_an_error(wrapped: Wrapped) -> None:
    (wrapped.folder / "claim").write_text("a file is in the way")
    done = wrapped.run("true")
    assert done.returncode == 1
    assert "cannot write" in done.stderr


@pytest.mark.parametrize("arguments", [("$(touch pwned)", "`touch pwned`"), ("; touch pwned", "a\nb", "-e", "--", "")])
def test_no_argument_is_evaluated(wrapped: Wrapped, arguments: tuple[str, ...]) -> None:
    wrapped.run("printf", "<%s>", *arguments)
    assert wrapped.log() == "".join(f"<{text}>" for text in arguments)
    assert not (wrapped.folder / "pwned").exists()


def test_a_name_of_a_function_of_the_script_is_only_a_name(wrapped: Wrapped) -> None:
    assert wrapped.run("finish").returncode == 127
    assert wrapped.record()["exit_code"] == 127


def test_rendezvous_has_defaults(wrapped: Wrapped) -> None:
    wrapped.run("sh", "-c", "echo $MASTER_ADDR $MASTER_PORT $NNODES $NODE_RANK $NPROC_PER_NODE")
    assert wrapped.log() == "127.0.0.1 29500 1 0 1\n"


def test_rendezvous_of_the_platform_stands_and_a_rank_has_its_own_records(wrapped: Wrapped) -> None:
    given = {"MASTER_ADDR": "n1", "MASTER_PORT": "7", "NNODES": "2", "NODE_RANK": "1", "NPROC_PER_NODE": "8"}
    wrapped.run("sh", "-c", "echo $MASTER_ADDR $MASTER_PORT $NNODES $NODE_RANK $NPROC_PER_NODE", **given)
    assert (wrapped.folder / "logs/job.1.log").read_text() == "n1 7 2 1 8\n"
    assert wrapped.record("exit.1.json")["exit_code"] == 0
    assert wrapped.run("sh", "-c", "exit 4").returncode == 4  # rank 0 has its own claim
    assert wrapped.run("true", NODE_RANK="../1").returncode == 1


def test_slurm_and_indexed_jobs_give_the_rank(wrapped: Wrapped) -> None:
    wrapped.run("sh", "-c", "echo $NODE_RANK $NNODES", SLURM_NODEID="2", SLURM_NNODES="3")
    wrapped.run("sh", "-c", "echo $NODE_RANK", JOB_COMPLETION_INDEX="5")
    assert (wrapped.folder / "logs/job.2.log").read_text() == "2 3\n"
    assert (wrapped.folder / "logs/job.5.log").read_text() == "5\n"


def test_the_folder_can_be_named(wrapped: Wrapped) -> None:
    other = wrapped.folder.parent / "-other one"
    other.mkdir()
    wrapped.run("sh", "-c", "pwd", TAO_JOB_DIR=str(other))
    assert (other / "logs/job.log").read_text() == f"{other}\n"


def test_a_signal_that_kills_the_command_is_named(wrapped: Wrapped) -> None:
    assert wrapped.run("sh", "-c", "kill -s SEGV $$").returncode == 139
    assert wrapped.record()["signal"] == "SEGV"
    assert wrapped.record()["reason"] == "exited"


def test_term_reaches_all_of_the_job_and_kill_follows(wrapped: Wrapped) -> None:
    script = "trap '' TERM; sleep 80 & echo $! $$ > pids; sleep 81"
    process = wrapped.start("sh", "-c", script, TAO_JOB_GRACE="1")
    until(lambda: (wrapped.folder / "pids").exists() and (wrapped.folder / "pids").read_text().endswith("\n"))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 143
    assert (wrapped.record()["reason"], wrapped.record()["signal"]) == ("terminated", "KILL")
    assert not any(runs(int(pid)) for pid in (wrapped.folder / "pids").read_text().split())


def test_a_job_may_end_by_itself_after_term(wrapped: Wrapped) -> None:
    process = wrapped.start("sh", "-c", "trap 'echo saved; exit 0' TERM; echo ready; while :; do sleep 0.05; done")
    until(lambda: (wrapped.folder / "logs/job.log").exists() and wrapped.log() == "ready\n")
    (wrapped.folder / "cancel").touch()
    begin = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE)
    assert time.monotonic() - begin < 5  # less than the grace period
    assert wrapped.log().endswith("saved\n")
    assert (wrapped.record()["reason"], wrapped.record()["exit_code"]) == ("cancelled", 0)


def test_a_job_cancelled_before_it_began_does_not_begin(wrapped: Wrapped) -> None:
    (wrapped.folder / "cancel").touch()
    assert wrapped.run("sh", "-c", "echo > ran").returncode == 143
    assert wrapped.record()["reason"] == "cancelled"
    assert not (wrapped.folder / "ran").exists()


def test_a_job_that_was_given_up_does_not_begin(wrapped: Wrapped) -> None:
    (wrapped.folder / "exit.json").write_text("given up")
    assert wrapped.run("sh", "-c", "echo > ran").returncode == 0
    assert (wrapped.folder / "exit.json").read_text() == "given up"
    assert not (wrapped.folder / "ran").exists()


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finding escaped processes needs /proc")
def test_processes_that_left_the_group_end_too(wrapped: Wrapped) -> None:
    wrapped.run(
        "sh", "-c", "setsid sleep 82 & echo $! > a; timeout 83 sleep 84 & echo $! > b; exit 0", TAO_JOB_GRACE="1"
    )
    assert wrapped.record()["exit_code"] == 0
    assert not any(runs(int((wrapped.folder / name).read_text())) for name in "ab")


def test_the_time_limit_holds(wrapped: Wrapped) -> None:
    done = wrapped.run("sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.05; done", TAO_JOB_TIME_LIMIT="1")
    assert done.returncode == 124
    assert wrapped.record()["reason"] == "timeout"


def test_a_limit_that_is_not_reached_costs_no_time(wrapped: Wrapped) -> None:
    begin = time.monotonic()
    assert wrapped.run("true", TAO_JOB_TIME_LIMIT="60").returncode == 0
    assert time.monotonic() - begin < 5


@pytest.mark.parametrize(
    ("command", "upload", "code"), [("exit 0", 0, 0), ("exit 3", 0, 3), ("exit 0", 9, 74), ("exit 3", 9, 3)]
)
def test_results_are_uploaded_whatever_became_of_the_job(
    wrapped: Wrapped, command: str, upload: int, code: int
) -> None:
    script = wrapped.folder.parent / "upload.sh"
    script.write_text(f"echo uploading; pwd > uploaded; [ ! -e exit.json ] || echo too late; exit {upload}\n")
    assert wrapped.run("sh", "-c", f"echo out; {command}", TAO_JOB_UPLOAD=str(script)).returncode == code
    assert wrapped.log() == "out\nuploading\n"
    assert (wrapped.folder / "uploaded").read_text() == f"{wrapped.folder}\n"
    assert wrapped.record()["upload"] == upload


def test_the_environment_is_inherited_and_not_written(wrapped: Wrapped) -> None:
    wrapped.run("sh", "-c", 'printf %s "${#CANARY}"', CANARY="canary-value")
    assert wrapped.log() == "12"
    written = [path.read_text() for path in wrapped.folder.rglob("*") if path.is_file()]
    assert not any("canary-value" in text for text in written)


def test_the_out_of_memory_killer_is_told_from_others(wrapped: Wrapped, tmp_path: Path) -> None:
    if "busybox" in wrapped.shell:
        pytest.skip("busybox may not look for sed on the path")
    shim = tmp_path / "bin" / "sed"  # the kernel's counter of out-of-memory kills goes up by one at each look
    shim.parent.mkdir()
    real = shutil.which("sed")
    count = f"echo x >> {tmp_path}/looks; wc -l < {tmp_path}/looks"
    shim.write_text(f'#!/bin/sh\ncase "$*" in *vmstat*) {count} ;; *) exec {real} "$@" ;; esac\n')
    shim.chmod(0o755)
    wrapped.run("sh", "-c", "kill -s KILL $$", PATH=f"{shim.parent}{os.pathsep}{os.environ['PATH']}")
    status = status_from_record((wrapped.folder / "exit.json").read_text())
    assert (status.state, status.exit_code) == (JobState.FAILED, 137)
    assert status.detail == "killed by the out-of-memory killer (signal KILL)"


def test_without_a_fifo_in_the_folder_the_log_is_kept_all_the_same(wrapped: Wrapped, tmp_path: Path) -> None:
    shim = tmp_path / "bin" / "mkfifo"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\ncase "$*" in *claim*) exit 1 ;; *) exec {shutil.which("mkfifo")} "$@" ;; esac\n')
    shim.chmod(0o755)
    path = f"{shim.parent}{os.pathsep}{os.environ['PATH']}"
    wrapped.run("echo", "kept", PATH=path, TMPDIR=str(tmp_path))
    assert wrapped.log() == "kept\n"
    assert list(tmp_path.glob("tao-job.*")) == []


@pytest.mark.parametrize(
    ("record", "state", "detail"),
    [
        ({"reason": "exited", "exit_code": 0, "upload": None}, JobState.SUCCEEDED, "exit code 0"),
        ({"reason": "exited", "exit_code": 0, "upload": 0}, JobState.SUCCEEDED, "exit code 0"),
        (
            {"reason": "exited", "exit_code": 0, "upload": 9},
            JobState.FAILED,
            "the upload of the results failed with exit code 9",
        ),
        ({"reason": "exited", "exit_code": 2}, JobState.FAILED, "exit code 2"),
        ({"reason": "exited", "exit_code": 139, "signal": "SEGV"}, JobState.FAILED, "killed by signal SEGV"),
        (
            {"reason": "oom", "exit_code": 137, "signal": "KILL"},
            JobState.FAILED,
            "killed by the out-of-memory killer (signal KILL)",
        ),
        ({"reason": "timeout", "exit_code": 0}, JobState.FAILED, "time limit reached"),
        ({"reason": "terminated", "exit_code": 0}, JobState.FAILED, "ended from outside by signal TERM"),
        ({"reason": "cancelled", "exit_code": 0}, JobState.CANCELLED, "cancelled"),
        ({"reason": "rejected", "detail": "not started: why"}, JobState.FAILED, "not started: why"),
        ({"reason": "lost"}, JobState.LOST, "the job's processes vanished without a record of how they ended"),
        ({"exit_code": 0}, JobState.LOST, "the record of how the job ended cannot be read"),
    ],
)
def test_what_a_record_says(record: dict[str, object], state: JobState, detail: str) -> None:
    status = status_from_record(json.dumps(record))
    assert (status.state, status.detail, status.exit_code) == (
        state,
        detail,
        record.get("exit_code") if "reason" in record else None,
    )


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3"])
def test_a_broken_record_is_no_success(text: str) -> None:
    assert status_from_record(text).state is JobState.LOST


def test_settings_are_whole_seconds() -> None:
    spec = JobSpec(key="k", command=("true",), time_limit=0.2)
    assert wrapper_settings(spec, folder="/jobs/k", grace_seconds=0.1) == {
        "TAO_JOB_DIR": "/jobs/k",
        "TAO_JOB_GRACE": "1",
        "TAO_JOB_TIME_LIMIT": "1",
    }
