"""Watching a run: events in words, the board, the picture, and the two displays."""

import dataclasses
import io
import re
import time
from typing import Any, get_args

import cli_events as run
import pytest
from rich.cells import cell_len
from rich.console import Console

from tao_automl.cli.board import Board
from tao_automl.cli.draw import clock, draw
from tao_automl.cli.live import LiveDisplay, PlainDisplay, open_display
from tao_automl.cli.narrate import is_important, narrate, number, one_line, params_text, steady
from tao_automl.domain import events as domain
from tao_automl.domain.events import Evaluation, Event, RunStatus
from tao_automl.domain.experiment import Experiment
from tao_automl.domain.goal import OutcomeConstraint
from tao_automl.domain.job import JobSpec
from tao_automl.domain.trial import TrialState

NASTY = "\x1b[31mred\x1b[0m\nsecond line\r\tand 漢字" + "x" * 500


def every_event() -> list[Event]:
    """A run in which everything happens."""
    happened: list[Any] = [
        run.created(),
        run.attached(),
        *run.started(0, run.BEGIN + 1),
        run.reported(0, run.BEGIN + 2, 1, 0.5),
        *run.completed(0, run.BEGIN + 3, 0.6),
        run.baseline(run.BEGIN + 4),
        *run.started(1, run.BEGIN + 5, budget=1),
        *run.completed(1, run.BEGIN + 6, 0.7, budget=1),
        *run.promoted(1, run.BEGIN + 7, 3, before=1),
        domain.TrialStopRequested(at=run.BEGIN + 8, trial=1, reason=NASTY),
        *run.started(2, run.BEGIN + 9),
        run.cancel(2, run.BEGIN + 10),
        *run.failed(2, run.BEGIN + 11, NASTY),
        *run.job_started(2, run.BEGIN + 12, attempt=2),
        domain.CallbackFailed(at=run.BEGIN + 13, callback="eval_fn", trial=1, message=NASTY),
        run.ended(run.BEGIN + 14, status=RunStatus.STOPPED, reason="max_wall_time is used up"),
        domain.FinalEvaluationSettled(
            at=run.BEGIN + 15, evaluation=Evaluation(status="metric_missing", metric_name="accuracy", reason=NASTY)
        ),
        domain.FeedbackGiven(at=run.BEGIN + 15, trial=1, feedback="more"),
        domain.CheckpointsReleased(at=run.BEGIN + 15, key=run.key(0), paths=("a.ckpt",)),
        domain.CheckpointsDeleted(at=run.BEGIN + 15, key=run.key(0), detail=NASTY),
        run.detached(run.BEGIN + 16),
        run.attached(run.BEGIN + 20),
        run.finished(run.BEGIN + 21),
    ]
    return happened


def lines(events: list[Event]) -> list[str]:
    found: list[str] = []
    run.play(events, lambda event, experiment: found.append(narrate(event, experiment).with_clock()))
    return found


def test_every_event_has_one_line_without_control_characters() -> None:
    events = every_event()
    assert {type(event) for event in events} == set(get_args(Event))
    for line in lines(events):
        assert line.isprintable()
        assert len(line) < 420


def test_the_words_of_events() -> None:
    text = "\n".join(re.sub(r" +", " ", line) for line in lines(every_event()))
    for words in (
        "created train-toy with asha on local: maximize accuracy, seed 0",
        "started trial 0 9 epochs (default) lr=0.1 depth=0 kind=forest",
        "metric trial 0 epoch 1: accuracy=0.5",
        "completed trial 0 accuracy 0.6 new best",
        "baseline accuracy 0.7, measured (evaluate action)",
        "started trial 1 1 epoch ",
        "promoted trial 1 to 3 epochs",
        "failed trial 2 resources: ",
        "requested trial 2 job ab12cd34-t0002-e9-a2, attempt 2",
        "search ends: max_wall_time is used up",
        "final metric missing: ",
        "detached interrupted by the user; jobs go on",
    ):
        assert words in text


def test_a_run_without_fidelity_says_nothing_of_epochs() -> None:
    events = [run.created(fidelity=None), run.attached(), *run.started(0, run.BEGIN, 1)]
    assert "epoch" not in "\n".join(lines(events))


def test_names_are_short_unless_that_is_ambiguous() -> None:
    assert params_text({"a.lr": 0.00012345, "b.depth": 3}) == "lr=0.0001234 depth=3"
    assert params_text({"a.lr": 1e-9, "b.lr": None, "c": True}) == "a.lr=1e-09 b.lr=- c=true"


def test_numbers() -> None:
    assert [number(x) for x in (0.123456, 12345678.0, 0.0, -1e-12)] == ["0.1235", "1.23457e+07", "0", "-1e-12"]
    assert steady(0.6) == "0.6000"
    assert one_line("a\x00b\n c", 4) == "a b…"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0.9, "0s"),
        (59.9, "59s"),
        (61, "1m01s"),
        (3661, "1h01m"),
        (90_000, "1d01h"),
        (8_640_000, "100d00h"),
    ],
)
def test_clock(seconds: float | None, text: str) -> None:
    assert clock(seconds) == text


