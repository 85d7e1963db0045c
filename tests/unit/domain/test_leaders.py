"""The winner, or the Pareto front, after every settlement."""

from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from tao_automl.domain.events import TrialSettled
from tao_automl.domain.goal import Direction, Goal, Objective, OutcomeConstraint
from tao_automl.domain.leaders import Leaders, Settlement
from tao_automl.domain.ranking import dominates
from tao_automl.domain.trial import TrialState

ACCURACY = Objective(metric="accuracy", direction=Direction.MAXIMIZE)
LATENCY = Objective(metric="latency", direction=Direction.MINIMIZE)
AT_MOST_5 = OutcomeConstraint(left="latency", right="5", at_most=True)
_clock = count()


def settlement(goal: Goal, trial: int, accuracy: float | None, latency: float = 1.0, budget: int = 1) -> Settlement:
    at = float(next(_clock))
    if accuracy is None:
        return Settlement(
            trial=trial, budget=budget, job="j", event=TrialSettled(at=at, trial=trial, state=TrialState.FAILED)
        )
    values = {"accuracy": accuracy, "latency": latency}
    event = TrialSettled(at=at, trial=trial, state=TrialState.COMPLETED, value=accuracy, values=values)
    return Settlement(trial=trial, budget=budget, job="j", event=event, score=goal.score(values, 1, {}))


def leaders(goal: Goal, *rows: tuple[int, float | None, float]) -> Leaders:
    found = Leaders(goal)
    for trial, accuracy, latency in rows:
        found.take(settlement(goal, trial, accuracy, latency))
    return found


ONE, KEPT, TWO = (
    Goal(objectives=(ACCURACY,)),
    Goal(objectives=(ACCURACY,), constraints=(AT_MOST_5,)),
    Goal(objectives=(ACCURACY, LATENCY)),
)


def test_the_first_of_equals_wins() -> None:
    found = leaders(ONE, (0, 0.5, 1), (1, 0.75, 1), (2, 0.75, 1), (3, None, 1))
    assert found.best is not None
    assert found.best.trial == 1
    assert (found.settled, found.improved_at) == (4, 2)


def test_the_best_settlement_of_a_trial_counts() -> None:
    found = leaders(ONE, (0, 0.75, 1), (0, 0.5, 1))
    assert found.of_trial[0].value == 0.75
    assert found.best is found.of_trial[0]


def test_a_failure_later_on_takes_nothing_away() -> None:
    for goal in (ONE, TWO):
        assert leaders(goal, (0, 0.75, 1), (0, None, 1)).of_trial[0].value == 0.75


def test_the_winner_keeps_the_constraints() -> None:
    found = leaders(KEPT, (0, 0.9, 6), (1, 0.5, 5), (2, 0.8, 9))
    assert found.best is not None
    assert found.best.trial == 1
    assert found.improved_at == 2
    assert [s.trial for s in found.front()] == [1]


def test_there_may_be_no_winner() -> None:
    found = leaders(KEPT, (0, 0.9, 6), (1, 0.5, 7))
    assert found.best is None
    assert found.front() == []
    assert set(found.of_trial) == {0, 1}
    assert found.improved_at == 0


def test_of_what_breaks_a_constraint_the_less_broken_settlement_counts() -> None:
    found = leaders(KEPT, (0, 0.9, 9), (0, 0.1, 6), (0, 0.9, 7))
    assert found.of_trial[0].value == 0.1


def test_several_objectives_have_a_front_and_no_winner() -> None:
    found = leaders(TWO, (0, 0.5, 1), (1, 0.9, 5), (2, 0.5, 2), (3, 0.7, 5))
    assert found.best is None
    assert [s.trial for s in found.front()] == [0, 1]
    assert found.improved_at == 2


def test_a_point_of_the_front_that_was_there_before_is_no_improvement() -> None:
    assert leaders(TWO, (0, 0.5, 1), (1, 0.5, 1)).improved_at == 1


def test_a_trial_that_got_worse_is_no_improvement() -> None:
    found = leaders(TWO, (0, 0.5, 1), (0, 0.4, 2))
    assert found.improved_at == 1
    assert found.of_trial[0].value == 0.4  # with several objectives, a trial stands where it was trained last


rows = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from([None, 0.1, 0.5, 0.9]), st.sampled_from([1.0, 4.0, 6.0])), max_size=12
)


@given(rows)
def test_the_winner_is_the_best_of_all_that_keep_the_constraints(
    given_rows: list[tuple[int, float | None, float]],
) -> None:
    found = leaders(KEPT, *given_rows)
    able = [accuracy for _, accuracy, latency in given_rows if accuracy is not None and latency <= 5]
    assert (found.best.value if found.best else None) == max(able, default=None)
    assert found.settled == len(given_rows)


@given(rows)
def test_no_member_of_a_front_dominates_another(given_rows: list[tuple[int, float | None, float]]) -> None:
    members = [s.score for s in leaders(TWO, *given_rows).front() if s.score]
    assert not any(dominates(a, b) for a in members for b in members)
