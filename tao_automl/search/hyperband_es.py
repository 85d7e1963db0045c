"""Hyperband that also stops a running job whose extrapolated learning curve cannot win."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from tao_automl.domain.trial import Decision, Origin, Score, Stop, Trial, TrialState
from tao_automl.search.extrapolation import LEAST_POINTS, chance
from tao_automl.search.hyperband import Bracket, Hyperband, filled
from tao_automl.search.rungs import rungs_of
from tao_automl.search.settings import check_at_least, check_between


@dataclass(frozen=True, slots=True, kw_only=True)
class HyperbandES(Hyperband):
    """Hyperband (arXiv 1603.06560) with early stopping inside of a rung by extrapolated curves (Domhan et al., IJCAI
    2015).

    Choose it in the place of `hyperband` when trials report after every epoch. A running trial is continued by power
    laws to the budget that it was granted. It is stopped when the chance that it is then among those that go on from
    its rung, or on the last rung that it is the best of all, is below `early_stop_threshold`. In its rung a stopped
    trial is among the worst.
    """

    early_stop_threshold: float = field(
        default=0.05, metadata={"help": "The chance of winning below which a running trial is stopped.", "aliases": ()}
    )
    min_early_stop_epochs: int = field(
        default=LEAST_POINTS,
        metadata={"help": "A trial is judged once it has been trained for so many units (epochs).", "aliases": ()},
    )

    def __post_init__(self) -> None:
        Hyperband.__post_init__(self)
        check_between("early_stop_threshold", self.early_stop_threshold, 0, 1)
        check_at_least("min_early_stop_epochs", self.min_early_stop_epochs, 1)

    def ask(self, history: Sequence[Trial], slots: int) -> Sequence[Decision]:
        stops = {stop.trial: stop for stop in self._stops(history)}
        after = [replace(t, state=TrialState.STOPPED) if t.id in stops else t for t in history]
        return [*stops.values(), *Hyperband.ask(self, after, slots)]

    def _stops(self, history: Sequence[Trial]) -> Iterator[Stop]:
        trials = [trial for trial in history if trial.origin is Origin.SEARCH]
        for bracket, members in filled(self.brackets, trials):
            for trial in members:
                if trial.live and trial.scores and max(trial.scores) >= self.min_early_stop_epochs:
                    share = chance(trial, _bar(bracket, members, trial, history), trial.budget)
                    if share < self.early_stop_threshold:
                        reason = (
                            f"at budget {max(trial.scores)}: the chance to go on from {trial.budget} is {share:.2%}"
                        )
                        yield Stop(trial=trial.id, reason=reason)


def _bar(bracket: Bracket, members: Sequence[Trial], trial: Trial, history: Sequence[Trial]) -> list[Score]:
    """The score that the trial has to reach at its budget: that of the last place that goes on, or the best of all.

    Empty as long as fewer trials have a score there than go on.
    """
    last = trial.budget >= bracket.budgets[-1]
    rivals = [other for other in (history if last else members) if other.id != trial.id]
    going_on = zip(bracket.budgets, bracket.sizes[1:], strict=False)
    places = next((size for budget, size in going_on if budget >= trial.budget), 1)
    (rung,) = rungs_of(rivals, (trial.budget,))
    order = sorted(zip(rung.entries, rung.scores, strict=True), key=lambda pair: pair[0])
    return [score for _, score in order[places - 1 : places]]