def picture(board: Board, width: int, height: int, now: float) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, color_system=None, force_terminal=True)
    with console.capture() as captured:
        console.print(draw(board.snapshot(now), width, height, "Ctrl-C leaves; the jobs go on"))
    return captured.get().rstrip("\n").split("\n")


def board_of(events: Any) -> Board:
    board = Board()
    run.play(list(events), board.hear)
    return board


@pytest.mark.parametrize("slots", [0, 1, 3, 40, 200])
@pytest.mark.parametrize("size", [(80, 24), (120, 40), (40, 10), (20, 4), (200, 60), (70, 18)])
def test_the_picture_is_never_larger_than_the_terminal(slots: int, size: tuple[int, int]) -> None:
    width, height = size
    board = board_of(run.busy_run(250, slots))
    drawn = picture(board, width, height, run.BEGIN + 300)
    assert len(drawn) <= height
    assert max(cell_len(line) for line in drawn) <= width


@pytest.mark.parametrize("upto", range(1, len(every_event()) + 1))
def test_the_picture_at_every_moment(upto: int) -> None:
    drawn = picture(board_of(every_event()[:upto]), 80, 24, run.BEGIN + 100)
    assert len(drawn) <= 24
    assert max(cell_len(line) for line in drawn) <= 80


def test_what_the_picture_shows_at_80_columns() -> None:
    events = [run.created(20), run.attached(), *run.started(0, run.BEGIN), *run.completed(0, run.BEGIN + 60, 0.6)]
    events += [run.baseline(run.BEGIN + 60, 0.55), *run.started(1, run.BEGIN + 60), *run.failed(1, run.BEGIN + 70)]
    events += [
        *run.started(2, run.BEGIN + 70),
        *run.completed(2, run.BEGIN + 90, 0.75),
        *run.started(3, run.BEGIN + 90),
    ]
    events += [run.reported(3, run.BEGIN + 95, 4, 0.71)]
    text = "\n".join(picture(board_of(events), 80, 24, run.BEGIN + 120))
    assert "train-toy  asha on local" in text
    assert "2m00s  about 4m37s left" in text
    assert "3/20 done  1 failed  1 running" in text
    assert "best      accuracy 0.75  trial 2  0.15 better than the default's 0.6" in text
    assert "baseline  accuracy 0.55, measured (evaluate action)" in text
    assert re.search(r"3 +…4-t0003-e9-a1 running +4/9 +0.7100 +30s lr=0.025 depth=3", text)
    assert "trial 1    resources: CUDA out of memory" in text
    assert "Ctrl-C leaves" in text


def two_objectives(**changes: Any) -> Event:
    latency = run.Objective(metric="latency", direction=run.Direction.MINIMIZE)
    return run.created(others=(latency,), **changes)


def told(trial: int, at: float, accuracy: float, latency: float) -> list[Event]:
    values = {"accuracy": accuracy, "latency": latency}
    ended, settled = run.completed(trial, at, accuracy)
    return [ended, dataclasses.replace(settled, values=values)]  # type: ignore[type-var]


def test_several_objectives_show_a_front() -> None:
    events = [two_objectives(), run.attached()]
    for trial, (accuracy, latency) in enumerate([(0.6, 10.0), (0.9, 30.0), (0.5, 20.0)]):
        events += [*run.started(trial, run.BEGIN), *told(trial, run.BEGIN + trial, accuracy, latency)]
    text = "\n".join(picture(board_of(events), 120, 30, run.BEGIN + 9))
    assert "front     2 trials  accuracy 0.9 to 0.6  latency 10 to 30" in text
    assert "accuracy 0.9, latency 30  on the Pareto front" in text
    assert re.search(r"trial 2 +accuracy 0.5, latency 20\n", text)


def test_a_run_that_keeps_no_constraint_names_the_nearest_trial() -> None:
    keep = OutcomeConstraint(left="latency", right="5", at_most=True)
    events = [run.created(constraints=(keep,)), run.attached(), *run.started(0, run.BEGIN)]
    events += [*told(0, run.BEGIN + 1, 0.6, 10.0), *run.started(1, run.BEGIN), *told(1, run.BEGIN + 2, 0.5, 6.0)]
    text = "\n".join(picture(board_of(events), 120, 30, run.BEGIN + 9))
    assert "no trial keeps the constraints  trial 1 comes nearest" in text
    assert "accuracy 0.6  breaks latency <= 5" in text


