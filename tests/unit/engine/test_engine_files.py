"""Step 2, from files: metrics that jobs do not print."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from lab import NO_DEFAULT, Change, Lab, promoting, starting

from tao_automl.domain.events import JobEnded, MetricReported
from tao_automl.domain.goal import Direction, Objective
from tao_automl.domain.job import FailureClass, JobState
from tao_automl.engine.world import FileSource, Reading, Rules
from tao_automl.testing.memory_platform import Behaviour
from tao_automl.testing.toy import INFRASTRUCTURE, ToyJobs, metric_line

STATUS = "train/status.json"
WANDB = "wandb/run-1/files/wandb-summary.json"


class Lines:
    """Reads ``{"epoch": 1, "loss": 0.5}``; what has no epoch is known at the end."""

    def __init__(self, before: int, budget: int) -> None:
        self._budget = budget
        self._late: list[Reading] = []

    def read(self, line: str) -> Reading | None:
        content = json.loads(line)
        epoch = content.pop("epoch", None)
        if epoch:
            return Reading(epoch, content)
        self._late.append(Reading(self._budget, content))
        return None

    def close(self) -> Sequence[Reading]:
        return self._late


GROWING = FileSource(pattern="status.json", open=Lines, grows=True)
WHOLE = FileSource(pattern="metrics.json", open=Lines)
SUMMARY = FileSource(pattern="wandb/*/files/wandb-summary.json", open=Lines, last_resort=True)
ALL = (GROWING, WHOLE, SUMMARY)


def line(epoch: int | None = None, **values: Any) -> str:
    return json.dumps(values if epoch is None else {"epoch": epoch, **values})


def writing(log: Sequence[str] = (), seconds: float = 3.5, **files: Sequence[str]) -> Change:
    """Jobs that write a line a second: into the log, and into the files whose paths `PATHS` names."""
    paths = {PATHS[name]: [(float(n), text) for n, text in enumerate(lines, 1)] for name, lines in files.items()}
    timed = [(float(n), text) for n, text in enumerate(log, 1)]
    return lambda spec, usual: replace(usual, lines=timed, files=paths, seconds=seconds)


PATHS = {"status": STATUS, "top": "status.json", "metrics": "metrics.json", "wandb": WANDB}
EPOCHS = [line(1, loss=0.5), line(2, loss=0.4), line(3, loss=0.3)]


def lab(change: Change, *, sources: Sequence[FileSource] = ALL, **more: Any) -> Lab:
    made = Lab(change=change, **more)
    made.settings["jobs"] = replace(made.settings["jobs"], metric_files=sources)
    made.engine.world.jobs = made.settings["jobs"]
    return made


def reports(made: Lab) -> list[tuple[int, dict[str, float | None], str]]:
    return [(event.epoch, dict(event.values), event.source) for event in made.events(MetricReported)]


def values(made: Lab, source: str) -> list[float | None]:
    return [v for _, reported, where in reports(made) for v in reported.values() if where == source]


def test_a_file_that_grows_is_a_curve() -> None:
    made = lab(writing(status=EPOCHS)).run()
    assert reports(made) == [(1, {"loss": 0.5}, STATUS), (2, {"loss": 0.4}, STATUS), (3, {"loss": 0.3}, STATUS)]
    assert {budget: score.value for budget, score in made.trials[0].scores.items()} == {1: 0.5, 2: 0.4, 3: 0.3}
    assert made.states == ["completed"]


def test_it_is_read_while_the_job_runs() -> None:
    made = lab(writing(status=EPOCHS, seconds=100.0)).seconds(20)
    assert values(made, STATUS) == [0.5, 0.4, 0.3]
    assert made.events(JobEnded) == []


def test_who_declares_no_growing_file_costs_nothing() -> None:
    made = lab(writing([metric_line(1, loss=0.5)], seconds=100.0), sources=(WHOLE, SUMMARY)).seconds(50)
    assert made.platform.calls["get_job_outputs"] == 0
    made.platform.finish("toy-t0000-e3-a1")
    made.run()
    assert made.platform.calls["get_job_outputs"] == 1
    assert made.platform.calls["get_job_file"] == 0


def test_files_are_looked_for_less_and_less_often() -> None:
    made = lab(writing(seconds=1000.0)).seconds(600)
    assert 5 < made.platform.calls["get_job_outputs"] < 20


def test_what_is_not_finite_was_reported() -> None:
    made = lab(writing(status=[line(3, loss=None)])).run()
    assert made.trials[0].reason == "`loss` was reported, but not finite"


def test_one_tick_reads_a_file_in_bounds() -> None:
    lines = [line(3, loss=1.0 / n) for n in range(1, 201)]
    made = lab(writing(status=lines, seconds=200.5), lines_per_call=1)
    made.clock.time += 1.0
    made.seconds(1)
    made.clock.time += 1000.0
    made.engine.tick()
    assert 64 <= len(made.events(MetricReported)) <= 66
    assert made.events(JobEnded) == []
    made.run()
    assert values(made, STATUS) == [1.0 / n for n in range(1, 201)]


def test_whole_files_are_read_once_at_the_end() -> None:
    made = lab(writing(metrics=[line(1, loss=0.5), line(loss=0.25)])).seconds(3)
    assert reports(made) == []
    made.run()
    assert reports(made) == [(1, {"loss": 0.5}, "metrics.json"), (3, {"loss": 0.25}, "metrics.json")]
    assert made.engine.experiment.best is not None
    assert made.engine.experiment.best.value == 0.25


def test_of_a_job_that_failed_only_what_grew_is_read() -> None:
    usual = writing(status=[line(1, loss=0.5), line(acc=1.0)], metrics=[line(loss=0.1)], wandb=[line(loss=0.1)])

    def failing(spec: Any, behaviour: Behaviour) -> Behaviour:
        return replace(usual(spec, behaviour), state=JobState.FAILED, failure=INFRASTRUCTURE)

    made = lab(failing, rules=replace(NO_DEFAULT, max_attempts=1)).run()
    assert reports(made) == [(1, {"loss": 0.5}, STATUS), (3, {"acc": 1.0}, STATUS)]


def test_an_earlier_source_is_not_overwritten() -> None:
    """The log comes first, then files in the order in which they are declared."""
    made = lab(
        writing(
            [metric_line(n, loss=n / 10) for n in (1, 2, 3)],
            status=[line(n, loss=9.0, acc=n / 100) for n in (1, 2, 3)],
            metrics=[line(loss=8.0, acc=8.0, f1=0.5)],
        )
    ).run()
    assert made.engine.experiment.curves[0] == {
        1: {"loss": 0.1, "acc": 0.01},
        2: {"loss": 0.2, "acc": 0.02},
        3: {"loss": 0.3, "acc": 0.03, "f1": 0.5},
    }
    assert made.trials[0].scores[3].value == 0.3


def test_the_file_nearest_to_the_results_folder_comes_first() -> None:
    made = lab(writing(status=[line(1, loss=9.0, acc=0.5)], top=[line(1, loss=0.5)])).run()
    assert reports(made) == [(1, {"loss": 0.5}, "status.json"), (1, {"acc": 0.5}, STATUS)]


@pytest.mark.parametrize(
    ("log", "status", "value"),
    [([], [], 0.125), ([], [line(1, acc=0.5)], 0.125), ([metric_line(3, loss=0.5)], [], 0.5), ([], EPOCHS, 0.3)],
)
def test_a_last_resort_is_asked_only_if_a_metric_is_missing(log: list[str], status: list[str], value: float) -> None:
    made = lab(writing(log, status=status, wandb=[line(loss=0.125, acc=0.75)])).run()
    assert made.engine.experiment.best is not None
    assert made.engine.experiment.best.value == value
    told = [set(values) for _, values, where in reports(made) if where == WANDB]
    unknown = {"loss"} if status else {"loss", "acc"}  # what a file has told is not told again
    assert told == ([unknown] if value == 0.125 else [])


def test_reports_in_the_log_count_on_by_themselves() -> None:
    log = [metric_line(None, speed=1.0), metric_line(None, speed=2.0)]
    made = lab(writing(log, status=[line(3, loss=0.5)] * 2)).run()
    assert [epoch for epoch, told, _ in reports(made) if "speed" in told] == [1, 2]


def test_a_reader_is_told_where_training_begins_and_ends() -> None:
    opened: list[tuple[int, int]] = []

    def open_lines(before: int, budget: int) -> Lines:
        opened.append((before, budget))
        return Lines(before, budget)

    def change(spec: Any, usual: Behaviour) -> Behaviour:
        epochs = [(at, json.loads(text)) for at, text in usual.lines]
        lines = [(at, line(content["epoch"], **content["metrics"])) for at, content in epochs]
        return replace(usual, lines=(), files={STATUS: lines})

    made = lab(change, searcher=promoting(1, 3), sources=(replace(GROWING, open=open_lines),)).run()
    assert opened == [(0, 1), (1, 3)]
    assert sorted(made.trials[0].scores) == [1, 2, 3]


@pytest.mark.parametrize("call", ["get_job_file", "get_job_outputs", "get_job_logs"])
def test_an_outage_of_any_call_loses_nothing(call: str) -> None:
    def run(outage: set[str]) -> Lab:
        made = lab(
            writing([metric_line(2, loss=0.45)], status=[*EPOCHS, line(acc=0.5)], metrics=[line(f1=0.5)]),
            searcher=starting(3),
        )
        began = made.clock.now()

        def weather(seconds: float) -> None:
            made.platform.down = outage if 2.0 <= made.clock.now() - began < 40.0 else set()

        made.clock.on_sleep = weather
        return made.run()

    calm, stormy = run(set()), run({call})
    assert stormy.states == calm.states == ["completed"] * 3
    assert [t.scores.keys() for t in stormy.trials] == [t.scores.keys() for t in calm.trials]


@pytest.mark.parametrize("ticks", range(1, 12))
def test_a_new_runner_neither_repeats_nor_loses_a_report(ticks: int) -> None:
    change = writing(
        [metric_line(1, speed=1.0)],
        status=[*EPOCHS, line(acc=0.5), line(f1=0.5)],
        metrics=[line(recall=0.5)],
        seconds=7.5,
    )
    whole, cut = lab(change).run(), lab(change, lines_per_call=2)
    for _ in range(ticks):
        cut.engine.tick()
        cut.clock.time += 1.0
    cut.resume().run()
    assert sorted(reports(cut), key=str) == sorted(reports(whole), key=str)
    assert cut.engine.experiment.best is not None


Missing = tuple[Change, str]
MISSING: dict[str, Missing] = {
    "nothing": (writing(), "no metric was found in the log or in status.json or in metrics.json"),
    "log": (writing([metric_line(1, speed=1.0)]), "found in the log: speed"),
    "files": (
        writing([metric_line(1, speed=1.0)], status=[line(1, val_loss=1.0, acc=2.0)]),
        "found in the log: speed; in train/status.json: acc, val_loss; did you mean val_loss?",
    ),
    "too much": (
        writing(status=[line(1, **{f"n{n:02}": 1.0 for n in range(30)})]),
        f"found in train/status.json: {', '.join(f'n{n:02}' for n in range(20))} and 10 more",
    ),
}


@pytest.mark.parametrize("name", MISSING)
def test_who_misses_a_metric_is_told_what_was_there(name: str) -> None:
    change, there = MISSING[name]
    made = lab(change).run()
    assert made.trials[0].failure is FailureClass.METRIC_MISSING
    assert made.trials[0].reason == f"`loss` was not reported ({there})"


ACCURACY = Objective(metric="test_acc", direction=Direction.MAXIMIZE)


class TwoNames(ToyJobs):
    """Evaluations measure ``test_acc`` in place of a loss."""

    def evaluation_objectives(self, objective: Objective) -> Sequence[Objective]:
        return (ACCURACY, objective)


def evaluating(*lines: str) -> Change:
    """Evaluations that report in a file."""
    said = {STATUS: [(1.0, text) for text in lines]}
    return lambda spec, usual: usual if "-e" in spec.key else replace(usual, lines=(), files=said)


@pytest.mark.parametrize(
    ("said", "name", "direction", "value"),
    [
        ([line(test_acc=0.75, loss=0.5)], "test_acc", Direction.MAXIMIZE, 0.75),
        ([line(loss=0.5)], "loss", Direction.MINIMIZE, 0.5),
        ([line(acc=0.5)], "test_acc", Direction.MAXIMIZE, None),
    ],
)
def test_an_evaluation_is_read_by_its_own_metric(
    said: list[str], name: str, direction: Direction, value: float | None
) -> None:
    made = Lab(change=evaluating(*said), rules=Rules(max_concurrent=2), evaluates=True)
    made.settings["jobs"] = made.engine.world.jobs = TwoNames(problem=made.problem, metric_files=ALL)
    made.run()
    baseline = made.engine.experiment.baseline
    assert baseline is not None
    assert (baseline.metric_name, baseline.direction, baseline.metric_value) == (name, direction, value)
    if value is None:
        assert baseline.reason == "`test_acc` was not reported (found in train/status.json: acc; did you mean acc?)"
