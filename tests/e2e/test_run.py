"""Whole runs on the local platform: order, parallelism, callbacks, determinism."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tao_automl.domain.events import JobEnded, JobStarted, MetricReported, RunnerDetached
from tao_automl.errors import SettingsError
from tao_automl.runner import AutoMLRunner, Result, format_result, query_status, read_events, resume_run


def runner(skill: Path, workspace: Path, **more: Any) -> AutoMLRunner:
    return AutoMLRunner(skill_dir=skill, platform_sdk="local", workspace_dir=workspace, poll_interval=0.05, **more)


def settings(**more: Any) -> dict[str, Any]:
    return {"num_recommendations": 4, "max_concurrent": 2, "seed": 5, **more}


TWO = {"slots": 2}


@pytest.fixture
def evaluation_data(tmp_path: Path) -> Path:
    path = tmp_path / "eval.csv"
    path.write_text("x\n1\n")
    return path


def test_a_run_from_plan_to_result(toy: Callable[..., Path], tmp_path: Path, evaluation_data: Path) -> None:
    skill, workspace = toy(), tmp_path / "run"
    arguments: dict[str, Any] = {
        "automl_algorithm": "asha",
        "automl_settings": settings(num_recommendations=9),
        "eval_dataset_uri": evaluation_data,
        "platform_options": TWO,
    }
    plan = runner(skill, workspace).plan(**arguments)
    assert not workspace.exists(), "a plan writes nothing"
    result = runner(skill, workspace).run(**arguments)
    assert result.status == "completed"
    launched_first = [(e["rec_id"], e["specs"]) for e in result.history[: len(plan.first_batch)]]
    assert launched_first == [(e["rec_id"], e["specs"]) for e in plan.first_batch], "what was shown is what is run"
    assert result.history[0]["origin"] == "default"
    assert result.baseline["status"] == result.final_evaluation["status"] == "measured"
    assert result.baseline["metric_value"] == pytest.approx(0.59), "the default was trained for 9 epochs"
    assert result.best is not None
    assert Path(result.best["checkpoint"]).is_file()
    assert result.best["metric_value"] == max(e["metric"] for e in result.history)
    assert result.final_evaluation["comparison_to_baseline"]["direction"] == "maximize"
    promoted = [e for e in result.history if e["origin"] == "search" and e["budget"] > 1]
    assert promoted, "asha promotes"
    for entry in promoted:
        assert [epoch for epoch, _ in entry["curve"]] == list(range(1, entry["budget"] + 1)), "resumed, not repeated"
    for name in ("result.json", "best_rec.json", "evaluations/baseline.json", "evaluations/final.json"):
        assert json.loads((workspace / name).read_text())
    assert query_status(workspace).to_json() == result.to_json()
    assert "completed" in format_result(json.loads(result.to_json()))


def test_two_slots_run_two_at_a_time_and_never_three(toy: Callable[..., Path], tmp_path: Path) -> None:
    workspace = tmp_path / "run"
    runner(toy(seconds_per_epoch=0.05), workspace).run(
        automl_algorithm="random",
        automl_settings=settings(num_recommendations=6, evaluate_default=False),
        platform_options=TWO,
    )
    spans: dict[str, list[float]] = {}
    for event in read_events(workspace):
        match event:
            case JobStarted(key=key, started_at=started):
                spans[key] = [started]
            case JobEnded(key=key, ended_at=ended):
                spans[key].append(ended)
    overlap = [sum(a <= start < b for a, b in spans.values()) for start, _ in spans.values()]
    assert max(overlap) == 2


def test_a_slow_callback_does_not_stall_polling(toy: Callable[..., Path], tmp_path: Path) -> None:
    workspace, asked = tmp_path / "run", threading.Event()

    def eval_fn(rec: dict[str, Any], job_id: str) -> float:
        asked.set()
        if rec["rec_id"] == 0:
            time.sleep(1.5)
        return float(rec["specs"]["x"])

    runner(toy(seconds_per_epoch=0.02), workspace).run(
        automl_algorithm="random",
        automl_settings=settings(evaluate_default=False),
        eval_fn=eval_fn,
        platform_options=TWO,
    )
    events = list(read_events(workspace))
    first = next(i for i, e in enumerate(events) if isinstance(e, JobEnded))
    meanwhile = [e for e in events[first + 1 :] if isinstance(e, MetricReported) and e.at - events[first].at < 1.4]
    assert len(meanwhile) >= 9, "other jobs were observed while the callback slept"


def test_eval_fn_alone_decides(toy: Callable[..., Path], tmp_path: Path) -> None:
    told: list[tuple[str, Any]] = []
    result = runner(toy(seconds_per_epoch=0.0), tmp_path / "run").run(
        automl_algorithm="random",
        automl_settings=settings(),
        eval_fn=lambda rec, job: {"accuracy": 1 - rec["specs"]["x"], "latency": 3},
        final_eval_fn=lambda rec, job: {"metric_value": 0.75, "record_path": "/r.json", "job_id": job},
        on_recommendation=lambda rec: told.append(("recommendation", rec["rec_id"])),
        on_result=lambda rec, metric, status: told.append((status, rec["rec_id"])),
        platform_options=TWO,
    )
    assert all(e["metric"] == pytest.approx(1 - e["specs"]["x"]) for e in result.history)
    assert result.history[0]["values"]["latency"] == 3
    assert result.final_evaluation["status"] == "provided"
    assert result.final_evaluation["record_path"] == "/r.json"
    assert sorted(told) == sorted((kind, n) for n in range(4) for kind in ("recommendation", "success"))


def test_callbacks_that_raise_are_contained(toy: Callable[..., Path], tmp_path: Path) -> None:
    def explode(*_: object) -> float:
        raise ValueError("a bug of the user's")

    result = runner(toy(seconds_per_epoch=0.0), tmp_path / "run").run(
        automl_algorithm="random",
        automl_settings=settings(),
        metric_extractor=explode,
        final_eval_fn=explode,
        on_recommendation=explode,
        on_result=explode,
        platform_options=TWO,
    )
    assert result.status == "completed"
    assert {e["status"] for e in result.history} == {"success"}, "the built-in chain went on"
    assert result.final_evaluation["status"] == "callback_error"
    assert "a bug of the user's" in result.final_evaluation["failure_reason"]


def test_the_target_ends_the_run_and_its_jobs(toy: Callable[..., Path], tmp_path: Path) -> None:
    result = runner(toy(), tmp_path / "run").run(
        automl_algorithm="random",
        automl_settings=settings(num_recommendations=50, target_metric=0.3),
        platform_options=TWO,
    )
    assert result.status == "stopped"
    assert "target reached" in str(result.failure_reason)
    assert result.best is not None
    assert len(result.history) < 50


def test_progress_is_seen_from_the_events(toy: Callable[..., Path], tmp_path: Path) -> None:
    seen: list[str] = []
    runner(
        toy(seconds_per_epoch=0.0), tmp_path / "run", on_event=lambda event, _: seen.append(type(event).__name__)
    ).run(automl_algorithm="random", automl_settings=settings(num_recommendations=1), platform_options=TWO)
    assert seen[0] == "RunnerAttached"
    assert seen[-1] == "ExperimentFinished"


def test_an_exception_leaves_the_jobs_alone_and_the_run_can_go_on(
    toy: Callable[..., Path], launches: Path, tmp_path: Path
) -> None:
    skill, workspace = toy(seconds_per_epoch=0.05), tmp_path / "run"

    def interrupt(event: object, _: object) -> None:
        if isinstance(event, MetricReported) and event.epoch == 2:
            raise KeyboardInterrupt

    result = runner(skill, workspace, on_event=interrupt).run(
        automl_algorithm="random", automl_settings=settings(), platform_options=TWO
    )
    assert result.status == "interrupted"
    assert isinstance(list(read_events(workspace))[-1], RunnerDetached)
    assert runner(skill, workspace).run(resume=True).status == "completed"
    started = launches.read_text().split()
    assert len(started) == len(set(started)) == 4


DETERMINISM = """
import sys
from tao_automl.runner import AutoMLRunner
runner = AutoMLRunner(skill_dir=sys.argv[1], platform_sdk="local", workspace_dir=sys.argv[2])
print(runner.plan(automl_algorithm=sys.argv[3], automl_settings={"max_concurrent": 8, "seed": 11},
                  platform_options={"slots": 8}).first_batch)
