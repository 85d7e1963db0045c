"""Reading a journal event by event, and going on while its runner is at work."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tao_automl.domain.events import Event
from tao_automl.domain.experiment import Experiment

SECONDS_BETWEEN_LOOKS = 1.0
Heard = tuple[int, Event, Experiment]


def read_journal(workspace: Path) -> Iterator[Heard]:
    """Each event with its number, and the experiment that has just taken it in. Raises if there is no run."""
    from tao_automl.runner import read_events

    return _take_in(Experiment(), read_events(workspace))


def follow_journal(workspace: Path, sleep: Callable[[float], None] = time.sleep) -> Iterator[Heard]:
    """As `read_journal`, and then each new event, until the run is finished or nobody runs it any more."""
    from tao_automl.runner import read_events
    from tao_automl.runner.status import runner_alive

    experiment = Experiment()
    while True:
        at_work = runner_alive(experiment) or experiment.seq == 0
        yield from _take_in(experiment, read_events(workspace, experiment.seq))
        if experiment.finished or not (at_work or runner_alive(experiment)):
            return
        sleep(SECONDS_BETWEEN_LOOKS)


def _take_in(experiment: Experiment, events: Iterator[Event]) -> Iterator[Heard]:
    for event in events:
        experiment.apply(event)
        yield experiment.seq, event, experiment
