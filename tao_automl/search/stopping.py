"""Early stopping: rules that stop hopeless training early, whatever the search algorithm is.

A rule is a pure function of the problem and the history. Only trials that the search started are stopped: the default
configuration and the user's trials are trained as they were asked for. Several objectives are compared by the order of
`tao_automl.domain.ranking`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Protocol

from tao_automl.domain.goal import Objective
from tao_automl.domain.nearest import nearest_hint
from tao_automl.domain.problem import Fidelity, Problem
from tao_automl.domain.ranking import ranks
from tao_automl.domain.trial import Origin, Score, Stop, Trial, TrialState
from tao_automl.errors import SettingsError
from tao_automl.search import asha
from tao_automl.search.extrapolation import LEAST_POINTS, chance
from tao_automl.search.rungs import lowest_rung, rising_levels, rungs_of
from tao_automl.search.settings import REDUCTION_FACTOR, check_at_least, check_between, check_one_of

GRACE = {"help": "A trial is judged once it has been trained for so many units (epochs).", "aliases": ()}


class Stopper(Protocol):
    """Says which running trials are not worth their training."""

    def stops(self, history: Sequence[Trial]) -> Sequence[Stop]:
        """At most one decision a trial. The same history gives the same answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentile:
    """Stops a trial if more than `percentile` percent of the others are better.

    With 50 it is the median stopping rule (Golovin et al., KDD 2017). The best score that a trial has reached is
    compared with the scores of all others after as much training.
    """

    problem: Problem
    percentile: float = field(
        default=50.0, metadata={"help": "How many percent of the trials may go on, the best ones.", "aliases": ()}
    )
    min_trials: int = field(
        default=5, metadata={"help": "A trial is compared with at least so many others, or not yet.", "aliases": ()}
    )
    grace: int = field(default=1, metadata=GRACE)

    def __post_init__(self) -> None:
        check_between("percentile", self.percentile, 0, 100)
        check_at_least("min_trials", self.min_trials, 1)
        check_at_least("grace", self.grace, 1)

    def stops(self, history: Sequence[Trial]) -> Sequence[Stop]:
        return [
            Stop(trial=trial.id, reason=reason)
            for trial in _judged(history, self.grace)
            if (reason := self._reason(trial, history))
        ]

    def _reason(self, trial: Trial, history: Sequence[Trial]) -> str:
        level = max(trial.scores)
        (rung,) = rungs_of((other for other in history if other.id != trial.id), (level,))
        if len(rung.scores) < self.min_trials:
            return ""
        mine, *others = ranks([_best(trial), *rung.scores])
        better = sum(rank < mine for rank in others)  # type: ignore[operator]  # ranks of one answer
        if better <= self.percentile / 100 * len(others):
            return ""
        rank = f"rank {better + 1} of {len(others) + 1}"
        return f"at budget {level}: {rank}, the best {self.percentile:g} percent go on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """Stops a trial whose objective has not become as good as `value`."""

    problem: Problem
    value: float | None = field(
        default=None,
        metadata={"help": "The objective's least useful value; the objective's own threshold unless given."},
    )
    metric: str | None = field(default=None, metadata={"help": "Which objective; the first unless given."})
    grace: int = field(default=1, metadata=GRACE)

    def __post_init__(self) -> None:
        check_at_least("grace", self.grace, 1)
        if self.metric is not None:
            check_one_of("metric", self.metric, [objective.metric for objective in self.problem.goal.objectives])
        if self._bound is None:
            raise SettingsError(
                "threshold: a `value` must be given, got none", "say what is of no use, as in value: 0.2"
            )
        check_between("value", self._bound, float("-inf"), float("inf"))

    @property
    def _place(self) -> int:
        """The place of its objective."""
        metrics = [objective.metric for objective in self.problem.goal.objectives]
        return metrics.index(self.metric) if self.metric else 0

    @property
    def _objective(self) -> Objective:
        return self.problem.goal.objectives[self._place]

    @property
    def _bound(self) -> float | None:
        return self._objective.threshold if self.value is None else self.value

    def stops(self, history: Sequence[Trial]) -> Sequence[Stop]:
        bound, place = self._bound, self._place
        assert bound is not None
        limit = self._objective.cost(bound)
        return [
            Stop(
                trial=trial.id,
                reason=f"at budget {max(trial.scores)}: {self._objective.metric} is not at {bound:g} yet",
            )
            for trial in _judged(history, self.grace)
            if min((score.costs or (score.cost,))[place] for score in trial.scores.values()) > limit
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Halving:
    """Stops a trial that is not among the best 1/eta when it reaches a rung: the stopping variant of ASHA."""

    problem: Problem
    reduction_factor: int = field(default=3, metadata=REDUCTION_FACTOR)
    grace: int | None = field(
        default=None,
        metadata={"help": "The lowest rung, in units (epochs); none: the full budget after three promotions."},
    )

    def __post_init__(self) -> None:
        check_at_least("reduction_factor", self.reduction_factor, 2)
        if self.grace is not None:
            check_at_least("grace", self.grace, 1)

    def stops(self, history: Sequence[Trial]) -> Sequence[Stop]:
        fidelity = _fidelity(self.problem)
        lowest = self.grace or lowest_rung(fidelity, self.reduction_factor)
        levels = rising_levels(fidelity, self.reduction_factor, lowest)
        return list(asha.stops(history, levels, self.reduction_factor))


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Stops a trial whose extrapolated learning curve will hardly be as good as the best completed trial (Domhan et
    al., IJCAI 2015, with power laws in the place of their eleven families)."""

    problem: Problem
    probability: float = field(
        default=0.05, metadata={"help": "The chance of winning below which a trial is stopped.", "aliases": ()}
    )
    min_trials: int = field(default=1, metadata={"help": "Completed trials that are needed first.", "aliases": ()})
    grace: int = field(default=LEAST_POINTS, metadata=GRACE)

    def __post_init__(self) -> None:
        check_between("probability", self.probability, 0, 1)
        check_at_least("min_trials", self.min_trials, 1)
        check_at_least("grace", self.grace, 1)

    def stops(self, history: Sequence[Trial]) -> Sequence[Stop]:
        full = self.problem.full_budget
        done = [trial for trial in history if trial.state is TrialState.COMPLETED and trial.budget >= full]
        rivals = [score for trial in done if (score := trial.score)]
        if len(rivals) < self.min_trials:
            return []
        chances = ((trial, chance(trial, rivals, full)) for trial in _judged(history, self.grace))
        return [
            Stop(trial=trial.id, reason=f"at budget {max(trial.scores)}: the chance of winning is {share:.2%}")
            for trial, share in chances
            if share < self.probability
        ]