"""


@pytest.mark.parametrize("algorithm", ["random", "sobol", "grid", "hyperband", "asha"])
def test_the_same_seed_gives_the_same_proposals_in_another_process(
    algorithm: str, toy: Callable[..., Path], tmp_path: Path
) -> None:
    skill = toy()
    answers = {
        subprocess.run(
            [sys.executable, "-c", DETERMINISM, str(skill), str(tmp_path / "run"), algorithm],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("0", "4711")
    }
    assert len(answers) == 1


LIGHT = """
import sys, time
before = set(sys.modules)
start = time.perf_counter()
import tao_automl
seconds = time.perf_counter() - start
loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
print(seconds, sorted(loaded - set(sys.stdlib_module_names) - {"tao_automl"}))
"""


def test_importing_is_light() -> None:
    answers = [
        subprocess.run([sys.executable, "-I", "-c", LIGHT], capture_output=True, text=True, check=True).stdout.split(
            " ", 1
        )
        for _ in range(3)
    ]
    assert {third_party.strip() for _, third_party in answers} == {"[]"}
    assert min(float(seconds) for seconds, _ in answers) < 0.05


def test_results_have_the_same_shape_at_every_stage(toy: Callable[..., Path], tmp_path: Path) -> None:
    stages: list[Result] = []

    def look(event: object, _: object) -> None:
        stages.append(query_status(tmp_path / "run"))

    final = runner(toy(seconds_per_epoch=0.0), tmp_path / "run", on_event=look).run(
        automl_algorithm="random", automl_settings=settings(num_recommendations=2), platform_options=TWO
    )
    assert {frozenset(stage) for stage in stages} == {frozenset(final)}
    assert all(json.loads(stage.to_json()) for stage in stages)
    assert {stage.status for stage in stages} == {"running", "completed"}


def test_a_run_is_resumed_with_the_measure_that_it_began_with(toy: Callable[..., Path], tmp_path: Path) -> None:
    skill, workspace = toy(seconds_per_epoch=0.0), tmp_path / "run"

    def interrupt(event: object, _: object) -> None:
        if isinstance(event, JobEnded):
            raise KeyboardInterrupt

    def eval_fn(rec: dict[str, Any], job_id: str) -> float:
        return float(rec["specs"]["x"])

    first = runner(skill, workspace, on_event=interrupt)
    arguments: dict[str, Any] = {"automl_algorithm": "random", "automl_settings": settings(), "platform_options": TWO}
    assert first.run(**arguments, eval_fn=eval_fn).status == "interrupted"
    with pytest.raises(SettingsError, match="begun with an `eval_fn`"):
        resume_run(workspace)
    assert runner(skill, workspace).run(resume=True, eval_fn=eval_fn).status == "completed"
    other = tmp_path / "other"
    assert runner(skill, other, on_event=interrupt).run(**arguments).status == "interrupted"
    with pytest.raises(SettingsError, match="begun without an `eval_fn`"):
        runner(skill, other).run(resume=True, eval_fn=eval_fn)


def test_a_model_that_only_writes_files_is_searched_like_any_other(
    toy: Callable[..., Path], tmp_path: Path, evaluation_data: Path
) -> None:
    """As a TAO network does: training and evaluation report in status.json, under two names."""
    workspace = tmp_path / "run"
    result = runner(toy(reports="status_json"), workspace).run(
        automl_algorithm="asha",
        automl_settings=settings(num_recommendations=9),
        eval_dataset_uri=evaluation_data,
        platform_options=TWO,
    )
    assert result.status == "completed"
    assert [e["status"] for e in result.history] == ["success"] * 9
    assert any(e["origin"] == "search" and e["budget"] > 1 for e in result.history), "asha promotes"
    assert result.best is not None
    assert result.best["metric_value"] == max(e["metric"] for e in result.history)
    for entry in result.history:
        assert [epoch for epoch, _ in entry["curve"]] == list(range(1, entry["budget"] + 1))
        assert entry["curve"][-1][1] == entry["metric"]
    reports = [event for event in read_events(workspace) if isinstance(event, MetricReported)]
    assert {event.source for event in reports} == {"train/status.json", "evaluate/status.json"}
    assert len({(event.key, event.source, event.cursor) for event in reports}) == len(reports)
    for evaluation in (result.baseline, result.final_evaluation):
        assert (evaluation["status"], evaluation["metric_name"]) == ("measured", "test_accuracy")
    assert result.baseline["metric_value"] == pytest.approx(0.59)
    assert result.final_evaluation["comparison_to_baseline"]["direction"] == "maximize"


@pytest.mark.parametrize(("reports", "curve"), [("file", [1, 2, 3]), ("wandb", [3])])
def test_what_is_only_known_at_the_end_counts_too(
    toy: Callable[..., Path], tmp_path: Path, reports: str, curve: list[int]
) -> None:
    result = runner(toy(reports=reports), tmp_path / "run").run(
        automl_algorithm="random",
        automl_settings=settings(num_recommendations=2, automl_max_epochs=3),
        platform_options=TWO,
    )
    assert result.status == "completed"
    for entry in result.history:
        assert [epoch for epoch, _ in entry["curve"]] == curve
        assert entry["curve"][-1][1] == entry["metric"]
