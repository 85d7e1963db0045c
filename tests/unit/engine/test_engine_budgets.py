"""Limits: GPU-hours, cost, patience, and failures that are one and the same."""

from dataclasses import replace
from typing import Any

import pytest
from lab import NO_DEFAULT, Lab, params, promoting, starting

from tao_automl.domain.events import JobCancelRequested, JobRequested, Purpose, RunStatus, SearchEnded
from tao_automl.domain.goal import Direction, Objective, OutcomeConstraint
from tao_automl.domain.job import FailureAnalysis, FailureClass, JobSpec
from tao_automl.engine.conclude import SAME_FAILURES
from tao_automl.engine.world import Rules
from tao_automl.testing.memory_platform import Behaviour
from tao_automl.testing.toy import MODEL_CODE, ToyJobs, broken, toy_problem

HOUR = 3600.0
ALONE = replace(NO_DEFAULT, max_concurrent=1)


def finished(lab: Lab) -> tuple[RunStatus, str]:
    end = lab.engine.experiment.finished
    assert end is not None
    return end.status, end.reason


def spec_failure(evidence: str) -> FailureAnalysis:
    return FailureAnalysis(failure_class=FailureClass.SPEC, evidence=evidence, advice="")


def test_gpu_hours_end_the_run_and_cancel_its_jobs() -> None:
    lab = Lab(starting(9), rules=replace(NO_DEFAULT, max_gpu_hours=20 / HOUR)).run()
    assert finished(lab) == (RunStatus.STOPPED, "max_gpu_hours (0.00555556 h) is used up")
    assert lab.states == ["completed"] * 2 + ["abandoned"] * 2
    assert {e.reason for e in lab.events(JobCancelRequested)} == {finished(lab)[1]}
    assert {trial.reason for trial in lab.trials[2:]} == {finished(lab)[1]}
    assert lab.platform.running == []
    assert 20 < lab.engine.experiment.gpu_hours(lab.clock.now()) * HOUR < 26


def test_each_gpu_of_each_node_counts() -> None:
    lab = Lab(starting(9), rules=replace(ALONE, max_gpu_hours=4 * 6.6 / HOUR))
    lab.engine.world.jobs = ToyJobs(problem=lab.problem, gpus=4)
    lab.run()
    assert lab.states == ["completed", "abandoned"]


def test_evaluations_count_too() -> None:
    lab = Lab(starting(9), rules=replace(ALONE, max_gpu_hours=7.5 / HOUR), evaluates=True, scored_by_evaluation=True)
    assert lab.run().states == ["completed"]  # 6.5 s of training and 1.5 s of evaluation
    assert finished(lab)[0] is RunStatus.STOPPED
    assert lab.engine.experiment.gpu_hours(0.0) * HOUR == pytest.approx(8.0)


def test_jobs_that_use_no_gpu_cost_none() -> None:
    lab = Lab(starting(3), rules=replace(NO_DEFAULT, max_gpu_hours=0.0))
    lab.engine.world.jobs = ToyJobs(problem=lab.problem, gpus=0, evaluates=False)
    assert lab.run().states == ["completed"] * 3


def test_the_cost_is_limited_by_the_price() -> None:
    lab = Lab(starting(9), rules=replace(ALONE, max_cost=7.0, price_per_gpu_hour=HOUR)).run()
    assert finished(lab) == (RunStatus.STOPPED, "max_cost (7) is used up")
    assert lab.states == ["completed", "abandoned"]


@pytest.mark.parametrize(
    "rules", [Rules(max_gpu_hours=2 / HOUR), Rules(max_cost=2.0, price_per_gpu_hour=HOUR), Rules(max_wall_time=2.0)]
)
def test_a_budget_may_be_used_up_during_trial_0(rules: Rules) -> None:
    lab = Lab(starting(3), rules=rules, evaluates=True).run()
    assert finished(lab)[0] is RunStatus.STOPPED
    assert "is used up" in finished(lab)[1]
    assert lab.states == ["abandoned"]
    experiment = lab.engine.experiment
    assert experiment.baseline is None
    assert experiment.final is not None
    assert (experiment.final.status, experiment.final.reason) == ("not_run", "no trial succeeded")


def test_a_budget_may_be_used_up_by_the_evaluation_of_the_base_model() -> None:
    lab = Lab(starting(3), rules=Rules(max_gpu_hours=1 / HOUR), evaluates_base=True)
    lab.platform.behave = lambda spec: Behaviour(seconds=99.0)
    lab.run()
    assert finished(lab)[0] is RunStatus.STOPPED
    assert lab.trials == []
    assert lab.platform.running == []


