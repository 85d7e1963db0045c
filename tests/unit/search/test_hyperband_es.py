"""Hyperband with early stopping: hyperband's schedule, and stops of curves that cannot win."""

from dataclasses import replace
from typing import Any

import pytest

from tao_automl.domain.problem import Problem
from tao_automl.domain.trial import Origin, Promote, Score, Stop, Trial, TrialState
from tao_automl.errors import SettingsError
from tao_automl.search.hyperband import Hyperband
from tao_automl.search.hyperband_es import HyperbandES
from tao_automl.testing.searcher_contract import MakeSearcher, SearcherContract
from tao_automl.testing.simulation import mixed_space, problem_of, simulate

COMPLETED, RUNNING, STOPPED = TrialState.COMPLETED, TrialState.RUNNING, TrialState.STOPPED


class TestContract(SearcherContract):
    needs_fidelity = True

    @pytest.fixture
    def make_searcher(self) -> MakeSearcher:
        return lambda problem, **settings: HyperbandES(problem=problem, **settings)


def problem(low: int = 9, high: int = 81) -> Problem:
    """Brackets (9, 27, 81) of 9 trials, (27, 81) of 3, and (81) of 3."""
    plain = problem_of(mixed_space())
    assert plain.fidelity
    return replace(plain, fidelity=replace(plain.fidelity, low=low, high=high))


def trial(
    number: int, level: float, epochs: int, state: TrialState = COMPLETED, budget: int = 9, **other: Any
) -> Trial:
    scores = {b: Score(value=level + 1 / b, cost=level + 1 / b, seq=100 * number + b) for b in range(1, epochs + 1)}
    return Trial(id=number, params={}, signature=str(number), budget=budget, state=state, scores=scores, **other)


def stopped(history: list[Trial], **settings: Any) -> list[int]:
    answer = HyperbandES(problem=problem(), **settings).ask(history, 0)
    return [decision.trial for decision in answer if isinstance(decision, Stop)]


def test_stops_what_will_not_be_among_the_three_that_go_on() -> None:
    done = [trial(i, i / 10, 9) for i in range(4)]
    assert stopped([*done, trial(4, 0.25, 6, RUNNING)]) == [4]
    assert stopped([*done, trial(4, 0.15, 6, RUNNING)]) == []


def test_nothing_is_stopped_while_fewer_have_finished_than_go_on() -> None:
    assert stopped([trial(0, 0.0, 9), trial(1, 0.1, 9), trial(2, 9.0, 6, RUNNING)]) == []


def test_young_trials_are_not_judged() -> None:
    history = [*(trial(i, i / 10, 9) for i in range(4)), trial(4, 9.0, 5, RUNNING)]
    assert stopped(history) == [4]
    assert stopped(history, min_early_stop_epochs=6) == []
    assert stopped(history, early_stop_threshold=0.0) == []


def test_on_the_last_rung_it_has_to_become_the_best_of_all() -> None:
    default = trial(0, 0.05, 81, budget=81, origin=Origin.DEFAULT)
    own = [trial(i, i / 10, 9) for i in range(1, 10)]
    own[0] = trial(1, 0.1, 40, RUNNING, budget=81)
    assert stopped([default, *own]) == [1]
    assert stopped([trial(0, 0.15, 81, budget=81, origin=Origin.DEFAULT), *own]) == []


def test_others_trials_are_left_alone() -> None:
    done = [trial(i, i / 10, 9) for i in range(4)]
    assert stopped([*done, trial(4, 9.0, 6, RUNNING, origin=Origin.USER)]) == []


def test_a_stopped_trial_is_among_the_worst_of_its_rung() -> None:
    """The rung is decided in the same answer: nobody waits for the trial that is stopped."""
    history = [*(trial(i, i / 10, 9) for i in range(8)), trial(8, 9.0, 6, RUNNING)]
    answer = HyperbandES(problem=problem()).ask(history, 3)
    assert [d.trial for d in answer if isinstance(d, Stop)] == [8]
    assert [(d.trial, d.budget) for d in answer if isinstance(d, Promote)] == [(0, 27), (1, 27), (2, 27)]


def test_saves_epochs_and_keeps_the_winner() -> None:
    def curve(params: dict[str, Any], budget: int) -> float:
        return float(params["dropout"]) + 1 / budget

    of = problem()
    plain, stopping = (simulate(cls(problem=of), of, curve, slots=3) for cls in (Hyperband, HyperbandES))
    assert stopping.spent < 0.9 * plain.spent
    assert plain.best
    assert stopping.best
    assert stopping.best.params == plain.best.params
    assert any(t.state is STOPPED for t in stopping.trials)


@pytest.mark.parametrize("settings", [{"early_stop_threshold": 2}, {"min_early_stop_epochs": 0}])
def test_impossible_settings(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=next(iter(settings))):
        HyperbandES(problem=problem(), **settings)
