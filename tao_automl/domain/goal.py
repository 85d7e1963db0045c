"""What a configuration is judged by: objectives and their directions, and what the outcome must keep."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from tao_automl.domain.expression_parser import parse
from tao_automl.domain.expressions import ExpressionError
from tao_automl.domain.finite import finite
from tao_automl.domain.trial import Score

Metrics = Mapping[str, float | None]
BASELINE = "baseline"  # the name, in a constraint's bound, of what the baseline measured
_parsed = lru_cache(maxsize=256)(parse)


class Direction(Enum):
    """Which way a metric gets better. Resolved once, when the objective is built; never guessed from a name."""

    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """A metric, or a formula over metrics, and its direction: the only place that knows which way is better.

    Everything else minimises `cost`.

    Attributes:
        metric: its name; of a formula, the text.
        formula: an expression over metrics; None where the metric is reported as it is.
        weight: how much it counts beside other objectives, where a search has to weigh them.
        threshold: a value worse than this is of no use, however good the other objectives are.
    """

    metric: str
    direction: Direction
    formula: str | None = None
    weight: float = 1.0
    threshold: float | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The reported metrics that it is computed from."""
        return _parsed(self.formula).names if self.formula is not None else (self.metric,)

    def measure(self, values: Metrics) -> float | None:
        """Its value among reported metrics; None if one is missing, or if it is no finite number. A formula may also
        be given ready-made, under its text."""
        given = finite(values.get(self.metric))
        return _compute(self.formula, values) if given is None and self.formula is not None else given

    def cost(self, value: float) -> float:
        """The number that searchers minimise."""
        return value if self.direction is Direction.MINIMIZE else -value

    def improvement(self, before: float, after: float) -> float:
        """How much better `after` is than `before`, in the metric's own unit; negative if it is worse."""
        return self.cost(before) - self.cost(after)

    def reached(self, value: float, target: float) -> bool:
        """Whether `value` is as good as `target` or better."""
        return self.cost(value) <= self.cost(target)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeConstraint:
    """What the metrics of a useful configuration keep: ``left <= right``, or ``>=`` if not `at_most`.

    `left` is an expression over metrics. `right` is one over numbers and the word ``baseline``, which stands for
    `left` as the baseline measured it.
    """

    left: str
    right: str
    at_most: bool

    @property
    def text(self) -> str:
        return f"{self.left} {'<=' if self.at_most else '>='} {self.right}"

    @property
    def names(self) -> tuple[str, ...]:
        """The reported metrics that it is about."""
        return _parsed(self.left).names

    @property
    def relative(self) -> bool:
        """Whether it can only be judged once there is a baseline."""
        return BASELINE in _parsed(self.right).names

    def bound(self, baseline: Metrics) -> float | None:
        """The number on the right. The rule is literal: ``0.95 * baseline`` of a negative baseline lies above it."""
        if not self.relative:
            return _compute(self.right, {})
        before = self.measure(baseline)
        return None if before is None else _compute(self.right, {BASELINE: before})

    def measure(self, values: Metrics) -> float | None:
        """What is compared with the bound."""
        return _compute(self.left, values)

    def excess(self, values: Metrics, baseline: Metrics) -> float | None:
        """By how much it is broken, as a share of the bound (of 1 for a bound of 0); at most 0 where it is kept."""
        value, bound = self.measure(values), self.bound(baseline)
        if value is None or bound is None:
            return None
        gap = value - bound if self.at_most else bound - value
        return gap / (abs(bound) or 1.0)


def _compute(formula: str, values: Metrics) -> float | None:
    present: dict[str, float] = {name: value for name, value in values.items() if value is not None}
    try:
        return finite(_parsed(formula).evaluate(present))
    except ExpressionError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """All that a configuration is judged by."""

    objectives: tuple[Objective, ...]
    constraints: tuple[OutcomeConstraint, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The metrics that must be reported for a configuration to be judged."""
        of_objectives = (name for objective in self.objectives for name in objective.names)
        of_constraints = (name for constraint in self.constraints for name in constraint.names)
        return tuple(dict.fromkeys((*of_objectives, *of_constraints)))

    def lacking(self, values: Metrics) -> list[str]:
        """The metrics that it still needs, besides those that were reported."""
        wanted = [name for o in self.objectives if finite(values.get(o.metric)) is None for name in o.names]
        wanted += [name for constraint in self.constraints for name in constraint.names]
        return [name for name in dict.fromkeys(wanted) if finite(values.get(name)) is None]

    @property
    def relative(self) -> bool:
        """Whether configurations can be judged only once there is a baseline."""
        return any(constraint.relative for constraint in self.constraints)

    def values(self, score: Score) -> dict[str, float]:
        """Objective -> value, as reported."""
        costs = score.costs or (score.cost,)
        return {o.metric: o.cost(cost) for o, cost in zip(self.objectives, costs, strict=True)}

    def score(self, values: Metrics, seq: int, baseline: Metrics) -> Score | None:
        """None if an objective cannot be computed. A constraint that cannot be judged yet counts as kept."""
        measured = [objective.measure(values) for objective in self.objectives]
        found = [value for value in measured if value is not None]
        if len(found) < len(measured):
            return None
        costs = tuple(o.cost(value) for o, value in zip(self.objectives, found, strict=True))
        judged = (constraint.excess(values, baseline) for constraint in self.constraints)
        return Score(
            value=found[0],
            cost=costs[0],
            seq=seq,
            costs=costs if len(costs) > 1 else (),
            excess=tuple(0.0 if excess is None else excess for excess in judged),
            sem=finite(values.get(f"{self.objectives[0].metric}_sem")),
        )
