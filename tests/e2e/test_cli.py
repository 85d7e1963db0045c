"""The command line as its users have it: a process of its own, a real skill, real local jobs."""

import contextlib
import fcntl
import io
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from toy_skill import make_toy_skill

from tao_automl.cli.main import main

COMMAND = [sys.executable, "-m", "tao_automl.cli"]
PATIENCE = 60.0
Start = Callable[..., "subprocess.Popen[str]"]
Done = subprocess.CompletedProcess[str]


def call(*words: str | Path) -> Done:
    """One command, to its end, in this process: the same as in one of its own, and quicker."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(word) for word in words])
    return Done(words, code, out.getvalue(), err.getvalue())


def spawn(*words: str | Path, **more: Any) -> Done:
    """One command, to its end, in a process of its own."""
    return subprocess.run(
        [*COMMAND, *map(str, words)], capture_output=True, text=True, timeout=PATIENCE, check=False, **more
    )


def document(done: Done) -> Any:
    """The one JSON document on stdout."""
    return json.loads(done.stdout)


def launch(folder: Path, workspace: Path, *more: str) -> list[str | Path]:
    """The words of a small run."""
    data = folder / "train.csv"
    data.touch()
    words = ["run", folder / "toy", "--workspace", workspace, "--train-data", data, "--eval-data", data, "--yes"]
    return [*words, "--algorithm", "random", "--setting", "max_epochs=2", *more]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a command and leaves it running; what still runs at the end is killed."""
    begun: list[subprocess.Popen[str]] = []

    def popen(*words: str | Path) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [*COMMAND, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        begun.append(process)
        return process

    yield popen
    for process in begun:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    """A finished run of three trials, and what its command said."""
    folder = tmp_path_factory.mktemp("done")
    make_toy_skill(folder / "toy", folder / "launches", seconds_per_epoch=0.0)
    workspace = folder / "run one"
    return workspace, spawn(*launch(folder, workspace, "--max-trials", "3", "--format", "json"))


@pytest.fixture
def slow(tmp_path: Path) -> list[str | Path]:
    """The words of a run that lasts until it is disturbed. Its workspace is `tmp_path / "w"`."""
    make_toy_skill(tmp_path / "toy", tmp_path / "launches", seconds_per_epoch=0.6)
    return launch(tmp_path, tmp_path / "w", "--max-trials", "2")


def wait_for(workspace: Path, kind: str) -> None:
    """Until the journal tells an event of this type."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        log = call("log", workspace, "--format", "json")
        if log.returncode == 0 and kind in [entry["event"] for entry in document(log)]:
            return
        time.sleep(0.05)
    raise AssertionError(f"no {kind} in {PATIENCE} s")


def test_a_run_in_json(done: Any) -> None:
    _, run = done
    assert run.returncode == 0, run.stderr
    result = document(run)
    assert result["status"] == "completed"
    assert result["progress"]["completed"] == 3
    assert "Launch review" in run.stderr
    assert "completed  trial 2" in run.stderr
    assert "\x1b" not in run.stdout + run.stderr


def test_looking_at_a_finished_run(done: Any, tmp_path: Path) -> None:
    workspace, run = done
    result = document(run)
    status = document(call("status", workspace, "--format", "json"))
    assert status["best"] == result["best"]
    assert document(call("report", workspace, "--format", "json"))["history"] == result["history"]
    text = call("status", workspace)
    assert (text.returncode, text.stderr) == (0, "")
    assert "3/3 done" in text.stdout
    assert "'" in text.stdout  # the workspace's name has a blank, and is shown as a shell takes it
    report = call("report", workspace)
    assert (report.returncode, report.stderr) == (0, "")
    assert "Best accuracy" in report.stdout
    page = tmp_path / "new folder" / "page.html"
    assert call("report", workspace, "--html", page).returncode == 0
    assert "<html" in page.read_text(encoding="utf-8").lower()


def test_the_log_of_a_finished_run(done: Any) -> None:
    workspace, _ = done
    entries = document(call("log", workspace, "--format", "json"))
    assert [entry["seq"] for entry in entries] == list(range(1, len(entries) + 1))
    assert (entries[0]["event"], entries[-1]["event"]) == ("ExperimentCreated", "ExperimentFinished")
    lines = call("log", workspace).stdout.splitlines()
    assert len(lines) == len(entries)
    assert call("log", workspace, "--last", "2").stdout.splitlines() == lines[-2:]
    only = document(call("log", workspace, "--trial", "1", "--format", "json"))
    assert {entry["trial"] for entry in only} == {1}
    followed = call("log", workspace, "--follow", "--format", "json").stdout.splitlines()
    assert [json.loads(line)["seq"] for line in followed] == [entry["seq"] for entry in entries]


def test_a_finished_run_is_finished(done: Any) -> None:
    workspace, run = done
    result = document(run)
    resumed = call("resume", workspace, "--format", "json")
    assert (resumed.returncode, resumed.stderr) == (0, "")
    assert document(resumed)["history"] == result["history"]
    cancelled = call("cancel", workspace, "--format", "json")
    assert cancelled.returncode == 0
    assert document(cancelled)["status"] == "completed"
    again = call(*launch(workspace.parent, workspace, "--format", "json"))
    assert again.returncode == document(again)["error"]["exit_code"] == 2
    assert "resume" in document(again)["error"]["hint"]


def test_a_plan_writes_nothing(done: Any, tmp_path: Path) -> None:
    workspace, _ = done
    words = [word for word in launch(workspace.parent, tmp_path / "w") if word != "--yes"]
    plan = call("plan", *words[1:], "--format", "json")
    assert plan.returncode == 0, plan.stdout
    assert document(plan)["first_batch"]
    assert not (tmp_path / "w").exists()
    refused = call(*words)
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    assert not (tmp_path / "w").exists()


def test_a_run_whose_trials_fail(tmp_path: Path) -> None:
    make_toy_skill(tmp_path / "toy", tmp_path / "launches", misbehave="crash")
    run = call(*launch(tmp_path, tmp_path / "w", "--max-trials", "2"))
    assert run.returncode == 1
    assert "the model exploded at layer 7" in run.stdout
    assert "Traceback" not in run.stderr
    assert call("resume", tmp_path / "w").returncode == 1
    assert call("status", tmp_path / "w").returncode == 0


def test_settings_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    make_toy_skill(tmp_path / "toy", tmp_path / "launches")
    for option in (["--setting", "max_wall_tme=3"], ["--range", "y=0:1"], ["--override", "seconds=1"]):
        run = call(*launch(tmp_path, tmp_path / "w", *option))
        assert run.returncode == 2
        assert run.stderr.startswith("error: ")
        assert "hint: " in run.stderr
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize("signal_", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_detaches_and_resume_goes_on(
    signal_: signal.Signals, slow: list[str | Path], tmp_path: Path, start: Start
) -> None:
    workspace = tmp_path / "w"
    run = start(*slow)
    wait_for(workspace, "JobStarted")
    run.send_signal(signal_)
    out, err = run.communicate(timeout=PATIENCE)
    assert run.returncode == 130, out + err
    assert f"tao-automl resume {workspace}" in err
    assert "Traceback" not in err
    assert document(call("status", workspace, "--format", "json"))["status"] == "interrupted"
    assert "nobody runs it" in call("status", workspace).stdout
    resumed = spawn("resume", workspace)
    assert resumed.returncode == 0, resumed.stderr
    started = (tmp_path / "launches").read_text().splitlines()
    assert len(started) == len(set(started)) == 2  # the job that ran on was attached to


def test_on_a_terminal(tmp_path: Path) -> None:
    """The question, the live display, and a terminal that is left as it was found."""
    make_toy_skill(tmp_path / "toy", tmp_path / "launches", seconds_per_epoch=0.2)
    words = [str(word) for word in launch(tmp_path, tmp_path / "w", "--max-trials", "2") if word != "--yes"]
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {**os.environ, "TERM": "xterm"}
    process = subprocess.Popen([*COMMAND, *words], stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    shown = ""
    with contextlib.suppress(OSError):  # the other end is closed
        while text := os.read(ours, 65536).decode(errors="replace"):
            if "Launch this?" in text:
                os.write(ours, b"y\n")
            shown += text
    os.close(ours)
    assert process.wait(timeout=PATIENCE) == 0
    assert "Ctrl-C leaves" in shown
    assert "AutoML run completed" in shown.split("Ctrl-C leaves")[-1]
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")  # the cursor is back


def test_an_interrupted_run_in_json(slow: list[str | Path], tmp_path: Path, start: Start) -> None:
    run = start(*slow, "--format", "json")
    wait_for(tmp_path / "w", "JobStarted")
    run.send_signal(signal.SIGINT)
    out, _ = run.communicate(timeout=PATIENCE)
    assert run.returncode == 130
    assert json.loads(out)["status"] == "interrupted"
    cancelled = call("cancel", tmp_path / "w")
    assert cancelled.returncode == 0
    assert "cancelled by the user" in cancelled.stdout


def test_watching_and_cancelling_a_run_that_goes_on(slow: list[str | Path], tmp_path: Path, start: Start) -> None:
    workspace = tmp_path / "w"
    run = start(*slow)
    wait_for(workspace, "JobStarted")
    watchers = [
        start("log", workspace, "--follow", "--format", "json"),
        start("status", workspace, "--follow"),
        start("status", workspace, "--follow", "--format", "json"),
    ]
    second = call("resume", workspace, "--format", "json")
    assert second.returncode == document(second)["error"]["exit_code"] == 4
    cancelled = call("cancel", workspace, "--format", "json")
    assert document(cancelled)["status"] == "stopped"
    run.communicate(timeout=PATIENCE)
    assert run.returncode == 130
    log, text, status = (watcher.communicate(timeout=PATIENCE)[0] for watcher in watchers)
    assert [watcher.returncode for watcher in watchers] == [0, 0, 0]
    assert [json.loads(line)["event"] for line in log.splitlines()][-1] == "ExperimentFinished"
    assert "started    trial 0" in text
    assert "stopped: cancelled by the user" in text
    assert json.loads(status)["status"] == "stopped"


def test_a_run_that_reaches_a_limit_is_no_failure(tmp_path: Path) -> None:
    make_toy_skill(tmp_path / "toy", tmp_path / "launches", seconds_per_epoch=0.0)
    words = launch(tmp_path, tmp_path / "w", "--max-trials", "9", "--setting", "target_metric=0.0", "--format", "json")
    run = call(*words)
    assert run.returncode == 0, run.stderr
    assert document(run)["status"] == "stopped"


def test_a_study_by_hand(tmp_path: Path) -> None:
    make_toy_skill(tmp_path / "toy", tmp_path / "launches")
    study = tmp_path / "study"
    created = call("study", "create", study, "--skill", tmp_path / "toy", "--algorithm", "random", "--format", "json")
    assert created.returncode == 0, created.stdout
    assert document(created)["metric"] == "accuracy"
    asked = document(call("ask", study, "-n", "2", "--format", "json"))["trials"]
    assert [trial["trial"] for trial in asked] == [0, 1]
    assert 0 <= asked[1]["params"]["x"] <= 1
    assert "trial 2" in call("ask", study).stdout
    told = document(call("tell", study, "0", "-0.5", "--format", "json"))
    assert told["trial"]["value"] == -0.5
    assert "trial 1 failed" in call("tell", study, "1", "--failed", "--reason", "no memory").stdout
    again = call("tell", study, "1", "0.5", "--format", "json")
    assert again.returncode == document(again)["error"]["exit_code"] == 2
    assert document(call("tell", study, "2", "0.9", "--format", "json"))["best"]["trial"] == 2
    assert "a study" in call("status", study).stdout
    assert document(call("report", study, "--format", "json"))["best"]["metric_value"] == 0.9


def test_skills_of_a_folder(tmp_path: Path) -> None:
    make_toy_skill(tmp_path / "toy", tmp_path / "launches")
    shown = document(call("skills", "show", tmp_path / "toy", "--format", "json"))
    assert [parameter["name"] for parameter in shown["parameters"]] == ["x"]
    assert "x" in call("skills", "show", tmp_path / "toy").stdout
    checked = call("skills", "check", tmp_path / "toy", "--format", "json")
    assert checked.returncode == 0, checked.stdout
    assert document(checked)["ok"] is True


def test_a_reader_that_went_away(done: Any) -> None:
    workspace, _ = done
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        log = subprocess.run(
            [*COMMAND, "log", str(workspace)], stdout=pipe, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (log.returncode, log.stderr) == (141, "")


def test_text_where_only_ascii_can_be_shown(done: Any) -> None:
    workspace, _ = done
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    for words in (["status", workspace], ["report", workspace]):
        assert spawn(*words, env=ascii_only).returncode == 0
