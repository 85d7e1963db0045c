"""A small laboratory for the engine: a toy run with one thing made unusual."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any, TypeVar

from tao_automl.domain.job import JobSpec
from tao_automl.domain.json_types import JsonObject
from tao_automl.domain.ports import Stopper
from tao_automl.domain.problem import Problem
from tao_automl.domain.trial import Decision, Promote, Start, Trial, TrialState
from tao_automl.engine.world import Callbacks, Rules
from tao_automl.store.memory import MemoryJournal
from tao_automl.testing.clock import ManualClock
from tao_automl.testing.memory_platform import Behaviour, MemoryPlatform
from tao_automl.testing.toy import ToyJobs, ToyModel, build_engine, toy_problem

E = TypeVar("E")
Ask = Callable[[Sequence[Trial], int], Sequence[Decision]]
Change = Callable[[JobSpec, Behaviour], Behaviour]

NO_DEFAULT = Rules(evaluate_default=False, max_concurrent=2, retry_backoff=4.0)
LRS = (0.5, 0.02, 0.001, 0.2, 0.05, 0.007, 0.3, 0.0005)


def params(number: int) -> dict[str, Any]:
    """The configuration number `number`. Of the first five, number 1 is the best."""
    return {"lr": LRS[number % len(LRS)], "width": 1 + number % 16, "optimizer": "adam"}


class Script:
    """A searcher that answers what the test says. Remembers what it was asked."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self.slots: list[int] = []

    def ask(self, history: Sequence[Trial], slots: int) -> Sequence[Decision]:
        self.slots.append(slots)
        return self._ask(history, slots)


def starting(count: int, budget: int = 3) -> Script:
    """Starts `count` trials, the default configuration included."""
    return Script(
        lambda history, slots: [Start(params=params(number), budget=budget) for number in range(len(history), count)][
            :slots
        ]
    )


def promoting(budget: int = 1, then: int = 3) -> Script:
    """Starts one trial, and promotes it once."""

    def ask(history: Sequence[Trial], slots: int) -> Sequence[Decision]:
        if not history:
            return [Start(params=params(1), budget=budget)]
        trial = history[0]
        return [Promote(trial=0, budget=then)] if trial.state is TrialState.COMPLETED and trial.budget < then else []

    return Script(ask)


class Lab:
    """A run, and all that a test wants to look at."""

    def __init__(
        self,
        searcher: Script | None = None,
        *,
        change: Change = lambda spec, behaviour: behaviour,
        problem: Problem | None = None,
        rules: Rules = NO_DEFAULT,
        callbacks: Callbacks | None = None,
        evaluates: bool = False,
        evaluates_base: bool = False,
        scored_by_evaluation: bool = False,
        stopper: Stopper | None = None,
        more: Callable[[JsonObject, int], dict[str, float]] = lambda params, epoch: {},
        executor: Executor | None = None,
        cancelled: Callable[[ManualClock], bool] = lambda clock: False,
        journal: MemoryJournal | None = None,
        **platform: Any,
    ) -> None:
        self.problem = problem or toy_problem(epochs=3)
        self.clock = ManualClock()
        self.journal = journal or MemoryJournal()
        self.searcher = searcher or starting(1)
        model = ToyModel(problem=self.problem, more=more)
        self.platform = MemoryPlatform(
            clock=self.clock, behave=lambda spec: change(spec, model(spec)), **{"cancel_seconds": 1.0, **platform}
        )
        self.settings: dict[str, Any] = {
            "searcher": self.searcher,
            "problem": self.problem,
            "platform": self.platform,
            "clock": self.clock,
            "jobs": ToyJobs(problem=self.problem, evaluates=evaluates, evaluates_base=evaluates_base),
            "scored_by_evaluation": scored_by_evaluation,
            "stopper": stopper,
            "rules": rules,
            "callbacks": callbacks,
            "executor": executor,
            "cancel_requested": lambda: cancelled(self.clock),
        }
        self.engine = build_engine(journal=self.journal, **self.settings)

    def run(self) -> "Lab":
        self.engine.run()
        return self

    def resume(self) -> "Lab":
        """Another runner over the same journal and platform."""
        self.engine = build_engine(journal=self.journal.reopened(), **self.settings)
        return self

    def seconds(self, count: int) -> "Lab":
        """Runs for a while."""
        for _ in range(count):
            while self.engine.tick():
                pass
            self.clock.time += 1.0
        return self

    def events(self, kind: type[E]) -> list[E]:
        return [event for event in self.journal.read() if isinstance(event, kind)]

    @property
    def trials(self) -> list[Trial]:
        return self.engine.experiment.trials

    @property
    def states(self) -> list[str]:
        return [trial.state.value for trial in self.trials]