def test_what_was_spent_before_a_pause_counts_and_what_runs_during_it() -> None:
    rules = replace(ALONE, max_gpu_hours=25 / HOUR)
    lab = Lab(starting(9), rules=rules).seconds(9)
    assert lab.states == ["completed", "running"]
    spent = lab.engine.experiment.gpu_hours(lab.clock.now())
    lab.clock.time += 1000.0
    lab.resume()
    assert lab.engine.experiment.gpu_hours(lab.clock.now()) > spent
    lab.run()
    assert finished(lab)[0] is RunStatus.STOPPED
    assert lab.states[:3] == ["completed"] * 3
    assert 25 < lab.engine.experiment.gpu_hours(lab.clock.now()) * HOUR < 29


def test_no_evaluation_is_asked_for_once_the_budget_is_used_up() -> None:
    """The training ends by itself before the platform has cancelled it."""
    rules = replace(ALONE, max_gpu_hours=4.0 / HOUR)
    lab = Lab(starting(3), rules=rules, evaluates=True, scored_by_evaluation=True, cancel_seconds=9.0).run()
    assert lab.states == ["abandoned"]
    assert [event.purpose for event in lab.events(JobRequested)] == [Purpose.TRAIN]


def test_patience_ends_a_search_that_no_longer_improves() -> None:
    """Trial 1 is the best."""
    lab = Lab(starting(9), rules=replace(ALONE, patience=3), evaluates=True).run()
    assert finished(lab) == (RunStatus.STOPPED, "no improvement in 3 settled trials (patience 3)")
    assert len(lab.trials) == 5
    assert lab.engine.experiment.best is not None
    assert lab.engine.experiment.best.trial == 1
    assert lab.engine.experiment.final is not None
    assert lab.engine.experiment.final.status == "measured"


def test_patience_is_counted_across_runners() -> None:
    lab = Lab(starting(9), rules=replace(ALONE, patience=3))
    while len(lab.trials) < 9 and not lab.engine.experiment.finished:
        lab.seconds(5).resume()
    assert len(lab.run().trials) == 5


def test_patience_with_several_objectives_waits_for_the_front() -> None:
    others = (Objective(metric="latency", direction=Direction.MINIMIZE),)
    problem = replace(toy_problem(epochs=3), others=others)
    ever_faster: Any = lambda params, epoch: {"latency": 99.0 - params["width"]}  # noqa: E731
    lab = Lab(starting(9), rules=replace(ALONE, patience=2), problem=problem, more=ever_faster).run()
    assert len(lab.trials) == 9


def test_what_breaks_the_constraints_is_no_improvement() -> None:
    keeps = (OutcomeConstraint(left="latency", right="1", at_most=True),)
    problem = replace(toy_problem(epochs=3), constraints=keeps)
    wide: Any = lambda params, epoch: {"latency": float(params["width"])}  # noqa: E731
    lab = Lab(starting(9), rules=replace(ALONE, patience=4), problem=problem, more=wide).run()
    assert len(lab.trials) == 5  # trial 0 is the only one that keeps them
    assert lab.engine.experiment.best is not None
    assert lab.engine.experiment.best.trial == 0


def test_a_promotion_that_improves_starts_the_patience_again() -> None:
    lab = Lab(promoting(), rules=replace(ALONE, patience=2)).run()
    assert finished(lab)[0] is RunStatus.COMPLETED
    assert lab.engine.experiment.leaders.improved_at == 2


def each(evidence: Any) -> Any:
    def change(spec: JobSpec, usual: Behaviour) -> Behaviour:
        found = evidence(int(spec.key.split("-t")[1][:4]))
        return broken(1.0, found) if found else usual

    return change


def test_the_same_failure_of_the_configuration_again_and_again_stops_the_run() -> None:
    change = each(lambda number: spec_failure(f"line {number}: train.lr is unknown (0x{number:x}f)"))
    lab = Lab(starting(9), rules=ALONE, change=change).run()
    assert len(lab.trials) == SAME_FAILURES
    status, reason = finished(lab)
    assert status is RunStatus.FAILED
    assert reason.startswith("3 trials in a row failed alike: 3 of 3 trials failed")
    assert lab.events(SearchEnded)[0].cancel is False


@pytest.mark.parametrize(
    "evidence",
    [
        lambda n: MODEL_CODE if n < 4 else None,
        lambda n: spec_failure("x" * (n + 1)) if n < 4 else None,
        lambda n: spec_failure("x") if n % 3 else None,
    ],
    ids=["of the code", "others each time", "not in a row"],
)
def test_other_failures_do_not(evidence: Any) -> None:
    lab = Lab(starting(9), rules=replace(ALONE, tolerated_failure_rate=1.0), change=each(evidence)).run()
    assert len(lab.trials) == 9
    assert finished(lab)[0] is RunStatus.COMPLETED


def test_metrics_that_are_never_there_stop_the_run() -> None:
    silent: Any = lambda spec, usual: replace(usual, lines=())  # noqa: E731
    lab = Lab(starting(9), rules=ALONE, change=silent).run()
    assert len(lab.trials) == SAME_FAILURES
    assert "was not reported" in finished(lab)[1]
    assert params(0)
