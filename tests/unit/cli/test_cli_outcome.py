"""How a run ends, as an exit code."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cli_events as run
import pytest

from tao_automl.cli.failures import Interrupted
from tao_automl.cli.outcome import watch
from tao_automl.cli.output import Format
from tao_automl.cli.signals import detaching
from tao_automl.domain.events import RunStatus
from tao_automl.domain.experiment import Experiment
from tao_automl.runner.result import build_result


def outcome(status: str, events: list[Any], before: Callable[[], None] = lambda: None) -> Callable[[Any], Any]:
    """The work of a runner that records `events` and ends with `status`."""

    def work(hear: Any) -> Any:
        experiment = run.play(events, hear, Experiment())
        before()
        result = build_result(experiment, Path("w"), run.BEGIN + 100)
        object.__setattr__(result, "status", status)
        return result

    return work


FINISHED = [run.created(), run.attached(), *run.started(0, run.BEGIN), *run.completed(0, run.BEGIN, 0.5)]
LIMIT = run.ended(run.BEGIN, status=RunStatus.STOPPED, cancel=True, reason="max_wall_time is used up")
CANCELLED = run.ended(run.BEGIN, status=RunStatus.STOPPED, cancel=True, evaluate_best=False, reason="cancelled")


@pytest.mark.parametrize(
    ("status", "events", "code"),
    [
        ("completed", [*FINISHED, run.ended(run.BEGIN)], 0),
        ("stopped", [*FINISHED, LIMIT], 0),
        ("stopped", [*FINISHED, CANCELLED], 130),
        ("failed", FINISHED, 1),
        ("interrupted", FINISHED, 3),  # no signal came: the platform could not be reached
    ],
)
@pytest.mark.parametrize("output", list(Format))
def test_exit_codes(
    status: str, events: list[Any], code: int, output: Format, capsys: pytest.CaptureFixture[str]
) -> None:
    assert watch(outcome(status, events), Path("a b"), output) == code
    out, err = capsys.readouterr()
    if output is Format.JSON:
        assert json.loads(out)["status"] == status
        assert "trial 0" in err
    if status == "interrupted":
        assert "tao-automl resume 'a b'" in err
        assert "1 of 20 trials, best accuracy 0.5" in err


def test_ctrl_c_that_the_runner_took(capsys: pytest.CaptureFixture[str]) -> None:
    def taken() -> None:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)

    assert watch(outcome("interrupted", FINISHED, taken), Path("w"), Format.TEXT) == 130
    assert "interrupted; the jobs go on" in capsys.readouterr().err


def test_ctrl_c_that_nobody_took() -> None:
    def work(hear: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(Interrupted) as caught:
        watch(work, Path("w"), Format.TEXT)
    assert "tao-automl resume w" in caught.value.hint


def test_signals_are_given_back_and_ignored_ones_stay_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
        with detaching() as received:
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert received.name == ""
        assert handlers == [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    finally:
        signal.signal(signal.SIGHUP, before)
