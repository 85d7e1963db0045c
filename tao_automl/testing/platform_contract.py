"""The contract of platforms, as tests. A platform passes them on the real thing, or the runner cannot rely on it.

Subclass `PlatformContract` in a test module and override the fixture `open_platform`; also `make_spec` if jobs need an
image, and the attributes of `PlatformProbe` where the platform is slower than a process on this machine::

    class TestMyPlatform(PlatformContract):
        patience = 120.0

        @pytest.fixture
        def open_platform(self, tmp_path):
            return lambda: MyPlatform(tmp_path, grace_seconds=1)

        @pytest.fixture
        def make_spec(self):
            return lambda *command, **fields: fresh_spec(*command, image="busybox:1", **fields)

Jobs need a POSIX `sh` with the usual small programs, and nothing else. Tests that look into processes do so on this
machine, where `/proc` is; for a platform that runs jobs elsewhere, override `processes_with`.
"""

import binascii
import os
import re
import signal
import subprocess
import threading
import time
import uuid
import warnings
from pathlib import Path

import pytest

from tao_automl.domain.job import FailureClass, JobState
from tao_automl.domain.ports import PlatformSDK
from tao_automl.errors import PlatformRejected
from tao_automl.testing.platform_probe import (
    POLL_SECONDS,
    MakeSpec,
    OpenPlatform,
    PlatformProbe,
    Submit,
    fresh_spec,
    shell,
)

__all__ = ["MakeSpec", "OpenPlatform", "PlatformContract", "Submit", "fresh_spec", "shell"]

NASTY = (
    "a b",
    "'",
    '"',
    "$(touch pwned)",
    "`touch pwned`",
    "; touch pwned",
    "a\nb",
    "-rf",
    "--",
    "\\n",
    "*",
    "é\u4f60\u597d",
    "",
)
_MARK = "CONTRACT_MARK"


