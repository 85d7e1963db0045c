"""What goes on in the world while a runner is killed, and a rig that survives it."""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tao_automl.domain.events import MetricReported
from tao_automl.domain.finite import finite
from tao_automl.domain.goal import Direction, Objective, OutcomeConstraint
from tao_automl.domain.job import JobSpec, JobState
from tao_automl.domain.json_types import JsonObject
from tao_automl.domain.ports import Journal, Searcher, Stopper
from tao_automl.domain.problem import Problem
from tao_automl.domain.trial import Decision, Promote, Start, Stop, Trial, TrialState
from tao_automl.engine.loop import Engine
from tao_automl.engine.world import Callbacks, FileSource, Retention, Rules
from tao_automl.errors import PlatformRejected
from tao_automl.metrics import DocumentReader, StatusReader
from tao_automl.runner.metric_sources import NamedReader
from tao_automl.testing.clock import ManualClock
from tao_automl.testing.fuse import Fuse, FusedJournal, FusedPlatform, Killed, fused_callbacks
from tao_automl.testing.memory_platform import Behaviour, MemoryPlatform
from tao_automl.testing.toy import (
    INFRASTRUCTURE,
    ToyJobs,
    ToyModel,
    broken,
    build_engine,
    metric_line,
    toy_problem,
    toy_value,
)

