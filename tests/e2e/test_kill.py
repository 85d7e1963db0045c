"""Real processes, real kills: 50 times `kill -9` of the runner over five searches."""

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from toy_skill import make_toy_skill

from tao_automl.domain.events import MetricReported
from tao_automl.errors import JournalConflict, UserError
from tao_automl.runner import AutoMLRunner, Result, cancel_run, query_status, read_events, resume_run

KILLS = 10
ALGORITHMS = {
    "random": {"num_recommendations": 8},
    "sobol": {"num_recommendations": 8},
    "grid": {"num_recommendations": 8},
    "hyperband": {"num_recommendations": 10},
    "asha": {"num_recommendations": 14},
}
RUN = """
import json, sys
from tao_automl.runner import AutoMLRunner, resume_run
skill, workspace, resume, arguments = sys.argv[1], sys.argv[2], sys.argv[3] == "resume", json.loads(sys.argv[4])
print("ready", flush=True)
if resume:
    resume_run(workspace)
else:
    AutoMLRunner(skill_dir=skill, platform_sdk="local", workspace_dir=workspace).run(**arguments)
"""


def start(skill: Path, workspace: Path, arguments: dict[str, object]) -> "subprocess.Popen[str]":
    word = "resume" if has_run(workspace) else "fresh"
    runner = subprocess.Popen(
        [sys.executable, "-c", RUN, str(skill), str(workspace), word, json.dumps(arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert runner.stdout is not None
    assert runner.stdout.readline() == "ready\n"
    return runner


def has_run(workspace: Path) -> bool:
    try:
        query_status(workspace)
    except UserError:
        return False
    return True


def finished(workspace: Path) -> bool:
    return has_run(workspace) and query_status(workspace).status in ("completed", "stopped", "failed")


def settled(result: Result) -> list[tuple[object, ...]]:
    return [(e["rec_id"], e["status"], e["budget"], e["specs"], e["metric"]) for e in result.history]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_ten_kills_lose_nothing_and_run_nothing_twice(
    algorithm: str, toy: Callable[..., Path], launches: Path, tmp_path: Path
) -> None:
    skill = toy(seconds_per_epoch=0.25)
    arguments: dict[str, object] = {
        "automl_algorithm": algorithm,
        "automl_settings": {"max_concurrent": 2, "seed": 3, **ALGORITHMS[algorithm]},
        "platform_options": {"slots": 2},
    }
    quick = make_toy_skill(tmp_path / "quick", tmp_path / "quick-launches", seconds_per_epoch=0.0)
    whole = run_whole(quick, tmp_path / "whole", arguments)
    dice, kills = random.Random(algorithm), 0
    for number in itertools.count():  # a slow machine may see a search end before all kills were spent on it
        kills += kill_often(skill, tmp_path / f"run-{number}", arguments, KILLS - kills, dice)
        result = finish(skill, tmp_path / f"run-{number}", arguments)
        assert result.status == "completed"
        assert all(entry["status"] == "success" for entry in result.history)
        if algorithm != "asha":  # asha's promotions depend on the order in which scores arrive
            assert settled(result) == settled(whole)
        if kills == KILLS:
            break
    started = launches.read_text().split()
    assert len(started) == len(set(started)), "a job was launched twice"


def test_kills_neither_repeat_nor_lose_what_is_reported_in_files(toy: Callable[..., Path], tmp_path: Path) -> None:
    skill, workspace = toy(seconds_per_epoch=0.25, reports="status_json"), tmp_path / "run"
    arguments: dict[str, object] = {
        "automl_algorithm": "random",
        "automl_settings": {"max_concurrent": 2, "seed": 3, "num_recommendations": 6},
        "platform_options": {"slots": 2},
    }
    kill_often(skill, workspace, arguments, 5, random.Random(1))
    result = finish(skill, workspace, arguments)
    assert [entry["status"] for entry in result.history] == ["success"] * 6
    assert [[epoch for epoch, _ in entry["curve"]] for entry in result.history] == [list(range(1, 10))] * 6
    reports = [(e.key, e.epoch, e.source) for e in read_events(workspace) if isinstance(e, MetricReported)]
    assert len(set(reports)) == len(reports) == 54


def kill_often(skill: Path, workspace: Path, arguments: dict[str, object], most: int, dice: random.Random) -> int:
    """Starts the runner, and kills it at some moment, up to `most` times or until the search is over."""
    kills = 0
    while kills < most and not finished(workspace):
        runner = start(skill, workspace, arguments)
        time.sleep(dice.uniform(0.0, 0.9))
        if runner.poll() is None:
            runner.send_signal(signal.SIGKILL)
            kills += 1
        runner.communicate()
    return kills


def finish(skill: Path, workspace: Path, arguments: dict[str, object]) -> Result:
    return resume_run(workspace) if has_run(workspace) else run_whole(skill, workspace, arguments)


def run_whole(skill: Path, workspace: Path, arguments: dict[str, object]) -> Result:
    runner = AutoMLRunner(skill_dir=skill, platform_sdk="local", workspace_dir=workspace)
    return runner.run(**arguments)  # type: ignore[arg-type]


def wait_for(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


LONG = {
    "automl_algorithm": "random",
    "automl_settings": {"num_recommendations": 3, "max_concurrent": 1, "evaluate_default": False},
}


def test_ctrl_c_detaches_and_resume_finds_the_job_still_running(
    toy: Callable[..., Path], launches: Path, tmp_path: Path
) -> None:
    skill, workspace = toy(seconds_per_epoch=0.3), tmp_path / "run"
    runner = start(skill, workspace, LONG)
    wait_for(lambda: launches.exists() and has_run(workspace))
    runner.send_signal(signal.SIGINT)
    assert runner.wait(20) == 0
    assert query_status(workspace).status == "interrupted"
    result = resume_run(workspace)
    assert result.status == "completed"
    assert [entry["status"] for entry in result.history] == ["success"] * 3
    assert len(launches.read_text().split()) == 3


def test_a_second_runner_is_refused_before_it_touches_anything(toy: Callable[..., Path], tmp_path: Path) -> None:
    skill, workspace = toy(seconds_per_epoch=0.3), tmp_path / "run"
    runner = start(skill, workspace, LONG)
    try:
        wait_for(lambda: has_run(workspace) and query_status(workspace).history != [])
        with pytest.raises(JournalConflict, match="another runner works in this workspace"):
            resume_run(workspace)
        with pytest.raises(JournalConflict):
            run_whole(skill, workspace, LONG)
    finally:
        runner.kill()
        runner.communicate()
    assert cancel_run(workspace).status == "stopped"


@pytest.mark.parametrize("alive", [True, False])
def test_cancel_ends_the_run_and_its_processes(alive: bool, toy: Callable[..., Path], tmp_path: Path) -> None:
    skill, workspace = toy(misbehave="hang"), tmp_path / "run"
    runner = start(skill, workspace, LONG)
    wait_for(lambda: has_run(workspace) and any(e["job_status"] == "RUNNING" for e in query_status(workspace).history))
    if not alive:
        runner.send_signal(signal.SIGKILL)
        runner.communicate()
    result = cancel_run(workspace)
    runner.communicate()
    assert (result.status, result.failure_reason) == ("stopped", "cancelled by the user")
    assert [entry["status"] for entry in result.history] == ["cancelled"]
    assert result.history[0]["job_status"] == "CANCELLED"
    assert not processes_of(workspace)


def test_cancel_does_not_need_the_skill_any_more(toy: Callable[..., Path], tmp_path: Path) -> None:
    skill, workspace = toy(misbehave="hang"), tmp_path / "run"
    runner = start(skill, workspace, LONG)
    wait_for(lambda: has_run(workspace) and any(e["job_status"] == "RUNNING" for e in query_status(workspace).history))
    runner.send_signal(signal.SIGKILL)
    runner.communicate()
    skill.rename(tmp_path / "elsewhere")
    assert cancel_run(workspace).status == "stopped"
    assert not processes_of(workspace)


def processes_of(workspace: Path) -> list[str]:
    """Command lines of living processes whose working directory is below the workspace."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                where = os.readlink(entry / "cwd")
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                if where.startswith(str(workspace)) and state != "Z":
                    found.append((entry / "cmdline").read_text().replace("\0", " "))
            except OSError:
                continue
    return found
