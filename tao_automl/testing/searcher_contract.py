"""The contract of searchers, as tests. A searcher passes them, or the runner cannot rely on it.

Subclass `SearcherContract` in a test module and override the fixture `make_searcher`::

    class TestMySearcher(SearcherContract):
        @pytest.fixture
        def make_searcher(self):
            return lambda problem, **settings: MySearcher(problem=problem, num_recommendations=15, **settings)
"""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, TypeAlias, assert_never

import pytest

from tao_automl.domain.dice import rng_for
from tao_automl.domain.json_types import JsonObject
from tao_automl.domain.parameters import Fixed
from tao_automl.domain.ports import Searcher
from tao_automl.domain.problem import Problem
from tao_automl.domain.space import SearchSpace
from tao_automl.domain.trial import Decision, Origin, Promote, Score, Start, Stop, Trial, TrialState
from tao_automl.errors import SettingsError
from tao_automl.testing.simulation import (
    Curve,
    Faults,
    Simulated,
    easy_curve,
    mixed_space,
    problem_of,
    simulate,
    small_space,
)

MakeSearcher: TypeAlias = Callable[..., Searcher]
"""``make_searcher(problem, **settings)``; without settings, one that starts a few dozen trials at most."""

_ASK = "import pickle, sys; searcher, *asked = pickle.load(sys.stdin.buffer); print(searcher.ask(*asked))"


def check_answer(problem: Problem, history: Sequence[Trial], slots: int, answer: Sequence[Decision]) -> None:
    """AssertionError, with the reason, for an answer that the runner would have to refuse."""
    assert len(_placed(answer)) <= max(0, slots), f"{len(_placed(answer))} trials for {slots} slots"
    touched = [decision.trial for decision in answer if not isinstance(decision, Start)]
    assert len(touched) == len(set(touched)), f"two decisions about one trial: {touched}"
    for decision in answer:
        _check_decision(problem, history, decision)
    _check_new(problem, history, [decision for decision in answer if isinstance(decision, Start)])


def _placed(answer: Sequence[Decision]) -> list[Decision]:
    """The decisions that take a slot."""
    return [decision for decision in answer if not isinstance(decision, Stop)]


def _check_decision(problem: Problem, history: Sequence[Trial], decision: Decision) -> None:
    match decision:
        case Start(params=params, budget=budget):
            assert problem.space.validate(params) == (), f"not a member of the space: {params}"
            low = problem.fidelity.low if problem.fidelity else 1
            assert low <= budget <= problem.full_budget, f"budget {budget} is outside of the fidelity"
            assert isinstance(budget, int), f"budget {budget!r} is no integer"
        case Promote(trial=trial, budget=budget):
            old = history[trial]
            assert old.state is TrialState.COMPLETED, f"trial {trial} is {old.state.value}, and cannot be promoted"
            assert old.budget < budget <= problem.full_budget, f"trial {trial} cannot go from {old.budget} to {budget}"
            assert isinstance(budget, int), f"budget {budget!r} is no integer"
        case Stop(trial=trial, reason=reason):
            assert history[trial].live, f"trial {trial} does not run, and cannot be stopped"
            assert reason, f"trial {trial} is stopped without a reason"
        case _:
            assert_never(decision)


def _check_new(problem: Problem, history: Sequence[Trial], starts: Sequence[Start]) -> None:
    """A failed configuration may come again; no other one."""
    taken = {trial.signature for trial in history if trial.state is not TrialState.FAILED}
    for start in starts:
        signature = problem.space.signature(start.params)
        assert signature not in taken or start.parent is not None, f"proposed twice: {start.params}"
        taken.add(signature)


def follow(problem: Problem, history: Sequence[Trial], answer: Sequence[Decision]) -> tuple[Trial, ...]:
    """The history after the runner has followed an answer, before anything is trained."""
    trials = list(history)
    for decision in answer:
        match decision:
            case Start(params=params, budget=budget, parent=parent):
                signature = problem.space.signature(params)
                new = Trial(id=len(trials), params=params, signature=signature, budget=budget, parent=parent)
                trials.append(new)
            case Promote(trial=trial, budget=budget):
                trials[trial] = replace(trials[trial], state=TrialState.RUNNING, budget=budget)
            case Stop(trial=trial, reason=reason):
                trials[trial] = replace(trials[trial], state=TrialState.STOPPED, reason=reason)
            case _:
                assert_never(decision)
    return tuple(trials)


@dataclass(frozen=True, slots=True)
class Asked:
    """One question to a searcher, and the answer."""

    history: Sequence[Trial]
    slots: int
    answer: Sequence[Decision]


