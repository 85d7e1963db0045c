"""Runs: beginning one, resuming one, and driving its engine to the end."""

import time
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tao_automl import plugins
from tao_automl._version import __version__
from tao_automl.domain.events import (
    BaselineSettled,
    Event,
    ExperimentCreated,
    FinalEvaluationSettled,
    JobEnded,
    Purpose,
)
from tao_automl.domain.experiment import Experiment, Job, fold
from tao_automl.domain.goal import Objective
from tao_automl.domain.job import JobOutputs, JobSpec
from tao_automl.domain.json_types import JsonObject
from tao_automl.domain.ports import Journal, PlatformSDK
from tao_automl.domain.problem import Problem
from tao_automl.domain.space import SearchSpace
from tao_automl.domain.trial import Decision, Trial
from tao_automl.engine.loop import Engine, Listener
from tao_automl.engine.workers import Workers
from tao_automl.engine.world import Callbacks, NotPossible, Reading, Resume, World
from tao_automl.errors import JournalError, SettingsError, SkillChanged
from tao_automl.runner.arguments import Arguments
from tao_automl.runner.artifacts import write_artifacts, write_record
from tao_automl.runner.data_check import check_data
from tao_automl.runner.journals import open_journal
from tao_automl.runner.mailbox import cancel_requested, clear_requests
from tao_automl.runner.notices import Notices
from tao_automl.runner.result import Result
from tao_automl.runner.setup import Setup, prepare
from tao_automl.runner.trackers import continued_trackers, open_trackers
from tao_automl.runner.tracking import Tracking
from tao_automl.tracking.port import Tracker

CALLBACK_THREADS = 8


