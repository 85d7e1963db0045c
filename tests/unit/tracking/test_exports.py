"""A run in Optuna's storage, as Optuna and its dashboard read it; and as a table."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from runs import completed, created, failed, finished, small_run, started

from tao_automl.domain.conditions import Condition
from tao_automl.domain.events import (
    BaselineSettled,
    Evaluation,
    Event,
    RunStatus,
    TrialSettled,
    TrialStopRequested,
)
from tao_automl.domain.experiment import fold
from tao_automl.domain.goal import Direction, Objective, OutcomeConstraint
from tao_automl.domain.parameters import Bool, Choice, Fixed, Float, Int, Optional, Scale, Subset, Vector
from tao_automl.domain.space import SearchSpace
from tao_automl.domain.trial import TrialState
from tao_automl.errors import TrackingError, UserError
from tao_automl.runner import create_study, export_run
from tao_automl.store.sqlite import open_sqlite
from tao_automl.tracking.rows import run_facts, trial_row
from tao_automl.tracking.trial_table import trial_table

optuna = pytest.importorskip("optuna")


def space() -> tuple[dict[str, Any], ...]:
    """A parameter of each kind."""
    built = SearchSpace(
        (
            Choice(name="kind", options=("mlp", "tree"), default="mlp"),
            Float(name="lr", low=1e-4, high=0.1, default=0.01, scale=Scale.LOG, when=Condition.of({"kind": ["mlp"]})),
            Float(name="drop", low=0.0, high=0.5, default=0.25, step=0.25),
            Int(name="depth", low=1, high=9, default=3),
            Int(name="width", low=8, high=64, default=16, scale=Scale.POWER2),
            Bool(name="flip", default=True),
            Choice(name="mixed", options=(1, True, (1, 2)), default=1),
            Subset(name="classes", options=("a", "b", "c"), default=("a",), max_size=3),
            Optional(name="clip", inner=Float(name="clip", low=0.1, high=10.0, default=1.0)),
            Vector(name="sizes", items=tuple(Int(name=f"sizes[{i}]", low=1, high=4, default=2) for i in range(2))),
            Fixed(name="seed", value=7),
        )
    )
    return tuple(dict(row) for row in built.to_json())


FULL: dict[str, Any] = {
    "kind": "mlp", "lr": 0.01, "drop": 0.25, "depth": 3, "width": 16, "flip": True, "mixed": [1, 2],
    "classes": ["a", "c"], "clip": 2.0, "sizes": [1, 4], "seed": 7,
}  # fmt: skip


def journal(folder: Path, events: Sequence[Event]) -> Path:
    """A workspace with this journal."""
    kept = open_sqlite(folder, "create")
    kept.append(events, expect=0)
    kept.close()
    return folder


def load(path: Path, name: str | None = None) -> Any:
    url = f"sqlite:///{path}"
    (only,) = optuna.get_all_study_names(url) if name is None else [name]
    return optuna.load_study(study_name=only, storage=url)


def exported(tmp_path: Path, events: Sequence[Event]) -> Any:
    workspace = journal(tmp_path / "run", events)
    (line,) = export_run(workspace, optuna=f"sqlite:///{tmp_path / 'study.db'}")
    study = load(tmp_path / "study.db")
    assert line == f"wrote the study {study.study_name}"
    return study


def test_states_values_and_curves(tmp_path: Path) -> None:
    stopped = [
        TrialStopRequested(at=1.7e9, trial=3, reason="hopeless"),
        TrialSettled(at=1.7e9 + 40, trial=3, state=TrialState.STOPPED, reason="hopeless"),
    ]
    study = exported(tmp_path, [*small_run(), *started(3), *stopped])
    assert study.study_name == "train-toy-asha-ab12cd34"
    assert study.direction.name == "MAXIMIZE"
    assert study.metric_names == ["accuracy"]
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "FAIL", "RUNNING", "PRUNED"]
    first, second, third, fourth = study.trials
    assert study.best_trial == first
    assert first.value == pytest.approx(0.59)
    assert list(first.intermediate_values) == list(range(1, 10))
    assert list(third.intermediate_values) == [1, 2]
    assert first.user_attrs["rec_id"] == 0
    assert first.user_attrs["job_id"] == "ab12cd34-t0000-e9"
    assert second.user_attrs["failure_class"] == "resources"
    assert second.user_attrs["failure_reason"] == "CUDA out of memory"
    assert fourth.user_attrs["failure_reason"] == "hopeless"
    assert first.datetime_complete > first.datetime_start


def test_parameters_and_their_ranges(tmp_path: Path) -> None:
    other = {**FULL, "kind": "tree", "clip": None, "mixed": True, "classes": []}
    del other["lr"]
    events = [created(space=space()), *started(0, **FULL), completed(0), *started(1, **other), completed(1)]
    first, second = exported(tmp_path, events).trials
    assert first.params == {
        "kind": "mlp", "lr": 0.01, "drop": 0.25, "depth": 3, "width": 16, "flip": True, "mixed": "[1, 2]",
        "classes[a]": True, "classes[b]": False, "classes[c]": True, "clip": 2.0, "sizes[0]": 1, "sizes[1]": 4,
    }  # fmt: skip
    assert set(first.params) - set(second.params) == {"lr", "clip"}, "what does not exist is left out"
    ranges = first.distributions
    assert (ranges["lr"].low, ranges["lr"].high, ranges["lr"].log) == (1e-4, 0.1, True)
    assert (ranges["drop"].step, ranges["width"].log, ranges["depth"].high) == (0.25, True, 9)
    assert ranges["mixed"].choices == ("1", "true", "[1, 2]")
    assert ranges["kind"].choices == ("mlp", "tree")
    assert first.user_attrs["specs"] == FULL


def test_values_outside_of_the_range_widen_it(tmp_path: Path) -> None:
    events = [created(space=space()), *started(0, drop=0.9, depth=12, kind="forest"), completed(0)]
    (trial,) = exported(tmp_path, events).trials
    assert trial.params == {"drop": 0.9, "depth": 12, "kind": "forest"}
    assert (trial.distributions["drop"].high, trial.distributions["drop"].step) == (0.9, None)


def test_several_objectives_and_constraints(tmp_path: Path) -> None:
    first = created(
        others=(Objective(metric="latency", direction=Direction.MINIMIZE),),
        constraints=(OutcomeConstraint(left="size", right="100", at_most=True),),
    )
    events = [
        first,
        *(event for trial in range(2) for event in started(trial)),
        completed(0, latency=5.0, size=80.0),
        completed(1, latency=4.0, size=150.0),
    ]
    study = exported(tmp_path, events)
    assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MINIMIZE"]
    kept, broken = study.trials
    assert kept.values == pytest.approx([0.53, 5.0])
    assert kept.system_attrs["constraints"][0] <= 0 < broken.system_attrs["constraints"][0]
    assert kept.user_attrs["constraints"] == {"size <= 100": pytest.approx(-0.2)}
    assert [trial.number for trial in study.best_trials] == [0]


def test_exporting_again_replaces_the_study_and_no_other_one(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'study.db'}"
    workspace = journal(tmp_path / "run", small_run())
    for _ in range(2):
        export_run(workspace, optuna=url, study_name="mine")
    assert len(load(tmp_path / "study.db", "mine").trials) == 3
    optuna.create_study(storage=url, study_name="theirs")
    with pytest.raises(UserError, match="the study `theirs` exists, and is not an export of this run"):
        export_run(workspace, optuna=url, study_name="theirs")
    other = journal(tmp_path / "other", [created(id="ffffffff")])
    with pytest.raises(UserError, match="not an export of this run"):
        export_run(other, optuna=url, study_name="mine")


def test_a_storage_that_is_none(tmp_path: Path) -> None:
    workspace = journal(tmp_path / "run", small_run())
    with pytest.raises(TrackingError, match="Optuna's storage") as caught:
        export_run(workspace, optuna="study.db")
    assert caught.value.exit_code == 3
    assert "sqlite:///study.db" in caught.value.hint


def get(app: Any, path: str) -> Any:
    """One request to a WSGI application, without a server."""
    environment: dict[str, Any] = {}
    setup_testing_defaults(environment)
    environment |= {"PATH_INFO": path, "REQUEST_METHOD": "GET", "QUERY_STRING": ""}
    status: list[str] = []
    body = b"".join(app(environment, lambda line, headers, *more: status.append(line)))
    assert status[0].startswith("200"), (status, body)
    return json.loads(body)


def test_the_dashboard_opens_it(tmp_path: Path) -> None:
    dashboard = pytest.importorskip("optuna_dashboard")
    rows = space()
    events = [created(space=rows), *started(0, **FULL), completed(0), *started(1, kind="tree"), failed(1), *started(2)]
    study = exported(tmp_path, events)
    app = dashboard.wsgi(f"sqlite:///{tmp_path / 'study.db'}")
    (listed,) = get(app, "/api/studies")["study_summaries"]
    assert listed["study_name"] == study.study_name
    shown = get(app, f"/api/studies/{listed['study_id']}")
    assert [trial["state"] for trial in shown["trials"]] == ["Complete", "Fail", "Running"]
    assert shown["trials"][0]["values"] == [pytest.approx(0.53)]
    assert {param["name"] for param in shown["trials"][0]["params"]} >= {"lr", "kind", "sizes[1]"}
    assert {"key": "failure_reason", "value": "CUDA out of memory"} in shown["trials"][1]["user_attrs"]


def test_a_study_that_is_run_by_hand_is_exported_too(tmp_path: Path) -> None:
    with create_study(tmp_path / "run", skill_dir="train-tabular", algorithm="random") as study:
        for trial in study.ask(2):
            study.tell(trial.id, 0.5)
    export_run(tmp_path / "run", optuna=f"sqlite:///{tmp_path / 'study.db'}")
    assert len(load(tmp_path / "study.db").trials) == 2


def test_a_table(tmp_path: Path) -> None:
    events = [
        *small_run(),
        *started(3, sizes=[1, 2], accuracy="fine"),
        completed(3, loss=0.1),
        BaselineSettled(at=1.7e9, evaluation=Evaluation(status="skipped", metric_name="accuracy")),
        finished(RunStatus.STOPPED),
    ]
    (line,) = export_run(journal(tmp_path / "run", events), csv=tmp_path / "out" / "trials.csv")
    assert line == f"wrote {tmp_path / 'out' / 'trials.csv'}"
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out" / "trials.csv").read_text())))
    assert [row["status"] for row in rows] == ["completed", "failed", "running", "completed"]
    assert [row["x"] for row in rows] == ["0.5", "0.1", "0.2", ""]
    assert float(rows[0]["accuracy"]) == pytest.approx(0.59)
    assert (rows[3]["params.accuracy"], rows[3]["sizes"], rows[3]["loss"]) == ("fine", "[1, 2]", "0.1")
    assert rows[1]["failure_reason"] == "CUDA out of memory"


def test_a_table_without_trials_has_its_head() -> None:
    assert trial_table(()).startswith("rec_id,status,")


def test_facts_of_an_old_journal_suffice() -> None:
    experiment = fold(small_run())
    assert run_facts(experiment).metric == "accuracy"
    assert trial_row(experiment, 1).excess == {}
