"""The best of a run so far: one winner, or a Pareto front."""

from dataclasses import dataclass, field

from tao_automl.domain.events import TrialSettled
from tao_automl.domain.goal import Goal
from tao_automl.domain.ranking import dominates, front
from tao_automl.domain.trial import Score


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """One budget that a trial was settled at, and by which job. `score` is absent if it failed or was never scored."""

    trial: int
    budget: int
    job: str | None
    event: TrialSettled
    score: Score | None = None

    @property
    def value(self) -> float | None:
        """The first objective."""
        return self.score.value if self.score else None


@dataclass(slots=True)
class Leaders:
    """Keeps what is best of the settlements that it is told of.

    Attributes:
        of_trial: trial -> the settlement that counts: its best one, or with several objectives its last one.
        best: the winner: the best one that keeps the constraints. None with several objectives.
        settled: how many settlements there were; `improved_at`: how many when the last one improved the result.
    """

    goal: Goal
    of_trial: dict[int, Settlement] = field(default_factory=dict)
    best: Settlement | None = None
    settled: int = 0
    improved_at: int = 0

    @property
    def _many(self) -> bool:
        return len(self.goal.objectives) > 1

    def front(self) -> list[Settlement]:
        """The trials that keep the constraints and that no other one dominates, in order of their numbers."""
        able = [s for _, s in sorted(self.of_trial.items()) if s.score and not s.score.violation]
        return [able[place] for place in front([s.score for s in able if s.score])]

    def take(self, new: Settlement) -> None:
        """Takes one more in. Failed ones count, and are never best."""
        self.settled += 1
        if new.score is None:
            return
        if self._improves(new, new.score):
            self.improved_at = self.settled
        mine = self.of_trial.get(new.trial)
        if self._many or mine is None or _better(new, mine):
            self.of_trial[new.trial] = new

    def _improves(self, new: Settlement, score: Score) -> bool:
        if score.violation:
            return False
        if self._many:
            so_far = (s.score for s in self.of_trial.values() if s.score and not s.score.violation)
            return not any(dominates(other, score) or other.costs == score.costs for other in so_far)
        if self.best is None or _better(new, self.best):
            self.best = new
            return True
        return False


def _better(new: Settlement, old: Settlement) -> bool:
    return bool(new.score and old.score and dominates(new.score, old.score))