class SystemClock:
    """See `tao_automl.domain.ports.Clock`."""

    def now(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a run needs besides its arguments."""

    workspace: Path
    platform: PlatformSDK
    callbacks: Callbacks = field(default_factory=Callbacks)
    poll_interval: float | None = None
    on_event: Listener | None = None


def open_platform(name: str, workspace: Path, options: Mapping[str, Any]) -> PlatformSDK:
    """A platform by name. Raises UnknownPlugin, MissingExtra, or what the platform has against the options."""
    platform: PlatformSDK = plugins.load(plugins.PLATFORMS, name)(workspace, options)
    return platform


def begin(run: Run, setup: Setup) -> Result:
    """A fresh run. The data is checked before the workspace is touched."""
    check_scoring(setup, run.callbacks)
    check_data(setup)
    trackers = open_trackers(setup.arguments.trackers, run.workspace)
    journal = open_journal(run.workspace, "create")
    try:
        first = created(setup, run.platform.name, scored_by_callback=run.callbacks.eval_fn is not None)
        journal.append([first], expect=0)
        return _drive(run, journal, _world(run, setup), trackers)
    finally:
        journal.close()


def resume(run: Run, given: Mapping[str, Any]) -> Result:
    """Continues the run in the workspace. What is `given` must be as it was when the run began."""
    journal = open_journal(run.workspace, "write")
    try:
        facts = fold(journal.read()).facts
        recorded = Arguments.recorded(facts)
        setup = prepare(recorded.updated(given), run.platform, known=facts.known)
        if changed := setup.arguments.differences(recorded):
            raise SettingsError(
                f"{run.workspace}: the run was begun with other arguments: {'; '.join(changed)}",
                "leave them out to resume, or start a new run in another workspace",
            )
        if setup.skill.digest != facts.digest:
            raise SkillChanged(
                f"{setup.skill.path}: the skill's files are not those that the run began with",
                "restore them, or start a new run in another workspace",
            )
        _check_scoring(run, facts)
        trackers = continued_trackers(setup.arguments.trackers, recorded.trackers, run.workspace)
        clear_requests(run.workspace)
        return _drive(run, journal, _world(run, setup), trackers)
    finally:
        journal.close()


def check_scoring(setup: Setup, callbacks: Callbacks) -> None:
    """Trials are scored in one way. Raises SettingsError."""
    if callbacks.eval_fn and setup.scored_by_evaluation:
        raise SettingsError(
            "eval_fn: the trials are scored by the skill's evaluate action already",
            "leave `evaluate_trials` out, or `eval_fn`",
        )
    if setup.scored_by_evaluation and (reason := setup.jobs.why_no_evaluation()):
        raise SettingsError(
            f"evaluate_trials: the trials are scored by the evaluate action, which cannot run: {reason}",
            "give what is missing, or optimise a metric that the training reports",
        )
    has_base = not isinstance(setup.jobs.base_evaluation("check"), NotPossible)
    known = setup.settings.rules.evaluate_default or callbacks.baseline_fn or has_base
    if setup.problem.goal.relative and not known:
        raise SettingsError(
            "outcome_constraints: one compares with the baseline, and evaluate_default=False leaves none",
            "leave `evaluate_default` out, or give `baseline_fn`",
        )


def _check_scoring(run: Run, facts: ExperimentCreated) -> None:
    """One run ranks by one measure: by `eval_fn` from beginning to end, or not at all."""
    given = run.callbacks.eval_fn is not None
    if given is not facts.scored_by_callback:
        began = "with" if facts.scored_by_callback else "without"
        raise SettingsError(
            f"{run.workspace}: the run was begun {began} an `eval_fn`; its trials can be ranked in one way only",
            "resume from Python: `runner.run(resume=True, eval_fn=...)`" if not given else "leave `eval_fn` out",
        )


def end(run: Run) -> Result:
    """Takes the run over for nothing but to cancel its jobs. Needs neither the skill nor the callbacks."""
    journal = open_journal(run.workspace, "write")
    try:
        facts = fold(journal.read()).facts
        asked = Arguments.recorded(facts).trackers
        trackers = continued_trackers(asked, asked, run.workspace)
        return _drive(run, journal, _closing_world(run, facts), trackers)
    finally:
        journal.close()


def created(setup: Setup, platform: str, *, scored_by_callback: bool) -> ExperimentCreated:
    """The first event of a run."""
    return ExperimentCreated(
        at=time.time(),
        id=uuid.uuid4().hex[:8],
        version=__version__,
        objective=setup.problem.objective,
        fidelity=setup.problem.fidelity,
        seed=setup.problem.seed,
        algorithm=str(setup.arguments.automl_algorithm),
        platform=platform,
        skill=setup.skill.name,
        digest=setup.skill.digest,
        arguments=asdict(setup.arguments),
        space=tuple(setup.problem.space.to_json()),
        scored_by_callback=scored_by_callback,
        total_trials=getattr(setup.searcher, "num_recommendations", None),
        others=setup.problem.others,
        constraints=setup.problem.constraints,
        scored_by_evaluation=setup.scored_by_evaluation,
        known=setup.known,
    )


def _drive(run: Run, journal: Journal, world: World, trackers: Mapping[str, Tracker]) -> Result:
    notices, tracking = Notices(run.callbacks), Tracking(trackers)
    listeners = [run.on_event] if run.on_event else []
    engine = Engine(journal, world, [*listeners, notices, tracking, _Recorder(run.workspace)])
    tracking.replay(journal.read())
    try:
        if not engine.experiment.finished:
            engine.attach()
            engine.run()
    finally:
        notices.close()
        world.workers.close()
        tracking.close(engine.experiment)
    return write_artifacts(engine.experiment, run.workspace, world.clock.now())


def _world(run: Run, setup: Setup) -> World:
    threads = ThreadPoolExecutor(max_workers=CALLBACK_THREADS, thread_name_prefix="tao-automl-callback")
    return World(
        problem=setup.problem,
        searcher=setup.searcher,
        stopper=setup.stopper,
        platform=run.platform,
        jobs=setup.jobs,
        clock=SystemClock(),
        workers=Workers(threads),
        rules=setup.settings.rules,
        callbacks=run.callbacks,
        base_specs=setup.jobs.training_spec(setup.problem.space.default(), setup.problem.full_budget),
        cancel_requested=lambda: cancel_requested(run.workspace),
        poll_interval=run.poll_interval,
    )


def _closing_world(run: Run, facts: ExperimentCreated) -> World:
    problem = Problem(space=SearchSpace(()), objective=facts.objective, fidelity=facts.fidelity, seed=facts.seed)
    return World(
        problem=problem,
        searcher=_NoSearch(),
        platform=run.platform,
        jobs=_NoJobs(),
        clock=SystemClock(),
        workers=Workers(ThreadPoolExecutor(max_workers=1)),
        cancel_requested=lambda: True,
    )


class _NoSearch:
    """A searcher that wants nothing."""

    def ask(self, history: Sequence[Trial], slots: int) -> Sequence[Decision]:
        return ()


class _NoJobs:
    """Jobs of a run that is only being ended: none is made any more."""

    gpus = 0
    metric_files = ()

    def training(self, key: str, params: JsonObject, budget: int, resume: Resume | None) -> JobSpec:
        raise JournalError("a run that is being cancelled trains nothing")

    def evaluation(self, key: str, purpose: Purpose, params: JsonObject, trained: Job) -> JobSpec | NotPossible:
        return NotPossible("the run was cancelled")

    def base_evaluation(self, key: str) -> JobSpec | NotPossible:
        return NotPossible("the run was cancelled")

    def adjustments(self, params: JsonObject) -> Sequence[JsonObject]:
        return ()

    def checkpoint(self, outputs: JobOutputs) -> str | None:
        return None

    def checkpoints(self, outputs: JobOutputs) -> Sequence[str]:
        return ()

    def read_metrics(self, line: str) -> Reading | None:
        return None

    def evaluation_objectives(self, objective: Objective) -> Sequence[Objective]:
        return (objective,)


@dataclass(frozen=True, slots=True)
class _Recorder:
    """A listener that writes the records of evaluations and of jobs as soon as there are any."""

    workspace: Path

    def __call__(self, event: Event, experiment: Experiment) -> None:
        if isinstance(event, JobEnded):
            write_record(experiment, experiment.jobs[event.key], self.workspace, event.at)
        if isinstance(event, BaselineSettled | FinalEvaluationSettled):
            write_artifacts(experiment, self.workspace, event.at)
