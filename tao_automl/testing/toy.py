"""A toy model to train: a curve over epochs, and all that the engine needs to run a search on it.

    engine = build_engine(searcher=RandomSearch(problem=toy_problem()))
    engine.run()
    print(engine.experiment.best)

The model's job writes tagged JSON lines, one per epoch; its evaluation writes one. Everything is a function of the
job's spec, so that a second run, or a resumed one, sees the same numbers.
"""

import json
import math
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from tao_automl.domain.events import ExperimentCreated, Purpose
from tao_automl.domain.experiment import Job
from tao_automl.domain.finite import finite
from tao_automl.domain.goal import Direction, Objective
from tao_automl.domain.job import FailureAnalysis, FailureClass, JobOutputs, JobSpec, JobState
from tao_automl.domain.json_types import JsonObject
from tao_automl.domain.parameters import Choice, Float, Int
from tao_automl.domain.ports import Clock, Journal, PlatformSDK, Searcher, Stopper
from tao_automl.domain.problem import Fidelity, Problem
from tao_automl.domain.scales import Scale
from tao_automl.domain.space import SearchSpace
from tao_automl.engine.loop import Engine, Listener
from tao_automl.engine.workers import Workers
from tao_automl.engine.world import Callbacks, FileSource, NotPossible, Reading, Resume, Rules, World
from tao_automl.store.memory import MemoryJournal
from tao_automl.testing.clock import ManualClock
from tao_automl.testing.memory_platform import Behaviour, MemoryPlatform

P = ParamSpec("P")
T = TypeVar("T")

TAG = "metric"
BEST_LR = 0.01
_METRICS = {Direction.MINIMIZE: "loss", Direction.MAXIMIZE: "accuracy"}

INFRASTRUCTURE = FailureAnalysis(
    failure_class=FailureClass.INFRASTRUCTURE, evidence="node lost", advice="wait", retriable=True
)
MODEL_CODE = FailureAnalysis(
    failure_class=FailureClass.MODEL_CODE, evidence="ValueError: lr is too large", advice="lower it"
)


class InlineExecutor(Executor):
    """Runs each call at once, in the caller's thread. What is no Exception (a Ctrl-C, a fuse) goes right through."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001  # this is what an executor does
            future.set_exception(error)
        return future


def toy_space() -> SearchSpace:
    """A learning rate that matters, a width that matters less, and an option."""
    return SearchSpace(
        (
            Float(name="lr", low=1e-4, high=1.0, default=1e-3, scale=Scale.LOG),
            Int(name="width", low=1, high=16, default=4),
            Choice(name="optimizer", options=("sgd", "adam"), default="sgd"),
        )
    )


def toy_problem(direction: Direction = Direction.MINIMIZE, *, epochs: int | None = 9, seed: int = 0) -> Problem:
    """The metric is ``loss`` or ``accuracy``. Without `epochs` there is no fidelity."""
    return Problem(
        space=toy_space(),
        objective=Objective(metric=_METRICS[direction], direction=direction),
        fidelity=Fidelity(key="train.epochs", low=1, high=epochs) if epochs else None,
        seed=seed,
    )


def toy_value(params: JsonObject, epoch: int, direction: Direction) -> float:
    """Where the curve of a configuration stands. Longer training is always better; so is a learning rate near 0.01."""
    lr, width = finite(params["lr"]) or BEST_LR, finite(params["width"]) or 1.0
    distance = math.log10(lr / BEST_LR) ** 2 / 4 + abs(width - 8) / 80 + (params["optimizer"] == "sgd") * 0.05
    loss = distance + 0.5 / (1 + epoch)
    return loss if direction is Direction.MINIMIZE else 1.0 - loss


@dataclass(frozen=True, slots=True, kw_only=True)
class ToyJobs:
    """See `tao_automl.engine.world.Jobs`. Without `evaluates` there is no evaluate action."""

    problem: Problem
    gpus: int = 1
    evaluates: bool = True
    evaluates_base: bool = False
    epochs: int = 3  # of a problem without a fidelity
    metric_files: Sequence[FileSource] = ()

    def training(self, key: str, params: JsonObject, budget: int, resume: Resume | None) -> JobSpec:
        start = _epoch_of(resume.checkpoint) if resume else 0
        epochs = budget if self.problem.fidelity else self.epochs
        return self._spec(key, {"action": "train", "params": params, "start": start, "epochs": epochs}, resume)

    def evaluation(self, key: str, purpose: Purpose, params: JsonObject, trained: Job) -> JobSpec | NotPossible:
        checkpoint = trained.ended.checkpoint if trained.ended else None
        if not self.evaluates:
            return NotPossible("the toy has no evaluate action")
        if checkpoint is None:
            return NotPossible(f"{trained.key} left no checkpoint")
        content: JsonObject = {"action": "evaluate", "params": params, "start": 0, "epochs": _epoch_of(checkpoint)}
        return self._spec(key, content, Resume(job=trained.key, checkpoint=checkpoint))

    def _spec(self, key: str, content: JsonObject, resume: Resume | None) -> JobSpec:
        return JobSpec(
            key=key,
            command=("python", "toy.py"),
            files={"spec.json": json.dumps(content)},
            resume_from=resume.job if resume else None,
            gpus=self.gpus,
        )

    def base_evaluation(self, key: str) -> JobSpec | NotPossible:
        if not self.evaluates_base:
            return NotPossible("the toy has no base model")
        return self._spec(key, {"action": "evaluate", "params": self.problem.space.default(), "epochs": 1}, None)

    def adjustments(self, params: JsonObject) -> Sequence[JsonObject]:
        return ()

    def checkpoint(self, outputs: JobOutputs) -> str | None:
        return max(self.checkpoints(outputs), key=_epoch_of, default=None)

    def checkpoints(self, outputs: JobOutputs) -> Sequence[str]:
        return [file.path for file in outputs.files if file.path.endswith(".ckpt")]

    def read_metrics(self, line: str) -> Reading | None:
        if not line.startswith("{"):
            return None
        content = json.loads(line)
        if content.get("tao_automl") != TAG:
            return None
        return Reading(content.get("epoch"), {name: finite(value) for name, value in content["metrics"].items()})

    def evaluation_objectives(self, objective: Objective) -> Sequence[Objective]:
        return (objective,)


def _epoch_of(checkpoint: str) -> int:
    return int(checkpoint.removeprefix("epoch_").removesuffix(".ckpt"))


def metric_line(epoch: int | None, **metrics: Any) -> str:
    """A line of a job's log that reports metrics."""
    return json.dumps({"tao_automl": TAG, "epoch": epoch, "metrics": metrics})


