"""Journals that were written by released versions can be read, for ever.

`tests/golden/journal-v1.sql` is such a file, as SQL text; so is `journal-v2.sql`, whose events are in `golden_v2`. They
are never written again: if a test here fails, the code is wrong. A new kind of event, or a new field, gets a new file.
"""

import dataclasses
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import golden_v2
import pytest

from tao_automl.domain.events import (
    BaselineSettled,
    CallbackFailed,
    Evaluation,
    Event,
    ExperimentCreated,
    ExperimentFinished,
    FinalEvaluationSettled,
    JobCancelRequested,
    JobEnded,
    JobRequested,
    JobStarted,
    JobSubmitted,
    MetricReported,
    Purpose,
    RunnerAttached,
    RunnerDetached,
    RunStatus,
    SearchEnded,
    TrialPromoted,
    TrialSettled,
    TrialStarted,
    TrialStopRequested,
)
from tao_automl.domain.experiment import fold
from tao_automl.domain.goal import Direction, Objective
from tao_automl.domain.job import FailureAnalysis, FailureClass, JobSpec, JobState
from tao_automl.domain.problem import Fidelity
from tao_automl.domain.trial import Origin, TrialState
from tao_automl.store.codec import EVENT_TYPES, encode_event
from tao_automl.store.sqlite import FILE_NAME, open_sqlite

GOLDEN = Path(__file__).parents[2] / "golden"


def _spec(key: str, resume_from: str | None = None) -> JobSpec:
    return JobSpec(
        key=key,
        command=("python", "code/train.py", "--config", "spec.yaml"),
        files={"spec.yaml": "train:\n  lr: 0.001\n  name: größe\n"},
        code="/skills/train-toy",
        inputs={"dataset.train": "/data/train"},
        env={"OMP_NUM_THREADS": "4"},
        secrets=("WANDB_API_KEY",),
        resume_from=resume_from,
        image="nvcr.io/x/y:1",
        gpus=2,
        nodes=1,
        time_limit=3600.0,
    )


_LOST = FailureAnalysis(
    failure_class=FailureClass.INFRASTRUCTURE,
    evidence="node \ud83d gone\x00",  # half a character, and a zero: log text has such things
    advice="wait",
    retriable=True,
    log_path="/logs/1",
)
_MEASURED = Evaluation(
    status="measured",
    metric_name="accuracy",
    metric_value=0.75,
    values={"accuracy": 0.75, "latency": 3.0},
    job_id="ab-t0000-baseline-a1",
    record_path="evaluations/baseline.json",
    source="evaluate action",
)

EVENTS: tuple[Event, ...] = (
    ExperimentCreated(
        at=1700000000.0,
        id="ab",
        version="0.1.0",
        objective=Objective(metric="accuracy", direction=Direction.MAXIMIZE),
        fidelity=Fidelity(key="train.epochs", low=1, high=9, resumable=True, unit="epoch"),
        seed=7,
        algorithm="asha",
        platform="local",
        skill="train-toy",
        digest="0123abcd",
        arguments={"automl_settings": {"seed": 7, "nested": [1, 2.5, None, True, {"a": []}]}, "big": 2**63},
        space=({"name": "lr", "low": 1e-4, "high": 1.0}, {"name": "größe", "options": ["a", None]}),
        scored_by_callback=False,
        total_trials=3,
    ),
    RunnerAttached(at=1700000001.0, host="host", pid=42),
    TrialStarted(at=1700000002.0, trial=0, params={"lr": 0.001}, signature="aa", budget=9, origin=Origin.DEFAULT),
    JobRequested(at=1700000002.0, trial=0, purpose=Purpose.TRAIN, budget=9, attempt=1, spec=_spec("ab-t0000-e9-a1")),
    JobSubmitted(at=1700000003.0, key="ab-t0000-e9-a1", handle="handle/1"),
    JobStarted(at=1700000004.0, key="ab-t0000-e9-a1", started_at=1700000003.5),
    MetricReported(at=1700000005.0, key="ab-t0000-e9-a1", epoch=1, values={"accuracy": 0.5, "loss": None}, cursor=120),
    CallbackFailed(at=1700000005.5, callback="metric_extractor", trial=0, message="ValueError: no"),
    JobEnded(
        at=1700000006.0,
        key="ab-t0000-e9-a1",
        state=JobState.FAILED,
        ended_at=1700000005.9,
        detail="NODE_FAIL",
        exit_code=137,
        failure=_LOST,
        results_path="/runs/1/results",
        checkpoint="epoch_1.pth",
    ),
    JobRequested(
        at=1700000006.0,
        trial=0,
        purpose=Purpose.TRAIN,
        budget=9,
        attempt=2,
        spec=_spec("ab-t0000-e9-a2", "ab-t0000-e9-a1"),
        not_before=1700000016.0,
    ),
    JobSubmitted(at=1700000016.0, key="ab-t0000-e9-a2", handle="handle/2"),
    MetricReported(at=1700000017.0, key="ab-t0000-e9-a2", epoch=9, values={"accuracy": 0.75}, cursor=64),
    JobEnded(at=1700000018.0, key="ab-t0000-e9-a2", state=JobState.SUCCEEDED, ended_at=1700000018.0, exit_code=0),
    TrialSettled(at=1700000018.0, trial=0, state=TrialState.COMPLETED, value=0.75, values={"accuracy": 0.75}),
    BaselineSettled(at=1700000019.0, evaluation=_MEASURED),
    RunnerDetached(at=1700000020.0, reason="interrupted by the user"),
    RunnerAttached(at=1700000090.0, host="other", pid=43),
    TrialStarted(
        at=1700000091.0, trial=1, params={"lr": 0.1}, signature="bb", budget=1, origin=Origin.SEARCH, parent=0
    ),
    JobRequested(at=1700000091.0, trial=1, purpose=Purpose.TRAIN, budget=1, attempt=1, spec=_spec("ab-t0001-e1-a1")),
    JobEnded(at=1700000092.0, key="ab-t0001-e1-a1", state=JobState.SUCCEEDED, ended_at=1700000092.0),
    TrialSettled(at=1700000092.0, trial=1, state=TrialState.COMPLETED, value=0.25),
    TrialPromoted(at=1700000093.0, trial=1, budget=3),
    JobRequested(at=1700000093.0, trial=1, purpose=Purpose.TRAIN, budget=3, attempt=1, spec=_spec("ab-t0001-e3-a1")),
    TrialStopRequested(at=1700000094.0, trial=1, reason="behind"),
    JobCancelRequested(at=1700000094.0, key="ab-t0001-e3-a1", reason="behind"),
    JobCancelRequested(at=1700000095.0, key="ab-t0001-e3-a1", reason="too long", failure=FailureClass.RESOURCES),
    JobEnded(at=1700000096.0, key="ab-t0001-e3-a1", state=JobState.CANCELLED, ended_at=1700000096.0),
    TrialSettled(at=1700000096.0, trial=1, state=TrialState.STOPPED, failure=FailureClass.RESOURCES, reason="behind"),
    SearchEnded(
        at=1700000097.0, status=RunStatus.STOPPED, reason="cancelled by the user", cancel=True, evaluate_best=False
    ),
    FinalEvaluationSettled(
        at=1700000098.0,
        evaluation=Evaluation(status="not_run", metric_name="accuracy", reason="cancelled by the user"),
    ),
    ExperimentFinished(at=1700000099.0, status=RunStatus.STOPPED, reason="cancelled by the user"),
)


