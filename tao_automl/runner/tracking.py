"""Trackers at work beside a run: told what the journal says, each in a thread of its own, none in the run's way."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from tao_automl.domain.events import (
    Event,
    ExperimentCreated,
    MetricReported,
    TrialPromoted,
    TrialSettled,
    TrialStarted,
)
from tao_automl.domain.experiment import Experiment
from tao_automl.platforms.redact import Redactor, redact
from tao_automl.tracking.port import RunFacts, Summary, Tracker, TrialRow
from tao_automl.tracking.rows import run_facts, summarised, trained_trial, trial_row

CLOSING_SECONDS = 60.0
SECONDS_BETWEEN_BEGINNINGS = 60.0
LATER = "`tao-automl export` can tell it later"
T = TypeVar("T")
log = logging.getLogger("tao_automl")


class Tracking:
    """A listener of the engine that keeps the trackers of a run up to date.

    A runner replays the journal first: what trackers show is made from events only, so that a resumed run goes on
    where it was, and what an earlier runner could not tell any more is told now.
    """

    def __init__(self, trackers: Mapping[str, Tracker]) -> None:
        self._redact = Redactor.from_environment()
        self._feeds = [Feed(name, tracker) for name, tracker in trackers.items()]
        self._settled = 0

    def __call__(self, event: Event, experiment: Experiment) -> None:
        if not self._feeds:
            return
        match event:
            case ExperimentCreated():
                self._tell(Feed.begin, run_facts(experiment))
            case TrialSettled(trial=trial):
                self._tell(Feed.trial, trial_row(experiment, trial, self._settled))
                self._settled += 1
            case TrialStarted(trial=trial) | TrialPromoted(trial=trial):
                self._tell(Feed.trial, trial_row(experiment, trial))
            case MetricReported(key=key) if (reported := trained_trial(experiment, key)) is not None:
                self._tell(Feed.trial, trial_row(experiment, reported))
            case _:
                pass

    def replay(self, events: Iterable[Event]) -> None:
        """What happened before this runner: every settlement, and how the trials stand that are not settled."""
        if not self._feeds:
            return
        experiment = Experiment()
        for event in events:
            experiment.apply(event)
            if isinstance(event, ExperimentCreated | TrialSettled):
                self(event, experiment)
        for trial in experiment.live:
            self._tell(Feed.trial, trial_row(experiment, trial))

    def close(self, experiment: Experiment, seconds: float = CLOSING_SECONDS) -> list[str]:
        """Tells the end, waits for all trackers, all together so long at most, and logs and returns what failed."""
        if not self._feeds:
            return []
        self._tell(Feed.finish, summarised(experiment))
        deadline = time.monotonic() + seconds
        notes = [note for feed in self._feeds if (note := feed.join(deadline))]
        for note in notes:
            log.warning("%s", note)
        return notes

    def _tell(self, what: "Callable[[Feed, T], None]", value: T) -> None:
        clean = scrubbed(value, self._redact)
        for feed in self._feeds:
            what(feed, clean)


class Feed:
    """One tracker and its thread. A newer row of a trial that still runs takes the place of one that waits."""

    def __init__(self, name: str, tracker: Tracker) -> None:
        self._name = name
        self._tracker = tracker
        self._facts: RunFacts | None = None
        self._begun = False
        self._begin_at = 0.0
        self._waiting: dict[object, TrialRow | Summary] = {}
        self._failed: list[TrialRow] = []
        self._error = ""
        self._lost = 0
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name=f"tao-automl-tracker-{name}", daemon=True)

    def begin(self, run: RunFacts) -> None:
        self._facts = run
        self._thread.start()

    def trial(self, row: TrialRow) -> None:
        with self._changed:
            self._waiting.pop(row.trial, None)
            self._waiting[row.trial if row.settlement is None else ("settlement", row.settlement)] = row
            self._changed.notify()

    def finish(self, summary: Summary) -> None:
        with self._changed:
            self._waiting["end"] = summary
            self._changed.notify()

    def join(self, deadline: float) -> str:
        """What the user should know, once the tracker has heard all; at the deadline, or at Ctrl-C, without it."""
        if self._facts is None:
            return ""
        with contextlib.suppress(KeyboardInterrupt):
            self._thread.join(max(0.0, deadline - time.monotonic()))
        if self._thread.is_alive():
            return f"tracker {self._name}: it has not taken everything in, and is not waited for any longer; {LATER}"
        return f"tracker {self._name}: it lacks {self._lost} updates: {self._error}; {LATER}" if self._lost else ""

    def _work(self) -> None:
        self._begin()
        while not isinstance(item := self._next(), Summary):
            self._take(item)
        self._begin_at, behind, self._failed = 0.0, self._failed, []
        if self._begin():
            for row in behind:  # whoever was away may be back
                self._take(row)
            self._lost = len(self._failed) + (not self._guarded(self._tracker.finish, item))
        else:
            self._lost = len(behind) + 1

    def _next(self) -> TrialRow | Summary:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting)
            return self._waiting.pop(next(iter(self._waiting)))

    def _take(self, row: TrialRow) -> None:
        if not (self._begin() and self._guarded(self._tracker.trial, row)):
            self._failed.append(row)

    def _begin(self) -> bool:
        """Tries so now and then, until the tracker has begun."""
        assert self._facts
        if not self._begun and time.monotonic() >= self._begin_at:
            self._begun = self._guarded(self._tracker.begin, self._facts)
            self._begin_at = time.monotonic() + SECONDS_BETWEEN_BEGINNINGS
        return self._begun

    def _guarded(self, call: Callable[[T], None], value: T) -> bool:
        """Whether the tracker took it. Its first failure is logged at once, and no other one."""
        try:
            call(value)
        except Exception as error:  # noqa: BLE001  # a tracker's own troubles: the run goes on
            if not self._error:
                self._error = redact(f"{type(error).__name__}: {error}".rstrip(": "))
                log.warning("tracker %s: %s; the run goes on", self._name, self._error)
            return False
        return True


def scrubbed(value: T, redact: Callable[[str], str]) -> T:
    """A copy in which every text, however deep, is redacted. Names are left alone."""
    return _scrub(value, redact)  # type: ignore[no-any-return]


def _scrub(value: Any, redact: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {name: _scrub(item, redact) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_scrub(item, redact) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{item.name: _scrub(getattr(value, item.name), redact) for item in fields(value)})
    return value