@dataclass(frozen=True, slots=True, kw_only=True)
class ToyModel:
    """What the jobs of `ToyJobs` do on a `MemoryPlatform`: an epoch takes `epoch_seconds`, and leaves a checkpoint."""

    problem: Problem
    epoch_seconds: float = 2.0
    queued: float = 0.0
    more: Callable[[JsonObject, int], dict[str, float]] = lambda params, epoch: {}  # other metrics

    @property
    def _metric(self) -> str:
        """What it reports: the objective, or what a formula is made of."""
        objective = self.problem.objective
        return objective.metric if objective.formula is None else _METRICS[objective.direction]

    def __call__(self, spec: JobSpec) -> Behaviour:
        content = json.loads(spec.files["spec.json"])
        direction, params, last = self.problem.objective.direction, content["params"], content["epochs"]
        if content["action"] == "evaluate":
            value = toy_value(params, last, direction)
            lines = [
                (0.5, "evaluating"),
                (1.0, metric_line(None, **{self._metric: value} | self.more(params, last))),
            ]
            return Behaviour(seconds=1.5, lines=lines, queued=self.queued)
        epochs = range(content["start"] + 1, last + 1)
        ends = [(self.epoch_seconds * (epoch - content["start"]), epoch) for epoch in epochs]
        values = [{self._metric: toy_value(params, epoch, direction)} | self.more(params, epoch) for epoch in epochs]
        lines = [(at, metric_line(epoch, **v)) for (at, epoch), v in zip(ends, values, strict=True)]
        return Behaviour(
            seconds=self.epoch_seconds * len(ends) + 0.5,
            lines=lines,
            outputs=[(at, f"epoch_{epoch}.ckpt") for at, epoch in ends],
            queued=self.queued,
        )


def broken(after: float, failure: FailureAnalysis = MODEL_CODE) -> Behaviour:
    """A job that fails after so many seconds, without a word."""
    return Behaviour(seconds=after, state=JobState.FAILED, detail=failure.evidence, failure=failure)


def toy_created(problem: Problem, clock: Clock, **more: Any) -> ExperimentCreated:
    """The first event of a toy run, with `more` of its fields."""
    return ExperimentCreated(
        at=clock.now(),
        id="toy",
        version="0",
        objective=problem.objective,
        fidelity=problem.fidelity,
        seed=problem.seed,
        algorithm="toy",
        platform="memory",
        skill="toy",
        digest="",
        arguments={},
        space=(),
        others=problem.others,
        constraints=problem.constraints,
        **more,
    )


def build_engine(
    *,
    searcher: Searcher,
    problem: Problem | None = None,
    journal: Journal | None = None,
    platform: PlatformSDK | None = None,
    clock: Clock | None = None,
    jobs: ToyJobs | None = None,
    rules: Rules | None = None,
    callbacks: Callbacks | None = None,
    executor: Executor | None = None,
    cancel_requested: Callable[[], bool] = lambda: False,
    listeners: Sequence[Listener] = (),
    stopper: Stopper | None = None,
    scored_by_evaluation: bool = False,
) -> Engine:
    """An engine that is attached to its journal, which is begun if it is empty: for a first run and for a resumed one.

    What is not given is a toy. A `platform` comes with the `clock` that it was built with.
    """
    problem = problem or toy_problem()
    clock = clock or ManualClock()
    callbacks = callbacks or Callbacks()
    world = World(
        problem=problem,
        searcher=searcher,
        stopper=stopper,
        platform=platform or MemoryPlatform(clock=clock, behave=ToyModel(problem=problem)),
        jobs=jobs or ToyJobs(problem=problem),
        clock=clock,
        workers=Workers(executor or InlineExecutor()),
        rules=rules or Rules(),
        callbacks=callbacks,
        cancel_requested=cancel_requested,
    )
    engine = Engine(journal or MemoryJournal(), world, listeners)
    if engine.experiment.seq == 0:
        scored = {"scored_by_callback": callbacks.eval_fn is not None, "scored_by_evaluation": scored_by_evaluation}
        engine.record([toy_created(problem, clock, **scored)])
    engine.attach()
    return engine