VERSIONS = {"journal-v1.sql": EVENTS, "journal-v2.sql": golden_v2.EVENTS}
NEVER_BOTH = {"ExperimentCreated.scored_by_callback"}  # with scored_by_evaluation


def load(name: str, folder: Path) -> Path:
    with sqlite3.connect(folder / FILE_NAME) as db:
        db.executescript((GOLDEN / name).read_text(encoding="utf-8"))
    db.close()
    return folder


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder(version: str, tmp_path: Path) -> Path:
    return load(version, tmp_path)


def test_it_loads(version: str, folder: Path) -> None:
    journal = open_sqlite(folder, "read")
    assert tuple(journal.read()) == VERSIONS[version]
    journal.close()


def test_it_can_be_continued(version: str, folder: Path) -> None:
    journal, length = open_sqlite(folder, "write"), len(VERSIONS[version])
    assert journal.append([EVENTS[1]], expect=length) == length + 1
    journal.close()


def test_it_is_still_written_in_the_same_way(version: str, folder: Path) -> None:
    with sqlite3.connect(folder / FILE_NAME) as db:
        rows = db.execute("SELECT kind, body FROM events ORDER BY seq").fetchall()
    db.close()
    assert rows == [encode_event(event) for event in VERSIONS[version]]


def test_the_last_one_has_all_events_and_fields_that_there_are() -> None:
    assert {type(event).__name__ for event in golden_v2.EVENTS} == set(EVENT_TYPES)
    said = [field for event in golden_v2.EVENTS for field in _fields(event)]
    assert {name for name, _ in said} - {name for name, changed in said if changed} == NEVER_BOTH


def _fields(value: Any) -> Iterator[tuple[str, bool]]:
    """The fields of a dataclass and of all in it, and whether they have another value than their default."""
    if isinstance(value, tuple):
        for item in value:
            yield from _fields(item)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            held = getattr(value, field.name)
            empty = field.default_factory is not dataclasses.MISSING and not held
            yield f"{type(value).__name__}.{field.name}", held != field.default and not empty
            yield from _fields(held)


def test_the_first_one_folds(tmp_path: Path) -> None:
    experiment = fold(open_sqlite(load("journal-v1.sql", tmp_path), "read").read())
    assert experiment.status is RunStatus.STOPPED
    assert [trial.state for trial in experiment.trials] == [TrialState.COMPLETED, TrialState.STOPPED]
    assert experiment.best is not None
    assert experiment.best.event.value == 0.75
    assert experiment.final is not None
    assert experiment.final.status == "not_run"
    assert experiment.idle_seconds == 71.0
    assert experiment.elapsed(0.0) == 28.0


def test_the_second_one_folds(tmp_path: Path) -> None:
    experiment = fold(open_sqlite(load("journal-v2.sql", tmp_path), "read").read())
    assert experiment.status is RunStatus.STOPPED
    assert [trial.state for trial in experiment.trials] == [TrialState.COMPLETED, TrialState.FAILED]
    assert experiment.best is None
    assert [winner.trial for winner in experiment.winners] == [0]
    assert experiment.baseline_values["accuracy"] == 0.5
    first, second = (trial.score for trial in experiment.trials)
    assert first is not None
    assert second is not None
    assert (first.costs, first.excess) == ((pytest.approx(-0.55), 2.0), (pytest.approx(-0.2), -2.0))
    assert (second.excess, second.violation) == ((0.25, 0.0), 0.25)
    assert list(experiment.finals) == [0]
    assert experiment.feedback == {0: {"comment": "slow", "worst": ["a", None, 0.5, True]}}
    assert experiment.jobs[golden_v2.FIRST].adjustments == (golden_v2.CAP,)
    assert experiment.jobs[golden_v2.SECOND].released == golden_v2.EVENTS[-3]
    assert not experiment.to_delete
    assert experiment.gpu_hours(0.0) * 3600 == 6 * (2.0 + 10.0)
