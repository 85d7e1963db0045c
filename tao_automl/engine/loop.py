"""The loop: repeat the tick until a tick records nothing, then rest. Start and resume are the same code."""

import os
import socket
from collections.abc import Callable, Iterator, Sequence

from tao_automl.domain.events import Event, RunnerAttached, RunnerDetached
from tao_automl.domain.experiment import Experiment, fold
from tao_automl.domain.ports import Journal
from tao_automl.engine.act import act
from tao_automl.engine.conclude import conclude
from tao_automl.engine.explore import explore
from tao_automl.engine.observe import observe
from tao_automl.engine.retention import retain
from tao_automl.engine.settle import settle
from tao_automl.engine.world import World
from tao_automl.errors import JournalError, PlatformUnavailable, TaoAutoMLError

Step = Callable[[World, Experiment], Iterator[Event]]
Listener = Callable[[Event, Experiment], None]

STEPS: Sequence[Step] = (act, observe, settle, explore, retain, conclude)
LONGEST_REST = 60.0


class Engine:
    """One runner over one journal. Listeners hear of each event after it is durable."""

    def __init__(self, journal: Journal, world: World, listeners: Sequence[Listener] = ()) -> None:
        self.journal = journal
        self.world = world
        self.experiment = fold(journal.read())
        self._listeners = tuple(listeners)
        self._outage: PlatformUnavailable | None = None
        self._outage_since = 0.0
        self._outages = 0

    def attach(self) -> None:
        """Says that this process runs the experiment now. Fails if another one writes the journal. A finished
        experiment is left as it is."""
        if self.experiment.finished:
            return
        self.record([RunnerAttached(at=self.world.clock.now(), host=socket.gethostname(), pid=os.getpid())])

    def run(self) -> None:
        """Ticks until the experiment is finished. Ctrl-C, or a platform that is gone for longer than the rules'
        patience, detaches: jobs go on. So does an error that this package raises, and it is raised again."""
        try:
            while not self.experiment.finished:
                if not self.tick():
                    self._rest()
        except KeyboardInterrupt:
            self._detach("interrupted by the user")
        except PlatformUnavailable as error:
            self._detach(f"the platform could not be reached: {error.message}")
        except JournalError:
            raise  # what cannot be written cannot be written about
        except TaoAutoMLError as error:
            self._detach(error.message)
            raise

    def tick(self) -> int:
        """All steps; returns how many events they recorded. A step that cannot reach the platform keeps what it
        learned, and ends the tick. Nothing happens to a finished experiment."""
        if self.experiment.finished:
            return 0
        before = self.experiment.seq
        for step in STEPS:
            if not self._perform(step):
                break
        else:
            self._outage, self._outages = None, 0
        return self.experiment.seq - before

    def record(self, events: Sequence[Event]) -> None:
        """Appends, folds and announces."""
        if not events:
            return
        self.journal.append(events, expect=self.experiment.seq)
        for event in events:
            self.experiment.apply(event)
        for event in events:
            for listener in self._listeners:
                listener(event, self.experiment)

    def _perform(self, step: Step) -> bool:
        events: list[Event] = []
        outage: PlatformUnavailable | None = None
        try:
            for event in step(self.world, self.experiment):
                events.append(event)
        except PlatformUnavailable as error:
            outage = error
        self.record(events)
        if outage:
            self._note_outage(outage)
        return outage is None

    def _note_outage(self, error: PlatformUnavailable) -> None:
        now = self.world.clock.now()
        self._outage_since = now if self._outage is None else self._outage_since
        self._outage, self._outages = error, self._outages + 1
        if now - self._outage_since > self.world.rules.platform_patience:
            raise error

    def _rest(self) -> None:
        """Until something may have changed. In an outage nobody fetches answers, so that waiting for one would spin."""
        interval = self.world.poll_interval or self.world.platform.poll_interval
        if self._outages:
            self.world.clock.sleep(max(interval, min(interval * 2.0 ** min(self._outages, 10), LONGEST_REST)))
        elif self.world.workers.busy:
            self.world.workers.wait(interval)
        else:
            self.world.clock.sleep(interval)

    def _detach(self, reason: str) -> None:
        """The journal may be ahead of the fold if the interrupt came at a bad moment: read it again."""
        self.experiment = fold(self.journal.read())
        if not self.experiment.finished:
            self.record([RunnerDetached(at=self.world.clock.now(), reason=reason)])