class PlatformContract(PlatformProbe):
    """See the module."""

    # What a platform says of itself

    def test_it_tells_what_it_is(self, platform: PlatformSDK) -> None:
        assert re.fullmatch(r"[a-z][a-z0-9_-]*", platform.name)
        assert platform.poll_interval > 0
        capacity = platform.capacity(0)
        assert capacity is None or capacity >= 1

    def test_its_checks_have_stable_ids_and_say_what_to_do(self, platform: PlatformSDK) -> None:
        checks = platform.check()
        assert [check.id for check in checks] == [check.id for check in platform.check()]
        assert len({check.id for check in checks}) == len(checks) > 0
        for check in checks:
            assert check.id.startswith(f"{platform.name}.")
            assert check.status in ("ok", "failed", "unknown")
            assert check.evidence
            assert check.remedy or check.status != "failed"

    # One job

    def test_a_job_runs_once_to_its_end(self, platform: PlatformSDK, submit: Submit) -> None:
        before = time.time()
        handle = submit(*shell("echo begin; echo end"))
        assert self.run(platform, handle) == ["begin", "end"]
        status = self.wait(platform, handle)
        assert status.exit_code == 0
        assert status.started_at is not None
        assert status.ended_at is not None
        assert before - 2 < status.started_at <= status.ended_at < time.time() + 2

    def test_a_running_job_says_since_when(self, platform: PlatformSDK, submit: Submit) -> None:
        handle = submit("sleep", "60")
        status = self.wait(platform, handle, JobState.RUNNING)
        assert status.started_at is not None
        assert status.exit_code is None

    @pytest.mark.parametrize("code", [1, 3, 77])
    def test_an_exit_code_is_a_failure(self, platform: PlatformSDK, submit: Submit, code: int) -> None:
        status = self.wait(platform, submit(*shell(f"exit {code}")))
        assert (status.state, status.exit_code) == (JobState.FAILED, code)

    def test_a_command_that_is_not_there_is_a_failure(self, platform: PlatformSDK, submit: Submit) -> None:
        handle = submit("no-such-program-anywhere")
        assert self.wait(platform, handle).state is JobState.FAILED
        assert platform.get_failure_analysis(handle).failure_class is FailureClass.IMAGE

    def test_a_traceback_is_understood(self, platform: PlatformSDK, submit: Submit) -> None:
        text = "Traceback (most recent call last):\n  File 'train.py', line 1\nValueError: 3 channels, got 4\n"
        handle = submit(*shell('printf %s "$1" >&2; exit 1', text))
        self.wait(platform, handle, JobState.FAILED)
        analysis = platform.get_failure_analysis(handle)
        assert analysis.failure_class is FailureClass.MODEL_CODE
        assert analysis.evidence == "ValueError: 3 channels, got 4"
        assert analysis.advice
        assert not analysis.retriable

    def test_a_time_limit_ends_a_job(self, platform: PlatformSDK, submit: Submit) -> None:
        handle = submit("sleep", "120", time_limit=1.0)
        assert self.wait(platform, handle).state is JobState.FAILED
        assert platform.get_failure_analysis(handle).failure_class is FailureClass.RESOURCES

    # Knowing a job by its key

    def test_creating_a_key_again_is_the_same_job(
        self, platform: PlatformSDK, open_platform: OpenPlatform, make_spec: MakeSpec
    ) -> None:
        spec = make_spec(*shell("echo ran; echo ran >> results/runs"))
        handle = platform.create_job(spec)
        assert platform.create_job(spec) == handle
        assert open_platform().create_job(spec) == handle
        assert self.run(platform, handle) == ["ran"]
        assert open_platform().create_job(spec) == handle
        assert platform.get_job_status([handle])[handle].state is JobState.SUCCEEDED
        assert [file.size for file in platform.get_job_outputs(handle).files] == [4]

    def test_creating_a_key_twice_at_once_is_one_job(self, open_platform: OpenPlatform, make_spec: MakeSpec) -> None:
        spec = make_spec(*shell("echo ran >> results/runs; sleep 0.3"))
        platforms, barrier, handles = [open_platform(), open_platform()], threading.Barrier(2), []

        def create(platform: PlatformSDK) -> None:
            barrier.wait()
            handles.append(platform.create_job(spec))

        threads = [threading.Thread(target=create, args=[platform]) for platform in platforms]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(handles) == 2
        assert len(set(handles)) == 1
        self.run(platforms[0], handles[0])
        assert [file.size for file in platforms[1].get_job_outputs(handles[0]).files] == [4]

    def test_every_handle_is_answered(self, platform: PlatformSDK, submit: Submit) -> None:
        known = submit(*shell("exit 0"))
        self.wait(platform, known)
        unknown = [f"contract-{uuid.uuid4().hex[:12]}", "..", "../etc", "a/b", ""]
        answers = platform.get_job_status([known, *unknown])
        assert {handle: status.state for handle, status in answers.items()} == {
            known: JobState.SUCCEEDED,
            **dict.fromkeys(unknown, JobState.LOST),
        }
        assert platform.get_job_status([]) == {}
        assert platform.get_failure_analysis(unknown[0]).retriable

    def test_an_unknown_job_has_nothing(self, platform: PlatformSDK) -> None:
        for handle in (f"contract-{uuid.uuid4().hex[:12]}", "../etc"):
            platform.cancel_job(handle)
            assert platform.get_job_logs(handle, 7).lines == ()
            assert platform.get_job_outputs(handle).files == ()
            assert platform.get_job_file(handle, "status.json", 7).lines == ()

    def test_a_job_outlives_the_process_that_created_it(self, open_platform: OpenPlatform, make_spec: MakeSpec) -> None:
        spec = make_spec(*shell("sleep 0.5; echo survived"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a child of a process with threads: it makes one call, and dies
            child = os.fork()
        if child == 0:
            try:
                open_platform().create_job(spec)
            finally:
                os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(child, 0)
        platform = open_platform()
        assert self.run(platform, platform.create_job(spec)) == ["survived"]

    # Logs

    def test_log_lines_are_whole_and_none_is_lost(self, platform: PlatformSDK, submit: Submit) -> None:
        script = (
            "for i in 1 2 3 4 5 6 7 8 9; do printf 'step %s ' $i; sleep 0.03; echo 'é 你好 ✓'; echo err $i >&2; done"
        )
        handle = submit(*shell(script))
        lines: list[str] = []
        cursor, ended = 0, False
        while not ended:
            ended = platform.get_job_status([handle])[handle].state.ended
            more = True
            while more:
                chunk = platform.get_job_logs(handle, cursor)
                assert chunk.cursor >= cursor
                lines += chunk.lines
                cursor, more = chunk.cursor, chunk.more
            time.sleep(POLL_SECONDS)
        assert lines == [line for i in range(1, 10) for line in (f"step {i} é 你好 ✓", f"err {i}")]
        assert self.read_all(platform, handle) == lines
        assert platform.get_job_logs(handle, cursor).lines == ()

    def test_a_partial_line_waits_for_its_end(self, platform: PlatformSDK, submit: Submit) -> None:
        handle = submit(*shell("echo first; printf 'unfinished'; while [ ! -e go ]; do sleep 0.05; done"))
        assert self.wait_for_line(platform, handle, "first") == ["first"]
        folder = self.folder_of(platform, handle)
        if folder is not None:
            (folder / "go").touch()
            assert self.run(platform, handle) == ["first", "unfinished"]

    def test_an_answer_is_bounded(self, platform: PlatformSDK, submit: Submit) -> None:
        handle = submit(*shell("yes 0123456789abcdefghijklmnopqrstuvwxyz | head -n 100000"))
        self.wait(platform, handle)
        chunk = platform.get_job_logs(handle)
        assert chunk.more
        assert len(chunk.lines) < 100_000
        assert len(self.read_all(platform, handle)) == 100_000

    # Ending a job

    def test_cancel_leaves_nothing_alive(self, platform: PlatformSDK, submit: Submit) -> None:
        mark = uuid.uuid4().hex
        script = "trap '' TERM; (trap '' TERM; sleep 90; sleep 91) & sleep 92 & echo ready; sleep 93; sleep 94; wait"
        handle = submit(*shell(script), env={_MARK: mark})
        self.wait_for_line(platform, handle, "ready")
        assert self.processes_with(f"{_MARK}={mark}")
        begin = time.monotonic()
        platform.cancel_job(handle)
        assert time.monotonic() - begin < self.answers_within
        assert self.wait(platform, handle).state is JobState.CANCELLED
        self.wait_until_gone(f"{_MARK}={mark}")

    def test_a_job_is_cancelled_at_any_time(self, platform: PlatformSDK, submit: Submit) -> None:
        for delay in (0.0, 0.005, 0.02, 0.05):
            handle = submit("sleep", "60")
            time.sleep(delay)
            platform.cancel_job(handle)
            platform.cancel_job(handle)
            assert self.wait(platform, handle).state is JobState.CANCELLED

    def test_cancelling_an_ended_job_changes_nothing(self, platform: PlatformSDK, submit: Submit) -> None:
        handle = submit(*shell("echo done"))
        before = self.wait(platform, handle)
        platform.cancel_job(handle)
        assert platform.get_job_status([handle])[handle] == before

    def test_what_a_job_leaves_running_ends_with_it(self, platform: PlatformSDK, submit: Submit) -> None:
        mark = uuid.uuid4().hex
        self.run(platform, submit(*shell("sleep 95 & sleep 96 & exit 0"), env={_MARK: mark}))
        self.wait_until_gone(f"{_MARK}={mark}")

    # What a job is given, and what it leaves

    def test_arguments_arrive_literally(self, platform: PlatformSDK, submit: Submit) -> None:
        script = 'for a in "$@"; do printf %s "$a" | od -An -v -tx1 | tr -d " \\n"; echo .; done; ls'
        lines = self.run(platform, submit(*shell(script, *NASTY)))
        assert lines[: len(NASTY)] == [binascii.hexlify(text.encode()).decode() + "." for text in NASTY]
        assert "pwned" not in lines

    def test_variables_and_files_arrive_literally(self, platform: PlatformSDK, submit: Submit) -> None:
        nasty = "\n".join(NASTY)
        script = 'printf %s "$V" | cksum; cksum < spec.yaml; cksum < deep/er/f; ls'
        lines = self.run(
            platform, submit(*shell(script), env={"V": nasty}, files={"spec.yaml": nasty, "deep/er/f": ""})
        )
        assert lines[:3] == [_cksum(nasty), _cksum(nasty), _cksum("")]
        assert "pwned" not in lines

    def test_the_code_is_there(self, platform: PlatformSDK, submit: Submit, tmp_path: Path) -> None:
        (tmp_path / "skill").mkdir()
        (tmp_path / "skill" / "train.sh").write_text("echo trained with $1\n")
        assert self.run(platform, submit("sh", "code/train.sh", "x", code=str(tmp_path / "skill"))) == [
            "trained with x"
        ]

    def test_it_is_ready_for_torchrun(self, platform: PlatformSDK, submit: Submit) -> None:
        handle = submit(*shell('echo "$NNODES $NODE_RANK $NPROC_PER_NODE ${MASTER_ADDR:+addr} ${MASTER_PORT:+port}"'))
        assert self.run(platform, handle) == ["1 0 1 addr port"]

    def test_outputs_are_listed(self, platform: PlatformSDK, submit: Submit) -> None:
        handle = submit(*shell("mkdir -p results/sub; printf 12345 > results/sub/model.bin; : > results/empty"))
        self.run(platform, handle)
        outputs = platform.get_job_outputs(handle)
        assert outputs.root
        assert {file.path: file.size for file in outputs.files} == {"empty": 0, "sub/model.bin": 5}

    def test_a_file_is_read_while_it_grows(self, platform: PlatformSDK, submit: Submit) -> None:
        script = (
            "mkdir -p results/deep; for i in 1 2 3 4 5 6; do printf 'epoch %s ' $i >> results/deep/status.json;"
            " sleep 0.05; echo '你好' >> results/deep/status.json; done; printf 'no end' >> results/deep/status.json"
        )
        handle = submit(*shell(script))
        lines: list[str] = []
        cursor, ended = 0, False
        while not ended:
            ended = platform.get_job_status([handle])[handle].state.ended
            chunk = platform.get_job_file(handle, "deep/status.json", cursor)
            assert chunk.cursor >= cursor
            lines, cursor = [*lines, *chunk.lines], chunk.cursor
            time.sleep(POLL_SECONDS)
        assert lines == [*(f"epoch {i} 你好" for i in range(1, 7)), "no end"]
        assert platform.get_job_file(handle, "deep/status.json", cursor).lines == ()

    def test_a_long_file_is_read_in_pieces(self, platform: PlatformSDK, submit: Submit) -> None:
        handle = submit(*shell("yes 0123456789abcdefghijklmnopqrstuvwxyz | head -n 100000 > results/long.txt"))
        self.wait(platform, handle)
        lines: list[str] = []
        cursor, more, reads = 0, True, 0
        while more:
            chunk = platform.get_job_file(handle, "long.txt", cursor)
            lines, cursor, more, reads = [*lines, *chunk.lines], chunk.cursor, chunk.more, reads + 1
        assert len(lines) == 100_000
        assert reads > 1

    def test_a_file_of_one_line_is_read_whole(self, platform: PlatformSDK, submit: Submit) -> None:
        handle = submit(*shell("yes '0123456789abcde ' | head -n 20000 | tr -d '\n' > results/metrics.json"))
        self.wait(platform, handle)
        (line,) = platform.get_job_file(handle, "metrics.json").lines
        assert len(line) == 320_000

    def test_only_files_of_the_results_folder_are_read(self, platform: PlatformSDK, submit: Submit) -> None:
        script = (
            "echo inside > results/real; ln -s real results/link; echo outside > secret; mkdir outer results/folder;"
            " echo outside > outer/secret; ln -s ../secret results/out; ln -s ../outer results/there;"
            " mkfifo results/pipe; echo ready"
        )
        handle = submit(*shell(script))
        self.run(platform, handle)
        assert platform.get_job_file(handle, "real").lines == ("inside",)
        assert platform.get_job_file(handle, "link").lines == ("inside",)
        below = Path(platform.get_job_outputs(handle).root)
        for path in ("none", "", ".", "folder", "pipe", "out", "there/secret", "../secret", "folder/../../secret"):
            assert platform.get_job_file(handle, path).lines == (), path
        for path in (str(below / "real"), str(below.parent / "secret"), "/etc/passwd", "a\0b"):
            assert platform.get_job_file(handle, path).lines == (), path

    def test_files_are_deleted_and_no_others(self, platform: PlatformSDK, submit: Submit) -> None:
        script = "cd results; mkdir -p deep logs; for f in a b deep/c logs/d; do echo x > $f; done"
        handle = submit(*shell(script))
        self.run(platform, handle)
        for _ in range(2):  # gone is gone
            platform.delete_job_files(handle, ["a", "deep/c", "logs/d", "none", "none/at/all", "b/is/a/file"])
            assert [file.path for file in platform.get_job_outputs(handle).files] == ["b"]
        platform.delete_job_files(handle, [])
        assert platform.get_job_status([handle])[handle].state is JobState.SUCCEEDED

    def test_only_files_of_the_results_folder_are_deleted(
        self, platform: PlatformSDK, submit: Submit, make_spec: MakeSpec
    ) -> None:
        script = (
            "mkdir -p results outer; echo 1 > secret; echo 2 > outer/secret; echo 3 > results/kept;"
            " ln -s ../outer results/there; ln -s ../secret results/out"
        )
        spec = make_spec(*shell(script))
        handle = platform.create_job(spec)
        self.run(platform, handle)
        below = platform.get_job_outputs(handle).root
        for path in ("../secret", "deep/../../secret", "there/secret", "..", ".", "", f"{below}/kept", "/etc/passwd"):
            with pytest.raises(PlatformRejected):
                platform.delete_job_files(handle, ["kept", path])
        platform.delete_job_files(handle, ["out"])  # the link, not what it leads to
        left = [f"../{spec.key}/{path}" for path in ("secret", "outer/secret", "results/kept")]
        assert self.run(platform, submit("cat", *left, resume_from=spec.key)) == ["1", "2", "3"]

    def test_deleting_files_of_a_job_that_is_not_there_deletes_nothing(self, platform: PlatformSDK) -> None:
        platform.delete_job_files("contract-nobody-knows-me", ["a"])

    def test_a_job_continues_from_another(self, platform: PlatformSDK, submit: Submit, make_spec: MakeSpec) -> None:
        first = make_spec(*shell("mkdir -p results; echo weights > results/last"))
        self.run(platform, platform.create_job(first))
        handle = submit("cat", f"../{first.key}/results/last", resume_from=first.key)
        assert self.run(platform, handle) == ["weights"]

    # Secrets

    def test_a_secret_is_seen_by_the_job_and_by_nobody_else(
        self, platform: PlatformSDK, submit: Submit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        canary = f"canary-{uuid.uuid4().hex}"
        monkeypatch.setenv("CONTRACT_API_KEY", canary)
        script = 'printf %s "$CONTRACT_API_KEY" | cksum; echo ready; sleep 60'
        handle = submit(*shell(script), secrets=("CONTRACT_API_KEY",))
        assert _cksum(canary) in self.wait_for_line(platform, handle, "ready")
        assert self.processes_with(canary, "environ")
        assert self.processes_with(canary, "cmdline") == []
        platform.cancel_job(handle)
        self.wait(platform, handle, JobState.CANCELLED)
        folder = self.folder_of(platform, handle)
        if folder is not None:
            assert [path for path in folder.rglob("*") if path.is_file() and canary.encode() in path.read_bytes()] == []

    def test_a_credential_that_was_not_named_stays_at_home(
        self, platform: PlatformSDK, submit: Submit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CONTRACT_OTHER_TOKEN", "canary")
        assert self.run(platform, submit(*shell('echo "[$CONTRACT_OTHER_TOKEN]"'))) == ["[]"]

    def test_a_missing_secret_is_refused_by_name(
        self, platform: PlatformSDK, submit: Submit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("CONTRACT_API_KEY", raising=False)
        with pytest.raises(PlatformRejected, match="CONTRACT_API_KEY"):
            submit(*shell("exit 0"), secrets=("CONTRACT_API_KEY",))


def _cksum(text: str) -> str:
    answer = subprocess.run(["cksum"], input=text.encode(), capture_output=True, check=True)
    return answer.stdout.decode().strip()
