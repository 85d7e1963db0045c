"""Step 5: when it is over, and how."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from lab import NO_DEFAULT, Change, Lab, Script, params, starting

from tao_automl.domain.events import ExperimentFinished, JobCancelRequested, RunStatus, SearchEnded
from tao_automl.domain.goal import Direction
from tao_automl.domain.job import FailureAnalysis, FailureClass, JobSpec
from tao_automl.domain.trial import Decision, Start, Trial
from tao_automl.engine.conclude import conclude
from tao_automl.testing.memory_platform import Behaviour
from tao_automl.testing.toy import MODEL_CODE, broken, toy_problem

OUT_OF_MEMORY = FailureAnalysis(failure_class=FailureClass.RESOURCES, evidence="CUDA out of memory", advice="")


def failing(trials: dict[int, FailureAnalysis], seconds: float = 1.0) -> Change:
    def change(spec: JobSpec, usual: Behaviour) -> Behaviour:
        failure = trials.get(int(spec.key.split("-t")[1][:4]))
        return broken(seconds, failure) if failure else usual

    return change


def _finished(lab: Lab) -> tuple[RunStatus, str]:
    (finished,) = lab.events(ExperimentFinished)
    assert list(lab.journal.read())[-1] == finished
    return finished.status, finished.reason


def test_it_is_over_when_the_searcher_has_nothing_more() -> None:
    lab = Lab(starting(3)).run()
    assert _finished(lab) == (RunStatus.COMPLETED, "the search is complete")
    assert lab.events(SearchEnded)[0].cancel is False


def test_concluding_decides_nothing_while_something_runs() -> None:
    lab = Lab().seconds(2)
    assert list(conclude(lab.engine.world, lab.engine.experiment)) == []


def test_an_answer_of_nothing_yet_is_not_the_end() -> None:
    """It waits for trial 0 although a slot is free, and goes on after it."""

    def ask(history: Sequence[Trial], slots: int) -> Sequence[Decision]:
        due = len(history) < 2 and not any(trial.live for trial in history)
        return [Start(params=params(len(history)), budget=3)] if due else []

    assert Lab(Script(ask)).run().states == ["completed"] * 2


@pytest.mark.parametrize(("direction", "target"), [(Direction.MINIMIZE, 0.3), (Direction.MAXIMIZE, 0.7)])
def test_the_target_ends_the_search_and_the_winner_is_still_evaluated(direction: Direction, target: float) -> None:
    """Trial 1 reaches it while trial 2 runs."""
    problem = toy_problem(direction, epochs=3)
    lab = Lab(starting(9), problem=problem, rules=replace(NO_DEFAULT, target_metric=target), evaluates=True).run()
    status, reason = _finished(lab)
    assert status is RunStatus.STOPPED
    assert reason.startswith(f"target reached: {problem.objective.metric} = 0.")
    assert f"(target {target:g})" in reason
    assert lab.states[:2] == ["completed", "completed"]
    assert set(lab.states[2:]) <= {"abandoned"}
    assert lab.engine.experiment.final is not None
    assert lab.engine.experiment.final.status == "measured"
    assert lab.platform.running == []


def test_a_target_that_is_just_reached_is_reached() -> None:
    value = Lab().run().trials[0].scores[3].value
    lab = Lab(starting(5), rules=replace(NO_DEFAULT, target_metric=value, max_concurrent=1)).run()
    assert len(lab.trials) == 1


def test_the_wall_time_ends_the_search() -> None:
    lab = Lab(starting(99), rules=replace(NO_DEFAULT, max_wall_time=16.0), evaluates=True).run()
    assert _finished(lab) == (RunStatus.STOPPED, "max_wall_time (16 s) is used up")
    assert lab.states[-2:] == ["abandoned"] * 2
    assert lab.trials[-1].reason == "max_wall_time (16 s) is used up"
    (ended,) = lab.events(SearchEnded)
    assert ended.at - lab.engine.experiment.facts.at == 17.0
    assert lab.engine.experiment.final is not None
    assert lab.engine.experiment.final.status == "measured"


def test_time_without_a_runner_does_not_count_as_wall_time() -> None:
    lab = Lab(starting(3), rules=replace(NO_DEFAULT, max_wall_time=60.0)).seconds(3)
    lab.clock.time += 1e6
    lab.resume().run()
    assert _finished(lab)[0] is RunStatus.COMPLETED
    assert lab.engine.experiment.elapsed(0.0) < 60.0


def test_five_failures_end_a_search_that_fails_too_often() -> None:
    """Running trials drain; the shared cause is the reason."""
    trials = {0: MODEL_CODE, 1: OUT_OF_MEMORY, 2: OUT_OF_MEMORY, 3: MODEL_CODE, 4: OUT_OF_MEMORY}
    lab = Lab(starting(20), change=failing(trials), rules=replace(NO_DEFAULT, max_concurrent=6)).run()
    status, reason = _finished(lab)
    assert status is RunStatus.FAILED
    assert reason == "5 of 6 trials failed, 3 of them as resources: CUDA out of memory"
    assert lab.states == ["failed"] * 5 + ["completed"]
    assert lab.events(JobCancelRequested) == []
    assert lab.engine.experiment.final is not None
    assert lab.engine.experiment.final.status == "not_run"
    assert lab.engine.experiment.best is not None


def test_four_failures_are_too_few_to_tell() -> None:
    lab = Lab(starting(20), change=failing(dict.fromkeys(range(4), MODEL_CODE))).run()
    assert len(lab.trials) == 20
    assert _finished(lab)[0] is RunStatus.COMPLETED


@pytest.mark.parametrize(("rate", "status"), [(0.5, RunStatus.COMPLETED), (0.49, RunStatus.FAILED)])
def test_the_rate_is_checked_at_the_end_too(rate: float, status: RunStatus) -> None:
    rules = replace(NO_DEFAULT, tolerated_failure_rate=rate)
    lab = Lab(starting(4), change=failing({0: MODEL_CODE, 3: MODEL_CODE}), rules=rules).run()
    assert _finished(lab)[0] is status
    if status is RunStatus.FAILED:
        assert _finished(lab)[1] == "2 of 4 trials failed, 2 of them as model_code: ValueError: lr is too large"


def test_no_failure_is_too_many_when_all_are_tolerated() -> None:
    rules = replace(NO_DEFAULT, tolerated_failure_rate=1.0)
    lab = Lab(starting(8), change=failing(dict.fromkeys(range(7), MODEL_CODE)), rules=rules).run()
    assert _finished(lab)[0] is RunStatus.COMPLETED


def test_when_all_trials_fail_the_run_has_failed() -> None:
    rules = replace(NO_DEFAULT, tolerated_failure_rate=1.0)
    lab = Lab(starting(3), change=failing(dict.fromkeys(range(3), MODEL_CODE)), rules=rules).run()
    status, reason = _finished(lab)
    assert status is RunStatus.FAILED
    assert reason == "3 of 3 trials failed, 3 of them as model_code: ValueError: lr is too large"
    assert lab.engine.experiment.best is None
    assert lab.engine.experiment.final is not None
    assert lab.engine.experiment.final.status == "not_run"


def _after(seconds: float) -> Any:
    began: list[float] = []

    def cancelled(clock: Any) -> bool:
        began.append(clock.now())
        return clock.now() - began[0] >= seconds

    return cancelled


def test_the_user_cancels() -> None:
    lab = Lab(starting(9), cancelled=_after(10.0), cancel_seconds=2.0, evaluates=True).run()
    assert _finished(lab) == (RunStatus.STOPPED, "cancelled by the user")
    assert lab.states == ["completed", "completed", "abandoned", "abandoned"]
    assert lab.platform.running == []
    assert lab.engine.experiment.final is not None
    assert (lab.engine.experiment.final.status, lab.engine.experiment.final.reason) == (
        "not_run",
        "cancelled by the user",
    )


def test_the_user_cancels_before_anything_began() -> None:
    lab = Lab(cancelled=lambda clock: True).run()
    assert _finished(lab) == (RunStatus.STOPPED, "cancelled by the user")
    assert lab.trials == []
    assert not lab.platform.launched


def test_the_user_cancels_what_drains() -> None:
    """The search has failed, and what still runs is not worth waiting for."""
    change = failing(dict.fromkeys(range(5), MODEL_CODE))
    rules = replace(NO_DEFAULT, max_concurrent=6)
    slow: Change = lambda spec, usual: replace(change(spec, usual), seconds=1e9 if "t0005" in spec.key else 1.0)  # noqa: E731
    lab = Lab(starting(9), change=slow, rules=rules, cancelled=_after(30.0)).run()
    assert [event.status for event in lab.events(SearchEnded)] == [RunStatus.FAILED, RunStatus.STOPPED]
    assert lab.states == ["failed"] * 5 + ["abandoned"]
    assert lab.platform.running == []


def test_a_job_that_was_not_yet_submitted_is_cancelled_too() -> None:
    """It may exist: a runner that died after creating it would not have said so. So it is created, and cancelled."""
    lab = Lab(starting(9), cancelled=_after(0.5))
    lab.engine.tick()
    lab.clock.time += 1.0
    lab.run()
    assert lab.states == ["abandoned"] * 2
    assert lab.platform.running == []
