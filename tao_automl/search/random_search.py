"""Random search."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tao_automl.domain.problem import Problem
from tao_automl.domain.trial import Decision, Trial
from tao_automl.search.proposals import propose, starts, uniform
from tao_automl.search.settings import NUM_RECOMMENDATIONS, check_at_least


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomSearch:
    """Independent draws, each parameter uniform on its own scale, every trial trained in full (Bergstra and Bengio,
    JMLR 13, 2012).

    Choose it as the baseline that a cleverer method has to beat, or when every slot of a large cluster is to be busy
    at once and nothing is known of the problem.
    """

    problem: Problem
    num_recommendations: int = field(default=20, metadata=NUM_RECOMMENDATIONS)

    def __post_init__(self) -> None:
        check_at_least("num_recommendations", self.num_recommendations, 1)

    def ask(self, history: Sequence[Trial], slots: int) -> Sequence[Decision]:
        count = min(slots, self.num_recommendations - len(history))
        configurations = propose(self.problem, history, uniform(self.problem, "random"))
        return starts(configurations, self.problem.full_budget, count)
