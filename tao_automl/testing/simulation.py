"""Runs a searcher against a function instead of a platform: in no time, deterministically, with failures on demand.

The clock is simulated: workers train one unit of budget after the other, report the objective after each, and the
searcher is asked after every report. What a trial has been trained for is kept when it is promoted, and what a parent
has completed when it is forked.
"""

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias, assert_never

from tao_automl.domain.conditions import Condition
from tao_automl.domain.dice import rng_for
from tao_automl.domain.goal import Direction, Objective
from tao_automl.domain.job import FailureClass
from tao_automl.domain.json_types import JsonObject, JsonValue
from tao_automl.domain.parameters import Bool, Choice, Fixed, Float, Int, Scale
from tao_automl.domain.ports import Searcher
from tao_automl.domain.problem import Fidelity, Problem
from tao_automl.domain.space import SearchSpace
from tao_automl.domain.trial import Decision, Origin, Promote, Score, Start, Stop, Trial, TrialState

Curve: TypeAlias = Callable[[JsonObject, int], float | None]
"""The objective's value after a budget; None: training breaks down there."""

Watch: TypeAlias = Callable[[Sequence[Trial], int, Sequence[Decision]], None]
"""Is shown every answer: the history and the slots that were asked for, and the decisions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """How often an execution of a trial ends badly, half way through: by itself, or because somebody stopped it."""

    fail: float = 0.0
    stop: float = 0.0
    seed: int = 0

    def strike(self, trial: Trial) -> TrialState | None:
        """How this execution of the trial will end; None: well. The same for the same trial and budget."""
        dice = rng_for(self.seed, "fault", trial.id, trial.budget).random()
        if dice < self.fail:
            return TrialState.FAILED
        return TrialState.STOPPED if dice < self.fail + self.stop else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """A finished simulation. `spent` counts the units that were trained; `curve_of_best` has the best cost so far after
    each improvement, by units spent."""

    trials: tuple[Trial, ...]
    decisions: tuple[Decision, ...]
    elapsed: float
    spent: int
    curve_of_best: Mapping[int, float]

    @property
    def best(self) -> Trial | None:
        """The trial with the lowest cost of all scores, at any budget."""
        scored = [trial for trial in self.trials if trial.scores]
        return min(scored, key=lambda t: min(s.cost for s in t.scores.values()), default=None)


def one_unit_a_second(trial: Trial) -> float:
    """The default speed of training."""
    return 1.0


def simulate(
    searcher: Searcher,
    problem: Problem,
    curve: Curve,
    *,
    slots: int = 1,
    faults: Faults | None = None,
    seconds: Callable[[Trial], float] = one_unit_a_second,
    evaluate_default: bool = True,
    max_spent: int | None = None,
    max_trials: int = 100_000,
    watch: Watch | None = None,
) -> Simulated:
    """Follows the searcher until it is done, or until `max_spent` units of budget are trained.

    `seconds` says how long a trial takes per unit. The default configuration is trial 0, in full, as in a real run.
    Raises AssertionError if the searcher starts more than `max_trials`: it would never end.
    """
    world = _World(problem=problem, curve=curve, faults=faults or Faults(), seconds=seconds)
    if evaluate_default:
        world.start(problem.space.default(), problem.full_budget, Origin.DEFAULT)
    while True:
        world.follow(searcher, slots, watch)
        assert len(world.trials) <= max_trials, f"{searcher} started more than {max_trials} trials"
        if not world.queue or (max_spent is not None and world.spent >= max_spent):
            return world.result()
        world.advance()


@dataclass(kw_only=True)
class _World:
    """The state of a simulation. `queue` holds (time, tie-break, trial id, units trained by then, budget)."""

    problem: Problem
    curve: Curve
    faults: Faults
    seconds: Callable[[Trial], float]
    trials: list[Trial] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    queue: list[tuple[float, int, int, int, int]] = field(default_factory=list)
    now: float = 0.0
    seq: int = 0
    spent: int = 0
    best: dict[int, float] = field(default_factory=dict)
    trained: dict[int, int] = field(default_factory=dict)
    saved: dict[int, int] = field(default_factory=dict)
    ending: dict[int, TrialState | None] = field(default_factory=dict)

    def follow(self, searcher: Searcher, slots: int, watch: Watch | None) -> None:
        """Asks, and does what the answer says."""
        history = tuple(self.trials)
        free = slots - sum(trial.live for trial in history)
        answer = searcher.ask(history, max(0, free))
        if watch:
            watch(history, max(0, free), answer)
        for decision in answer:
            self.decisions.append(decision)
            self._obey(decision)

    def _obey(self, decision: Decision) -> None:
        match decision:
            case Start(params=params, budget=budget, parent=parent):
                self.start(params, budget, Origin.SEARCH, parent)
            case Promote(trial=trial, budget=budget):
                self._change(trial, state=TrialState.RUNNING, budget=budget)
                self._run(trial)
            case Stop(trial=trial, reason=reason):
                self._change(trial, state=TrialState.STOPPED, reason=reason)
            case _:
                assert_never(decision)

    def start(self, params: JsonObject, budget: int, origin: Origin, parent: int | None = None) -> None:
        """From the last budget that the parent has completed, if there is one."""
        number, signature = len(self.trials), self.problem.space.signature(params)
        self.trials.append(
            Trial(id=number, params=params, signature=signature, budget=budget, origin=origin, parent=parent)
        )
        if parent is not None:
            self.trained[number] = min(self.saved.get(parent, 0), budget - 1)
        self._run(number)

    def _change(self, trial: int, **changes: object) -> None:
        self.trials[trial] = replace(self.trials[trial], **changes)  # type: ignore[arg-type]  # fields of Trial

    def _run(self, trial: int) -> None:
        self.ending[trial] = self.faults.strike(self.trials[trial])
        self._schedule(trial)

    def _schedule(self, trial: int) -> None:
        """Queues the next unit of training."""
        self.seq += 1
        then = self.now + self.seconds(self.trials[trial])
        heapq.heappush(self.queue, (then, self.seq, trial, self.trained.get(trial, 0) + 1, self.trials[trial].budget))

    def advance(self) -> None:
        """Until the next unit of training is done."""
        now, _, trial_id, budget, granted = heapq.heappop(self.queue)
        trial = self.trials[trial_id]
        if not trial.live or trial.budget != granted:
            return  # it was stopped meanwhile
        self.now = now
        self.spent += 1
        self.trained[trial_id] = budget
        self._report(trial, budget)
        if self.trials[trial_id].live:
            self._schedule(trial_id)

    def _report(self, trial: Trial, budget: int) -> None:
        ending = self.ending[trial.id]
        value = self.curve(trial.params, budget)
        if value is None or (ending is TrialState.FAILED and 2 * budget >= trial.budget):
            self._change(trial.id, state=TrialState.FAILED, failure=FailureClass.MODEL_CODE)
            return
        self._score(trial, budget, value)
        if ending is TrialState.STOPPED and 2 * budget >= trial.budget:
            self._change(trial.id, state=TrialState.STOPPED, reason="stopped by hand")
        elif budget >= trial.budget:
            self._change(trial.id, state=TrialState.COMPLETED)
            self.saved[trial.id] = budget

    def _score(self, trial: Trial, budget: int, value: float) -> None:
        self.seq += 1
        score = Score(value=value, cost=self.problem.objective.cost(value), seq=self.seq)
        self._change(trial.id, scores={**trial.scores, budget: score})
        if score.cost < min(self.best.values(), default=float("inf")):
            self.best[self.spent] = score.cost

    def result(self) -> Simulated:
        """The run so far; what still runs is abandoned."""
        for trial in self.trials:
            if trial.live:
                self._change(trial.id, state=TrialState.ABANDONED)
        return Simulated(
            trials=tuple(self.trials),
            decisions=tuple(self.decisions),
            elapsed=self.now,
            spent=self.spent,
            curve_of_best=dict(self.best),
        )


def mixed_space() -> SearchSpace:
    """All kinds of parameters, and one that exists only under a condition."""
    return SearchSpace(
        (
            Float(name="lr", low=1e-5, high=1e-1, default=1e-3, scale=Scale.LOG),
            Float(name="dropout", low=0.0, high=0.5, default=0.1),
            Int(name="layers", low=1, high=8, default=2),
            Choice(name="optimizer", options=("adam", "sgd"), default="adam"),
            Float(name="momentum", low=0.0, high=0.99, default=0.9, when=Condition.of({"optimizer": ["sgd"]})),
            Bool(name="nesterov", default=False),
            Fixed(name="classes", value=10),
        )
    )


def small_space() -> SearchSpace:
    """Six configurations."""
    return SearchSpace((Choice(name="a", options=("x", "y", "z"), default="y"), Bool(name="b", default=True)))


def problem_of(space: SearchSpace, *, maximize: bool = False, seed: int = 0, epochs: int = 27) -> Problem:
    """A problem whose trials are trained for up to `epochs` epochs."""
    direction = Direction.MAXIMIZE if maximize else Direction.MINIMIZE
    fidelity = Fidelity(key="train.num_epochs", low=1, high=epochs)
    return Problem(space=space, objective=Objective(metric="m", direction=direction), fidelity=fidelity, seed=seed)


def easy_curve(params: JsonObject, budget: int) -> float:
    """Falls with the budget to a level that depends on every number, and whose crossings make early scores unsure."""
    numbers = [_as_number(params[name]) for name in sorted(params)]
    level = sum((k + 1) * (number % 1.7) for k, number in enumerate(numbers))
    return level + (1 + level % 0.9) * 10 / (budget + 1)


def _as_number(value: JsonValue) -> float:
    return float(value) if isinstance(value, int | float) else float(len(str(value)))