Change = Callable[[JobSpec, Behaviour], Behaviour]
MakeJournal = Callable[[], Journal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Halving:
    """A small searcher that uses every kind of decision: starts, promotes the best two, stops what falls behind."""

    problem: Problem
    num_recommendations: int = 4

    def ask(self, history: Sequence[Trial], slots: int) -> Sequence[Decision]:
        done = [t for t in history if t.state is TrialState.COMPLETED and t.score and t.id]
        if len(history) < min(3, self.num_recommendations):
            due: list[Decision] = [self._start(n) for n in range(len(history), 3)]
        elif len(history) < self.num_recommendations and not history[2].live:
            due = [self._start(n) for n in range(len(history), self.num_recommendations)]
        elif any(trial.live for trial in history):
            due = []
        else:
            best = sorted(done, key=lambda t: t.score.cost if t.score else math.inf)[:2]
            due = [Promote(trial=t.id, budget=3) for t in best if t.budget < 3]
        return due[:slots]

    def _start(self, number: int) -> Start:
        params = self.problem.space.decode([(number * 0.37) % 1.0, (number * 0.61) % 1.0, 0.2])
        if number == 3:  # from where its predecessor left off
            return Start(params=params, budget=2, parent=2)
        return Start(params=params, budget=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping:
    """Another searcher that also stops every third trial as soon as it has reported something."""

    inner: Searcher

    def ask(self, history: Sequence[Trial], slots: int) -> Sequence[Decision]:
        stops = [Stop(trial=t.id, reason="every third") for t in history if t.live and t.id % 3 == 2 and t.scores]
        return [*stops, *self.inner.ask(history, slots)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One kind of trouble.

    Attributes:
        change: what becomes of a job.
        metric_files: where jobs report besides the log.
        cancel_at: seconds after the begin at which the user cancels.
        outage: (from, to) in seconds after the begin: the platform cannot be asked.
        stopping: the searcher is made to stop trials.
        others, constraints: of the problem.
        more: metrics that jobs report besides the first objective.
        stopper: whether trials are stopped early.
        sparse: one in so many points is tried with the installed searchers; the small one is tried at all.
    """

    name: str
    rules: Rules = field(default_factory=lambda: Rules(max_concurrent=2, tolerated_failure_rate=1.0))
    change: Change = lambda spec, behaviour: behaviour
    callbacks: Callable[[Problem], Callbacks] = lambda problem: Callbacks()
    evaluates: bool = False
    metric_files: Sequence[FileSource] = ()
    evaluates_base: bool = False
    scored_by_evaluation: bool = False
    others: tuple[Objective, ...] = ()
    constraints: tuple[OutcomeConstraint, ...] = ()
    more: Callable[[JsonObject, int], dict[str, float]] = lambda params, epoch: {}
    stopper: Callable[[Problem], Stopper | None] = lambda problem: None
    sparse: int = 1
    stopping: bool = False
    cancel_at: float = math.inf
    outage: tuple[float, float] = (math.inf, math.inf)
    cancel_seconds: float = 0.0


@dataclass(kw_only=True)
class Rig:
    """A scenario under way: the clock, the platform and the journal live on when the runner dies."""

    scenario: Scenario
    make_searcher: Callable[[Problem], Searcher]
    make_journal: MakeJournal
    clock: ManualClock = field(default_factory=ManualClock)
    problem: Problem = field(init=False)
    platform: MemoryPlatform = field(init=False)
    began: float = field(init=False)

    def __post_init__(self) -> None:
        plain = toy_problem(Direction.MAXIMIZE, epochs=3)
        self.problem = replace(plain, others=self.scenario.others, constraints=self.scenario.constraints)
        model = ToyModel(problem=self.problem, epoch_seconds=2.0, more=self.scenario.more)
        self.platform = MemoryPlatform(
            clock=self.clock,
            behave=lambda spec: self.scenario.change(spec, model(spec)),
            slots=3,
            poll_interval=3.0,
            cancel_seconds=self.scenario.cancel_seconds,
        )
        self.began = self.clock.now()
        self.clock.on_sleep = self._on_sleep

    def _on_sleep(self, seconds: float) -> None:
        low, high = self.scenario.outage
        self.platform.down = {"*"} if low <= self.clock.now() - self.began < high else set()

    def live(self, fuse: Fuse) -> Engine:
        """Runs until the end, or until the fuse blows: then raises Killed."""
        searcher = self.make_searcher(self.problem)
        engine = build_engine(
            searcher=Stopping(inner=searcher) if self.scenario.stopping else searcher,
            problem=self.problem,
            journal=FusedJournal(self.make_journal(), fuse),
            platform=FusedPlatform(self.platform, fuse),
            clock=self.clock,
            jobs=ToyJobs(
                problem=self.problem,
                evaluates=self.scenario.evaluates,
                evaluates_base=self.scenario.evaluates_base,
                metric_files=self.scenario.metric_files,
            ),
            stopper=self.scenario.stopper(self.problem),
            scored_by_evaluation=self.scenario.scored_by_evaluation,
            rules=self.scenario.rules,
            callbacks=fused_callbacks(self.scenario.callbacks(self.problem), fuse),
            cancel_requested=lambda: self.clock.now() - self.began >= self.scenario.cancel_at,
        )
        engine.run()
        return engine

    def live_through(self, *fuses: Fuse, downtime: float = 0.0) -> Engine:
        """Dies at each fuse in turn, if it gets that far, and is started again; the last life has no fuse."""
        for fuse in fuses:
            try:
                return self.live(fuse)
            except Killed:
                self.clock.time += downtime
        return self.live(Fuse())


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that must not depend on how often the runner died. Event numbers and the times of events may."""

    trials: tuple[tuple[Any, ...], ...]
    result: tuple[Any, ...]
    reports: tuple[tuple[Any, ...], ...]
    launched: tuple[tuple[str, int], ...]
    running: tuple[str, ...]
    left: tuple[tuple[str, tuple[str, ...]], ...]  # the files of each job
    feedback: tuple[tuple[int, Any], ...]


def outcome(engine: Engine, rig: Rig) -> Outcome:
    experiment = engine.experiment
    best = experiment.best
    finished = experiment.finished
    return Outcome(
        trials=tuple(
            (
                t.id,
                t.params,
                t.state,
                t.budget,
                t.parent,
                t.failure,
                t.reason,
                {b: (s.value, s.costs, s.excess) for b, s in t.scores.items()},
            )
            for t in experiment.trials
        ),
        result=(
            (best.trial, best.budget, best.event.value) if best else None,
            (finished.status, finished.reason) if finished else None,
            experiment.baseline,
            experiment.finals,
            [(winner.trial, winner.budget) for winner in experiment.winners],
            sorted(experiment.failed_callbacks),
        ),
        reports=tuple(sorted(_reports(engine), key=repr)),
        launched=tuple(sorted(rig.platform.launched.items())),
        running=tuple(rig.platform.running),
        left=tuple((key, _files(rig, key)) for key in sorted(rig.platform.jobs)),
        feedback=tuple(sorted(experiment.feedback.items())),
    )


def _files(rig: Rig, key: str) -> tuple[str, ...]:
    return tuple(file.path for file in rig.platform.get_job_outputs(key).files)


def _reports(engine: Engine) -> Iterator[tuple[Any, ...]]:
    for event in engine.journal.read():
        if isinstance(event, MetricReported):
            yield event.key, event.epoch, tuple(event.values.items())


def _trial_of(spec: JobSpec) -> int:
    """The base model is no trial's: -1."""
    whose = spec.key.split("-")[1]
    return -1 if whose == "base" else int(whose.removeprefix("t"))


def _attempt_of(spec: JobSpec) -> int:
    return int(spec.key.rpartition("-a")[2])


def failing(spec: JobSpec, behaviour: Behaviour) -> Behaviour:
    """Each trial but the first two fails in another way."""
    match _trial_of(spec):
        case 2:
            return broken(0.0)
        case 3:
            return replace(behaviour, rejection=PlatformRejected("no such image", "name another", cause="image"))
        case 4:
            return replace(behaviour, lines=())
        case 5:
            return replace(broken(3.0), lines=behaviour.lines)
        case _:
            return behaviour


def flaky(spec: JobSpec, behaviour: Behaviour) -> Behaviour:
    """First attempts break down: some after a checkpoint, some without a trace; trial 3 does so each time."""
    trial, attempt = _trial_of(spec), _attempt_of(spec)
    if trial == 3 or (attempt == 1 and trial % 2 == 1):
        return replace(behaviour, seconds=2.5, state=JobState.FAILED, detail="node lost", failure=INFRASTRUCTURE)
    if attempt == 1 and trial == 2:
        return replace(behaviour, seconds=1.0, state=JobState.LOST)
    if attempt == 1 and "baseline" in spec.key:
        return broken(0.5, INFRASTRUCTURE)
    return behaviour


def flaky_evaluations(spec: JobSpec, behaviour: Behaviour) -> Behaviour:
    """The first attempts at evaluating the base model and trial 1 break down, and all at evaluating trial 2."""
    trial, training = _trial_of(spec), spec.key.split("-")[2][1:].isdecimal()
    breaks = trial == 2 or (trial in (-1, 1) and _attempt_of(spec) == 1)
    return broken(0.5, INFRASTRUCTURE) if breaks and not training else behaviour


def hanging(spec: JobSpec, behaviour: Behaviour) -> Behaviour:
    """All trials but the first two hang after their first report."""
    lines = behaviour.lines[:1]
    return behaviour if _trial_of(spec) < 2 else Behaviour(seconds=math.inf, lines=lines)


def slow(spec: JobSpec, behaviour: Behaviour) -> Behaviour:
    """Odd trials hang."""
    return replace(behaviour, seconds=math.inf) if _trial_of(spec) % 2 else behaviour


STATUS = FileSource(
    pattern="status.json", open=lambda b, e: NamedReader(reader=StatusReader(b, e), names={}), grows=True
)
DOCUMENT = FileSource(
    pattern="metrics.json", open=lambda b, e: NamedReader(reader=DocumentReader(b, e), names={}), last_resort=True
)


def silent(spec: JobSpec, behaviour: Behaviour) -> Behaviour:
    """Jobs that report in files: the epoch of a report is told by the record behind it. The log says a little."""
    told: list[tuple[float, str]] = []
    for at, text in behaviour.lines:
        if text.startswith("{"):
            content = json.loads(text)
            kpi = {"kpi": content["metrics"], "message": "Eval metrics generated."}
            told += [(at, json.dumps(kpi)), (at, json.dumps({"epoch": content["epoch"]}))]
    files = {"train/status.json": told, "metrics.json": [(0.0, json.dumps({"accuracy": 9.0, "speed": 2.0}))]}
    said = [(0.5, metric_line(1, loss=1.0))] if _trial_of(spec) % 2 else []
    return replace(
        behaviour, lines=said, files={"metrics.json": files["metrics.json"]} if _trial_of(spec) == 3 else files
    )


def all_callbacks(problem: Problem) -> Callbacks:
    """Each callback answers in another form; some raise for some trials."""
    direction, metric = problem.objective.direction, problem.objective.metric

    def eval_fn(rec: Any, job_id: str) -> Any:
        if rec["rec_id"] == 2:
            raise ValueError("no such file")
        value = toy_value(rec["specs"], rec["budget"], direction)
        return {metric: value, "latency": 3} if rec["rec_id"] % 2 else (value, 0.01)

    def extractor(logs: str, name: str) -> float | None:
        if "4" in logs.partition("epoch")[0]:
            raise RuntimeError("cannot read this")
        return float(len(logs.splitlines()))

    return Callbacks(
        metric_extractor=extractor,
        eval_fn=eval_fn,
        baseline_fn=lambda specs: 0.25,
        final_eval_fn=lambda rec, job_id: {"metric_value": 0.5, "record_path": "r.json", "job_id": job_id},
    )


def telling(problem: Problem) -> Callbacks:
    """A `feedback_fn` that has nothing usable to say about every third trial."""

    def feedback_fn(rec: Any, job_id: str) -> Any:
        if rec["rec_id"] == 1:
            raise ValueError("cannot say")
        return None if rec["rec_id"] % 3 == 2 else {"comment": f"{job_id} is slow", "label": "cat"}

    return Callbacks(feedback_fn=feedback_fn)


@dataclass(frozen=True, slots=True)
class Impatient:
    """Stops every third trial of the search as soon as it has reported something."""

    problem: Problem

    def stops(self, history: Sequence[Trial]) -> Sequence[Stop]:
        return [Stop(trial=t.id, reason="early") for t in history if t.live and t.id % 3 == 2 and t.scores]


def weighing(params: JsonObject, epoch: int) -> dict[str, float]:
    """Wide networks are slow, and long trainings make large ones."""
    return {"latency": float(finite(params["width"]) or 0.0), "size": 10.0 + epoch}


_LENIENT = Rules(max_concurrent=2, tolerated_failure_rate=1.0, retry_backoff=1.0, allow_proxy_metric=True)

SCENARIOS = (
    Scenario(name="plain", evaluates=True),
    Scenario(name="files", change=silent, metric_files=(STATUS, DOCUMENT), evaluates=True),
    Scenario(name="failures", change=failing, rules=_LENIENT),
    Scenario(name="stops", stopping=True, cancel_seconds=1.0),
    Scenario(name="retries", change=flaky, rules=replace(_LENIENT, max_attempts=2), evaluates=True),
    Scenario(name="wall time", change=hanging, rules=replace(_LENIENT, max_wall_time=40.0), cancel_seconds=1.0),
    Scenario(name="trial time", change=slow, rules=replace(_LENIENT, max_trial_time=9.0), cancel_seconds=1.0),
    Scenario(name="callbacks", callbacks=all_callbacks, rules=_LENIENT),
    Scenario(name="user cancels", change=hanging, rules=_LENIENT, cancel_at=24.0, evaluates=True, cancel_seconds=3.0),
    Scenario(name="fails too often", change=failing, rules=replace(_LENIENT, tolerated_failure_rate=0.1)),
    Scenario(name="outage", outage=(5.0, 11.0), evaluates=True),
    Scenario(
        name="front",
        sparse=20,
        others=(Objective(metric="latency", direction=Direction.MINIMIZE),),
        constraints=(OutcomeConstraint(left="size", right="1.1 * baseline", at_most=True),),
        more=weighing,
        evaluates=True,
    ),
    Scenario(
        name="scored by evaluation",
        sparse=20,
        change=flaky_evaluations,
        rules=replace(_LENIENT, max_attempts=2, retention=Retention.BEST, reuse_best_evaluation=True),
        evaluates=True,
        evaluates_base=True,
        scored_by_evaluation=True,
    ),
    Scenario(
        name="tidy",
        sparse=20,
        rules=replace(_LENIENT, retention=Retention.BEST),
        callbacks=telling,
        stopper=lambda problem: Impatient(problem),
        evaluates=True,
        cancel_seconds=1.0,
    ),
)