@dataclass(slots=True, kw_only=True)
class Recorder:
    """Watches a simulation: checks every answer and keeps some of them."""

    problem: Problem
    asked: list[Asked] = field(default_factory=list)

    def __call__(self, history: Sequence[Trial], slots: int, answer: Sequence[Decision]) -> None:
        check_answer(self.problem, history, slots, answer)
        self.asked.append(Asked(history, slots, answer))

    def telling(self, count: int) -> list[Asked]:
        """About `count` questions with an answer, spread over the run, and the last question."""
        answered = [asked for asked in self.asked if asked.answer]
        return [*answered[:: max(1, len(answered) // count)], self.asked[-1]]


class SearcherContract:
    """What every searcher must do."""

    batch_is_sequence = True  # an answer for several slots equals as many answers for one slot
    throws_dice = True  # the seed makes a difference
    needs_fidelity = False

    @pytest.fixture
    def make_searcher(self) -> MakeSearcher:
        raise NotImplementedError("override the fixture `make_searcher`")

    def record(self, searcher: Searcher, problem: Problem, **options: Any) -> tuple[Simulated, Recorder]:
        recorder = Recorder(problem=problem)
        curve: Curve = options.pop("curve", easy_curve)
        return simulate(searcher, problem, curve, watch=recorder, max_trials=2_000, **options), recorder

    @pytest.mark.parametrize("slots", [1, 3, 8])
    @pytest.mark.parametrize("seed", [0, 1])
    def test_answers_are_sound_when_trials_fail_and_are_stopped(
        self, make_searcher: MakeSearcher, slots: int, seed: int
    ) -> None:
        problem = problem_of(mixed_space(), seed=seed)
        faults = Faults(fail=0.15, stop=0.1, seed=seed)
        done, recorder = self.record(
            make_searcher(problem), problem, slots=slots, faults=faults, seconds=lambda trial: 1 + trial.id % 3
        )
        assert len(done.trials) > 2
        assert not any(trial.state is TrialState.ABANDONED for trial in done.trials)
        assert not recorder.asked[-1].answer

    def test_every_trial_fails(self, make_searcher: MakeSearcher) -> None:
        problem = problem_of(mixed_space())
        done, _ = self.record(make_searcher(problem), problem, slots=2, faults=Faults(fail=1.0))
        assert {trial.state for trial in done.trials} <= {TrialState.FAILED, TrialState.STOPPED}

    def test_same_history_same_answer(self, make_searcher: MakeSearcher) -> None:
        problem = problem_of(mixed_space())
        _, recorder = self.record(make_searcher(problem), problem, slots=3, faults=Faults(fail=0.2))
        for asked in recorder.telling(10):
            before = repr(asked.history)
            assert list(make_searcher(problem).ask(list(asked.history), asked.slots)) == list(asked.answer)
            assert repr(asked.history) == before

    def test_same_answer_in_another_process(self, make_searcher: MakeSearcher) -> None:
        problem = problem_of(mixed_space())
        searcher = make_searcher(problem)
        _, recorder = self.record(searcher, problem, slots=3)
        asked = recorder.telling(2)[1]
        for hash_seed in ("1", "2"):
            assert _ask_elsewhere(searcher, asked, hash_seed) == str(asked.answer)

    def test_several_slots_equal_one_by_one(self, make_searcher: MakeSearcher) -> None:
        if not self.batch_is_sequence:
            pytest.skip("this searcher chooses batches as a whole")
        problem = problem_of(mixed_space())
        searcher = make_searcher(problem)
        _, recorder = self.record(searcher, problem, slots=5)
        for asked in recorder.telling(10):
            history, answer = asked.history, list[Decision]()
            for _ in range(asked.slots):
                step = searcher.ask(history, 1)
                history, answer = follow(problem, history, step), [*answer, *step]
            assert _placed(answer) == _placed(asked.answer)

    def test_no_slots(self, make_searcher: MakeSearcher) -> None:
        problem = problem_of(mixed_space())
        searcher = make_searcher(problem)
        _, recorder = self.record(searcher, problem, slots=3)
        for asked in recorder.telling(10):
            assert all(isinstance(decision, Stop) for decision in searcher.ask(asked.history, 0))

    def test_pending_trials_are_not_proposed_again(self, make_searcher: MakeSearcher) -> None:
        problem = problem_of(mixed_space())
        searcher = make_searcher(problem)
        history: tuple[Trial, ...] = ()
        for _ in range(6):
            answer = searcher.ask(history, 1)
            check_answer(problem, history, 1, answer)
            history = follow(problem, history, answer)
        assert len(history) > 1

    def test_maximising_is_minimising_the_negative(self, make_searcher: MakeSearcher) -> None:
        down, up = (problem_of(mixed_space(), maximize=maximize) for maximize in (False, True))
        falling = simulate(make_searcher(down), down, easy_curve, slots=2)
        rising = simulate(make_searcher(up), up, lambda params, budget: -easy_curve(params, budget), slots=2)
        assert falling.decisions == rising.decisions

    def test_seed_matters(self, make_searcher: MakeSearcher) -> None:
        if not self.throws_dice:
            pytest.skip("this searcher throws no dice")
        problems = [problem_of(mixed_space(), seed=seed) for seed in (0, 1)]
        first, second = (make_searcher(problem).ask((), 2) for problem in problems)
        assert list(first) != list(second)

    @pytest.mark.parametrize("slots", [1, 4])
    def test_small_space_is_used_up_and_not_more(self, make_searcher: MakeSearcher, slots: int) -> None:
        problem = problem_of(small_space())
        done, _ = self.record(make_searcher(problem), problem, slots=slots)
        assert len(done.trials) == 6

    def test_space_without_a_choice(self, make_searcher: MakeSearcher) -> None:
        problem = problem_of(SearchSpace((Fixed(name="classes", value=10),)))
        done, _ = self.record(make_searcher(problem), problem)
        assert len(done.trials) == 1

    def test_without_a_fidelity(self, make_searcher: MakeSearcher) -> None:
        problem = replace(problem_of(mixed_space()), fidelity=None)
        if self.needs_fidelity:
            with pytest.raises(SettingsError, match="fidelity"):
                make_searcher(problem)
            return
        done, _ = self.record(make_searcher(problem), problem)
        assert {trial.budget for trial in done.trials} == {1}

    def test_interrupted_run_goes_on(self, make_searcher: MakeSearcher) -> None:
        """What was abandoned is neither promoted nor proposed again."""
        problem = problem_of(mixed_space())
        searcher = make_searcher(problem)
        broken = simulate(searcher, problem, easy_curve, slots=3, max_spent=40)
        history = broken.trials
        for _ in range(5):
            answer = searcher.ask(history, 2)
            check_answer(problem, history, 2, answer)
            history = follow(problem, history, answer)

    @pytest.mark.parametrize("seed", range(8))
    def test_any_history_gets_a_sound_answer(self, make_searcher: MakeSearcher, seed: int) -> None:
        """Also one that this searcher would not have made: a warm start, other settings, a crash half way."""
        problem = problem_of(mixed_space(), seed=seed)
        history = _any_history(problem, rng_for(seed, "history"), length=10)
        for slots in (0, 1, 5):
            check_answer(problem, history, slots, make_searcher(problem).ask(history, slots))

    def test_users_trials_are_left_alone(self, make_searcher: MakeSearcher) -> None:
        problem = problem_of(mixed_space())
        history = _users_trials(problem)
        answer = make_searcher(problem).ask(history, 4)
        check_answer(problem, history, 4, answer)
        assert all(isinstance(decision, Start) for decision in answer)


def _any_history(problem: Problem, dice: Random, length: int) -> tuple[Trial, ...]:
    """Trials of every state and origin, with budgets and scores off any schedule."""
    trials = []
    for number in range(length):
        budget = dice.randint(1, problem.full_budget)
        costs = {epoch: dice.random() for epoch in range(1, budget + 1) if dice.random() < 0.5}
        scores = {epoch: Score(value=c, cost=c, seq=100 * epoch + number) for epoch, c in costs.items()}
        state, origin = dice.choice(list(TrialState)), dice.choice(list(Origin))
        params = problem.space.sample(dice)
        trials.append(
            replace(_trial(problem, number, params, state=state, origin=origin, scores=scores), budget=budget)
        )
    return tuple(trials)


def _users_trials(problem: Problem) -> tuple[Trial, ...]:
    """The default configuration and one of the user's, in full: one done, one still running."""
    default, full = problem.space.default(), problem.full_budget
    scores = {epoch: Score(value=9 / epoch, cost=9 / epoch, seq=epoch) for epoch in range(1, full + 1)}
    worse = {epoch: replace(score, cost=99.0, seq=epoch + full) for epoch, score in scores.items() if epoch < full}
    done = _trial(problem, 0, default, origin=Origin.DEFAULT, state=TrialState.COMPLETED, scores=scores)
    return (done, _trial(problem, 1, {**default, "lr": 0.05}, origin=Origin.USER, scores=worse))


def _trial(problem: Problem, number: int, params: JsonObject, **fields: Any) -> Trial:
    signature = problem.space.signature(params)
    return Trial(id=number, params=params, signature=signature, budget=problem.full_budget, **fields)


def _ask_elsewhere(searcher: Searcher, asked: Asked, hash_seed: str) -> str:
    """The answer of a fresh interpreter, printed."""
    question = pickle.dumps((searcher, asked.history, asked.slots))
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", _ASK]
    done = subprocess.run(command, input=question, env=environment, capture_output=True, check=True)
    return done.stdout.decode().strip()
