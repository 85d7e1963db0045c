"""`Study`: the same searchers and journal, with the trials run by hand: ask, train anywhere, tell."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tao_automl.domain.events import Event, TrialPromoted, TrialSettled, TrialStarted
from tao_automl.domain.experiment import Experiment, fold
from tao_automl.domain.finite import finite
from tao_automl.domain.job import FailureClass
from tao_automl.domain.ports import Journal
from tao_automl.domain.trial import Origin, Promote, Start, Trial, TrialState
from tao_automl.errors import SettingsError, UserError
from tao_automl.runner.arguments import BY_HAND, Arguments
from tao_automl.runner.journals import open_journal
from tao_automl.runner.runs import created
from tao_automl.runner.setup import Setup, prepare


@dataclass(frozen=True, slots=True)
class _NoPlatform:
    """What `prepare` wants to know of a platform when there is none."""

    name: str = BY_HAND

    def capacity(self, gpus: int) -> int | None:
        return None


class Study:
    """Ask and tell over the journal of a workspace. Made by `create_study` and `open_study`; a context manager.

    One study, or runner, at a time may have a workspace open.
    """

    def __init__(self, journal: Journal, setup: Setup) -> None:
        self._journal = journal
        self._setup = setup
        self._experiment = fold(journal.read())

    @property
    def trials(self) -> Sequence[Trial]:
        """All trials so far, in order."""
        return tuple(self._experiment.trials)

    @property
    def best(self) -> Trial | None:
        """The trial with the best value told so far."""
        best = self._experiment.best
        return self._experiment.trials[best.trial] if best else None

    @property
    def experiment(self) -> Experiment:
        """The state behind the study, for reading."""
        return self._experiment

    def ask(self, n: int = 1) -> list[Trial]:
        """Up to `n` trials to run now, each up to its `budget`; fewer, or none, if the searcher wants to hear of
        running ones first or is done. A trial that goes on to a larger budget comes again under its id."""
        if n < 1:
            raise SettingsError(f"ask: at least 1 is needed, got {n}")
        if self._setup.settings.rules.evaluate_default and not self._experiment.trials:
            first = self._started(0, Start(params=self._space.default(), budget=self._full), Origin.DEFAULT)
            self._record([first])
            return [self._experiment.trials[0], *(self.ask(n - 1) if n > 1 else [])]
        events: list[Event] = []
        asked: list[int] = []
        for decision in self._setup.searcher.ask(self._experiment.trials, n):
            match decision:
                case Start():
                    asked.append(len(self._experiment.trials) + sum(isinstance(e, TrialStarted) for e in events))
                    events.append(self._started(asked[-1], decision, Origin.SEARCH))
                case Promote(trial=trial, budget=budget):
                    asked.append(trial)
                    events.append(TrialPromoted(at=time.time(), trial=trial, budget=budget))
                case _:
                    pass  # nobody can stop a trial that runs elsewhere; its owner may tell what it has
        self._record(events)
        return [self._experiment.trials[trial] for trial in asked]

    def tell(
        self, trial: int, value: float | Mapping[str, float] | None = None, *, failed: bool = False, reason: str = ""
    ) -> Trial:
        """Settles a trial that was asked for: its metric at its budget, or that it failed.

        Raises UserError for a trial that does not wait for an answer, and for a value that is not finite.
        """
        if not 0 <= trial < len(self._experiment.trials) or not self._experiment.trials[trial].live:
            waiting = ", ".join(map(str, self._experiment.live)) or "none"
            raise UserError(f"trial {trial} does not wait for an answer", f"waiting: {waiting}")
        self._record([self._settled(trial, value, failed, reason)])
        return self._experiment.trials[trial]

    def close(self) -> None:
        """Gives the workspace free."""
        self._journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _space(self) -> Any:
        return self._setup.problem.space

    @property
    def _full(self) -> int:
        return self._setup.problem.full_budget

    def _started(self, trial: int, start: Start, origin: Origin) -> TrialStarted:
        return TrialStarted(
            at=time.time(),
            trial=trial,
            params=start.params,
            signature=self._space.signature(start.params),
            budget=start.budget,
            origin=origin,
            parent=start.parent,
        )

    def _settled(self, trial: int, value: Any, failed: bool, reason: str) -> TrialSettled:
        if failed:
            failure = FailureClass.UNKNOWN
            return TrialSettled(at=time.time(), trial=trial, state=TrialState.FAILED, failure=failure, reason=reason)
        metric = self._experiment.facts.objective.metric
        values = dict(value) if isinstance(value, Mapping) else {metric: value}
        number = finite(values.get(metric))
        if number is None:
            raise UserError(
                f"tell: a finite `{metric}` is needed, got {value!r}", "tell `failed=True` for a trial that has none"
            )
        finites = {str(name): v for name, raw in values.items() if (v := finite(raw)) is not None}
        return TrialSettled(
            at=time.time(), trial=trial, state=TrialState.COMPLETED, value=number, values=finites, reason=reason
        )

    def _record(self, events: Sequence[Event]) -> None:
        if events:
            self._journal.append(events, expect=self._experiment.seq)
            for event in events:
                self._experiment.apply(event)


def create_study(
    workspace: str | Path,
    *,
    skill_dir: str | Path,
    algorithm: str | None = None,
    settings: Mapping[str, Any] | None = None,
    hyperparameters: Sequence[str] | None = None,
    custom_param_ranges: Mapping[str, Any] | None = None,
    spec_overrides: Mapping[str, Any] | None = None,
) -> Study:
    """A new study over the search space of a skill. Arguments as in `RunArguments`; nothing is launched, ever."""
    if "trackers" in (settings or {}):
        raise SettingsError("a study tells no trackers", "`export_run` tells them at any time: see docs/tracking.md")
    arguments = Arguments(
        skill_dir=str(skill_dir),
        action="train",
        platform=BY_HAND,
        automl_algorithm=algorithm,
        automl_settings=dict(settings or {}),
        spec_overrides=dict(spec_overrides or {}),
        automl_hyperparameters=hyperparameters,
        custom_param_ranges=dict(custom_param_ranges or {}),
    )
    setup = prepare(arguments, _NoPlatform())
    journal = open_journal(Path(workspace).expanduser().absolute(), "create")
    journal.append([created(setup, BY_HAND, scored_by_callback=True)], expect=0)
    return Study(journal, setup)


def open_study(workspace: str | Path) -> Study:
    """The study in a workspace. Raises UserError if there is none, or if its trials are run by a runner."""
    journal = open_journal(Path(workspace).expanduser().absolute(), "write")
    try:
        facts = fold(journal.read()).facts
        if facts.platform != BY_HAND:
            raise UserError(
                f"{workspace}: the trials of this run are run on `{facts.platform}`",
                "resume it with `tao-automl resume`",
            )
        return Study(journal, prepare(Arguments.recorded(facts), _NoPlatform(), known=facts.known))
    except BaseException:
        journal.close()
        raise
