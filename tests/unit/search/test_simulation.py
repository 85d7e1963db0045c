"""The simulation that tests and benchmarks run searchers in, and the checks that it makes possible."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from tao_automl.domain.trial import Decision, Origin, Promote, Start, Stop, Trial, TrialState
from tao_automl.search.asha import ASHA
from tao_automl.search.random_search import RandomSearch
from tao_automl.testing.searcher_contract import check_answer
from tao_automl.testing.simulation import Faults, easy_curve, mixed_space, problem_of, simulate

PROBLEM = problem_of(mixed_space(), epochs=9)
DEFAULT = PROBLEM.space.default()


def test_every_unit_is_paid_once_and_takes_its_time() -> None:
    run = simulate(RandomSearch(problem=PROBLEM, num_recommendations=5), PROBLEM, easy_curve, slots=2)
    assert run.spent == 5 * 9
    assert run.elapsed == 3 * 9.0
    assert [t.origin for t in run.trials] == [Origin.DEFAULT] + [Origin.SEARCH] * 4
    assert all(list(t.scores) == list(range(1, 10)) for t in run.trials)


def test_best_so_far() -> None:
    run = simulate(RandomSearch(problem=PROBLEM), PROBLEM, easy_curve)
    costs = list(run.curve_of_best.values())
    assert costs == sorted(costs, reverse=True)
    assert run.best
    assert costs[-1] == min(s.cost for s in run.best.scores.values())


def test_limit_abandons_what_runs() -> None:
    run = simulate(RandomSearch(problem=PROBLEM), PROBLEM, easy_curve, slots=2, max_spent=20)
    assert run.spent == 20
    assert [t.state for t in run.trials[2:]] == [TrialState.ABANDONED] * 2


def test_curve_that_breaks_down_fails_the_trial() -> None:
    run = simulate(RandomSearch(problem=PROBLEM), PROBLEM, lambda params, budget: 1.0 if budget < 4 else None)
    assert {t.state for t in run.trials} == {TrialState.FAILED}
    assert all(list(t.scores) == [1, 2, 3] for t in run.trials)


def test_faults_strike_about_as_often_as_asked() -> None:
    searcher = RandomSearch(problem=PROBLEM, num_recommendations=300)
    run = simulate(searcher, PROBLEM, easy_curve, faults=Faults(fail=0.3, stop=0.2), slots=4)
    states = [t.state for t in run.trials]
    assert 60 < states.count(TrialState.FAILED) < 120
    assert 35 < states.count(TrialState.STOPPED) < 90


def test_same_run_twice() -> None:
    first, second = (
        simulate(ASHA(problem=PROBLEM), PROBLEM, easy_curve, slots=3, faults=Faults(fail=0.2)) for _ in range(2)
    )
    assert first == second


@dataclass(frozen=True)
class Endless:
    def ask(self, history: Sequence[Trial], slots: int) -> Sequence[Decision]:
        return [Start(params=DEFAULT, budget=1)] * slots


def test_endless_searcher_is_caught() -> None:
    with pytest.raises(AssertionError, match="more than 50 trials"):
        simulate(Endless(), PROBLEM, easy_curve, max_trials=50)


def trial(state: TrialState, budget: int) -> Trial:
    return Trial(id=0, params=DEFAULT, signature=PROBLEM.space.signature(DEFAULT), budget=budget, state=state)


@pytest.mark.parametrize(
    ("state", "answer", "complaint"),
    [
        (TrialState.COMPLETED, [Promote(trial=0, budget=9)] * 2, "slots"),
        (TrialState.RUNNING, [Promote(trial=0, budget=9)], "cannot be promoted"),
        (TrialState.COMPLETED, [Promote(trial=0, budget=3)], "from 3 to 3"),
        (TrialState.COMPLETED, [Promote(trial=0, budget=10)], "from 3 to 10"),
        (TrialState.COMPLETED, [Stop(trial=0, reason="bad")], "does not run"),
        (TrialState.RUNNING, [Stop(trial=0, reason="")], "without a reason"),
        (TrialState.COMPLETED, [Start(params=DEFAULT, budget=3)], "proposed twice"),
        (TrialState.COMPLETED, [Start(params={**DEFAULT, "lr": 2.0}, budget=3)], "not a member"),
        (TrialState.COMPLETED, [Start(params={**DEFAULT, "momentum": 0.5}, budget=3)], "not a member"),
        (TrialState.COMPLETED, [Start(params={**DEFAULT, "layers": 3}, budget=0)], "outside of the fidelity"),
    ],
)
def test_unsound_answers_are_found(state: TrialState, answer: Sequence[Decision], complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        check_answer(PROBLEM, (trial(state, 3),), 1, answer)


def test_sound_answers_pass() -> None:
    check_answer(PROBLEM, (trial(TrialState.COMPLETED, 3),), 1, [Promote(trial=0, budget=9)])
    check_answer(PROBLEM, (trial(TrialState.FAILED, 3),), 1, [Start(params=DEFAULT, budget=3)])
    check_answer(PROBLEM, (trial(TrialState.RUNNING, 3),), 0, [Stop(trial=0, reason="rank 3 of 3")])
