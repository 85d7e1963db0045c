"""Early stopping: a rule that ends trials, whoever proposed them."""

from collections.abc import Sequence
from typing import Any

from lab import NO_DEFAULT, Lab, Script, params, starting

from tao_automl.domain.events import JobCancelRequested, RunStatus, TrialStopRequested
from tao_automl.domain.trial import Decision, Start, Stop, Trial
from tao_automl.engine.world import Rules
from tao_automl.search.stopping import make_stopper
from tao_automl.testing.toy import toy_problem

HOPELESS = 0.75


class Rule:
    """Stops what the test says. Remembers the histories that it saw."""

    def __init__(self, judge: Any) -> None:
        self._judge = judge
        self.calls = 0

    def stops(self, history: Sequence[Trial]) -> Sequence[Stop]:
        self.calls += 1
        return [Stop(trial=trial.id, reason="hopeless") for trial in history if self._judge(trial)]


def hopeless(trial: Trial) -> bool:
    return bool(trial.live and trial.score and trial.score.cost > HOPELESS)


def test_a_hopeless_trial_is_stopped_with_the_reason() -> None:
    """Trial 0 has a learning rate that is far off."""
    lab = Lab(starting(3), stopper=Rule(hopeless)).run()
    assert lab.states == ["stopped", "completed", "completed"]
    assert lab.trials[0].reason == "hopeless"
    assert list(lab.trials[0].scores) == [1]
    assert [event.reason for event in lab.events(JobCancelRequested)] == ["hopeless"]
    assert lab.engine.experiment.finished is not None
    assert lab.engine.experiment.finished.status is RunStatus.COMPLETED
    assert lab.engine.experiment.failures == 0


def test_it_is_asked_for_once() -> None:
    lab = Lab(starting(2), stopper=Rule(lambda trial: trial.live and trial.id == 0), cancel_seconds=5.0).run()
    assert len(lab.events(TrialStopRequested)) == 1
    assert len(lab.events(JobCancelRequested)) == 1


def test_one_stop_of_a_trial_is_enough() -> None:
    """The searcher stops it in the same moment; the rule came first."""

    def ask(history: Sequence[Trial], slots: int) -> Sequence[Decision]:
        if not history:
            return [Start(params=params(0), budget=3)]
        return [Stop(trial=0, reason="searcher")] if hopeless(history[0]) else []

    lab = Lab(Script(ask), stopper=Rule(hopeless)).run()
    assert [event.reason for event in lab.events(TrialStopRequested)] == ["hopeless"]
    assert len(lab.events(JobCancelRequested)) == 1
    assert lab.trials[0].reason == "hopeless"


def test_a_rule_that_stops_what_does_not_run_does_nothing() -> None:
    lab = Lab(starting(2), stopper=Rule(lambda trial: not trial.live)).run()
    assert lab.states == ["completed"] * 2
    assert lab.events(TrialStopRequested) == []


def test_no_rule_is_asked_before_the_baseline_or_after_the_end() -> None:
    rule = Rule(lambda trial: trial.live)
    lab = Lab(starting(3), stopper=rule, rules=Rules(max_concurrent=1)).run()
    assert lab.states[0] == "completed"
    assert set(lab.states[1:]) == {"stopped"}
    calls = rule.calls
    lab.resume().run()
    assert rule.calls == calls


def test_the_rules_of_the_package_work_in_a_run() -> None:
    problem = toy_problem(epochs=3)
    stopper = make_stopper(problem, {"type": "threshold", "value": HOPELESS})
    lab = Lab(starting(3), stopper=stopper, problem=problem, rules=NO_DEFAULT).run()
    assert lab.states == ["stopped", "completed", "completed"]