def test_the_evaluation_of_the_base_model_is_no_trials() -> None:
    spec = JobSpec(key="ab12cd34-base-baseline-a1", command=("python", "evaluate.py"))
    asked = domain.JobRequested(at=run.BEGIN, trial=-1, purpose=domain.Purpose.BASELINE, budget=0, attempt=1, spec=spec)
    text = "\n".join(picture(board_of([run.created(), run.attached(), asked]), 120, 30, run.BEGIN + 9))
    assert re.search(r"baseline +ab12cd34-base-baseline-a1 +waiting .*the base model", text)


def test_what_is_worse_is_called_worse() -> None:
    loss = run.created(objective=run.Objective(metric="loss", direction=run.Direction.MINIMIZE))
    events = [loss, run.attached(), *run.started(0, run.BEGIN), *run.started(1, run.BEGIN)]
    events += [*run.completed(1, run.BEGIN + 1, 0.9), run.reported(0, run.BEGIN + 2, 1, 0.4)]
    scored = [event for event in events if not isinstance(event, domain.MetricReported)]
    report = domain.MetricReported(at=run.BEGIN + 2, key=run.key(0), epoch=1, values={"loss": 0.4}, cursor=1)
    text = "\n".join(picture(board_of([*scored, report]), 100, 30, run.BEGIN + 9))
    assert "loss 0.9  trial 1  0.5 worse than the default's 0.4" in text


def test_jobs_that_do_not_fit_are_counted() -> None:
    drawn = "\n".join(picture(board_of(run.busy_run(100, 40)), 80, 24, run.BEGIN + 200))
    shown = len(re.findall(r"running +3/9", drawn))
    assert shown >= 8
    assert f"and {40 - shown} more" in drawn


def test_a_resumed_run_shows_the_jobs_that_it_found() -> None:
    before = run.play([run.created(), run.attached(), *run.started(0, run.BEGIN), run.detached(run.BEGIN + 5)])
    board = Board()
    run.play([run.attached(run.BEGIN + 1000)], board.hear, before)
    snapshot = board.snapshot(run.BEGIN + 1010)
    assert [active.job.key for active in snapshot.active] == [run.key(0)]
    assert snapshot.standing
    assert snapshot.standing.elapsed(snapshot.now) == pytest.approx(15)


def test_a_promoted_trial_is_timed_by_the_epochs_of_its_new_job() -> None:
    events = [run.created(), run.attached(), *run.started(0, run.BEGIN, 3), *run.completed(0, run.BEGIN + 30, 0.5, 3)]
    events += [*run.promoted(0, run.BEGIN + 30, 9), run.reported(0, run.BEGIN + 50, 5, 0.6, budget=9)]
    text = "\n".join(picture(board_of(events), 120, 30, run.BEGIN + 50))
    assert re.search(r"5/9 +0.6000 +20s +40s", text)


def test_the_board_is_quick_with_a_thousand_trials() -> None:
    events = list(run.busy_run(1000, 40))
    board, spent, experiment = Board(), 0.0, Experiment()
    for event in events:
        experiment.apply(event)
        begin = time.thread_time()
        board.hear(event, experiment)
        spent += time.thread_time() - begin
    assert spent / len(events) < 200e-6
    begin = time.thread_time()
    picture(board, 120, 40, run.BEGIN + 2000)
    assert time.thread_time() - begin < 0.15


def test_plain_lines_have_no_control_codes_and_leave_out_what_is_not_important() -> None:
    stream = io.StringIO()
    display = PlainDisplay(stream)
    events = every_event()
    with display:
        run.play(events, display.hear)
    printed = stream.getvalue().splitlines()
    assert all(line.isprintable() for line in printed)
    assert len(printed) == sum(is_important(event) or isinstance(event, domain.RunnerAttached) for event in events)
    assert "accuracy=0.5" not in stream.getvalue()


def test_a_reader_that_went_away_does_not_stop_a_run() -> None:
    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    display = PlainDisplay(Broken())
    with display:
        run.play(every_event(), display.hear)


def test_the_live_display_draws_and_cleans_up() -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=80, height=24, force_terminal=True, _environ={})
    with LiveDisplay(console, "Ctrl-C leaves", now=lambda: run.BEGIN + 300) as display:
        run.play(list(run.busy_run(60, 3)), display.hear)
        time.sleep(0.6)
    assert "57/60" in stream.getvalue()
    assert "\x1b[?25h" in stream.getvalue()  # the cursor is shown again


def test_the_display_suits_the_stream() -> None:
    assert isinstance(open_display(io.StringIO()), PlainDisplay)


@pytest.mark.parametrize("state", list(TrialState))
def test_each_way_that_a_trial_ends_has_a_word(state: TrialState) -> None:
    experiment = run.play([run.created(), run.attached(), *run.started(0, run.BEGIN)])
    event = domain.TrialSettled(at=run.BEGIN + 1, trial=0, state=state)
    experiment.apply(event)
    assert narrate(event, experiment).kind