@dataclass(frozen=True, slots=True)
class Stoppers:
    """Several rules, any of which may stop a trial; the first one that does gives the reason."""

    rules: tuple[Stopper, ...] = ()

    def stops(self, history: Sequence[Trial]) -> Sequence[Stop]:
        found: dict[int, Stop] = {}
        for rule in self.rules:
            for stop in rule.stops(history):
                found.setdefault(stop.trial, stop)
        return list(found.values())


RULES: Mapping[str, Any] = {"percentile": Percentile, "threshold": Threshold, "asha": Halving, "curve": Curve}
TYPES = (*RULES, "none")


def make_stopper(problem: Problem, config: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> Stopper:
    """The rule, or the rules, that `config` describes: ``{"type": "percentile", "min_trials": 3}``.

    Raises SettingsError for a type or a setting that does not exist, for a value that breaks the rule's law, and for a
    problem without a fidelity.
    """
    if isinstance(config, Mapping):
        return _rule(problem, config)
    if isinstance(config, str) or not isinstance(config, Sequence):
        raise SettingsError(f"early_stopping: a mapping is needed, got {config!r:.80}", "write {type: percentile}")
    return Stoppers(tuple(_rule(problem, one) for one in config))


def _rule(problem: Problem, config: Mapping[str, Any]) -> Stopper:
    if not isinstance(config, Mapping) or "type" not in config:
        raise SettingsError(f"early_stopping: a `type` is needed, got {config!r:.80}", f"one of {', '.join(TYPES)}")
    kind = config["type"]
    if kind not in TYPES:
        hint = f"{nearest_hint(str(kind), TYPES)} (allowed: {', '.join(TYPES)})"
        raise SettingsError(f"early_stopping: unknown type {kind!r:.80}", hint)
    given = {name: value for name, value in config.items() if name != "type"}
    allowed = _settings(kind)
    for name in given:
        if name not in allowed:
            hint = f"{nearest_hint(str(name), allowed)} (allowed: {', '.join(allowed) or 'none'})"
            raise SettingsError(f"early_stopping: `{name}` is not a setting of the type {kind}", hint)
    if kind == "none":
        return Stoppers()
    _fidelity(problem)
    return RULES[kind](problem=problem, **given)  # type: ignore[no-any-return]


def _settings(kind: str) -> tuple[str, ...]:
    return tuple(f.name for f in fields(RULES[kind]) if f.default is not MISSING) if kind in RULES else ()


def _fidelity(problem: Problem) -> Fidelity:
    if problem.fidelity is None:
        raise SettingsError(
            "early_stopping: the problem must have a fidelity (a spec key that says how long to train), got none",
            "declare `fidelity` in the skill, or leave `early_stopping` out",
        )
    return problem.fidelity


def _judged(history: Sequence[Trial], grace: int) -> Iterator[Trial]:
    """The running trials of the search that have been trained long enough."""
    for trial in history:
        if trial.live and trial.origin is Origin.SEARCH and trial.scores and max(trial.scores) >= grace:
            yield trial


def _best(trial: Trial) -> Score:
    """The best score so far; of several objectives, which have no order by themselves, the newest."""
    scores = list(trial.scores.values())
    return scores[-1] if scores[-1].costs else min(scores, key=lambda score: (score.violation, score.cost))
