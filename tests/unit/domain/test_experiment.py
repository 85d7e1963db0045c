"""The fold: what the events so far say."""

from dataclasses import replace
from typing import Any

import pytest

from tao_automl.domain.events import (
    BaselineSettled,
    CallbackFailed,
    Evaluation,
    Event,
    ExperimentCreated,
    ExperimentFinished,
    FinalEvaluationSettled,
    JobCancelRequested,
    JobEnded,
    JobRequested,
    JobStarted,
    JobSubmitted,
    MetricReported,
    Purpose,
    RunnerAttached,
    RunnerDetached,
    RunStatus,
    SearchEnded,
    TrialPromoted,
    TrialSettled,
    TrialStarted,
    TrialStopRequested,
)
from tao_automl.domain.experiment import Experiment, fold
from tao_automl.domain.goal import Direction, Objective
from tao_automl.domain.job import FailureClass, JobSpec, JobState
from tao_automl.domain.problem import Fidelity
from tao_automl.domain.trial import Origin, TrialState
from tao_automl.errors import JournalCorrupt

CREATED = ExperimentCreated(
    at=100.0,
    id="x",
    version="0",
    objective=Objective(metric="acc", direction=Direction.MAXIMIZE),
    fidelity=Fidelity(key="epochs", low=1, high=9),
    seed=0,
    algorithm="a",
    platform="p",
    skill="s",
    digest="d",
    arguments={},
    space=(),
)


def started(trial: int, budget: int = 3, at: float = 101.0) -> TrialStarted:
    return TrialStarted(at=at, trial=trial, params={}, signature=str(trial), budget=budget, origin=Origin.SEARCH)


def requested(trial: int, budget: int = 3, attempt: int = 1, purpose: Purpose = Purpose.TRAIN) -> JobRequested:
    spec = JobSpec(key=f"{purpose.value}-{trial}-{budget}-{attempt}", command=("x",))
    return JobRequested(at=101.0, trial=trial, purpose=purpose, budget=budget, attempt=attempt, spec=spec)


def reported(key: str, epoch: int, cursor: int = 1, **values: float | None) -> MetricReported:
    return MetricReported(at=102.0, key=key, epoch=epoch, values=values, cursor=cursor)


def settled(trial: int, value: float | None, state: TrialState = TrialState.COMPLETED, **more: Any) -> TrialSettled:
    return TrialSettled(at=103.0, trial=trial, state=state, value=value, **more)


def after(*events: Event, created: ExperimentCreated = CREATED) -> Experiment:
    return fold([created, *events])


def one_job(*events: Event) -> Experiment:
    return after(started(0), requested(0), *events)


KEY = "train-0-3-1"


def test_an_empty_journal_has_no_facts() -> None:
    with pytest.raises(JournalCorrupt, match="empty"):
        _ = Experiment().facts


def test_every_event_counts() -> None:
    assert after().seq == 1
    assert one_job().seq == 3


def test_trials_are_numbered_in_order() -> None:
    with pytest.raises(JournalCorrupt, match="expected 0, got 1"):
        after(started(1))
    assert [trial.id for trial in after(started(0), started(1)).trials] == [0, 1]


def test_a_job_goes_through_its_states() -> None:
    job = one_job().jobs[KEY]
    assert (job.key, job.state, job.handle, job.seconds(200.0)) == (KEY, JobState.PENDING, None, 0.0)
    job = one_job(JobSubmitted(at=101.5, key=KEY, handle="h")).jobs[KEY]
    assert (job.state, job.handle) == (JobState.PENDING, "h")
    begun = JobStarted(at=102.0, key=KEY, started_at=101.5)
    job = one_job(begun).jobs[KEY]
    assert (job.state, job.seconds(111.5)) == (JobState.RUNNING, 10.0)
    assert job.seconds(0.0) == 0.0  # a clock that went back
    end = JobEnded(at=105.0, key=KEY, state=JobState.FAILED, ended_at=104.5)
    experiment = one_job(begun, end)
    assert (experiment.jobs[KEY].state, experiment.jobs[KEY].seconds(999.0)) == (JobState.FAILED, 3.0)
    assert KEY not in experiment.open_jobs


def test_open_jobs_and_live_trials_are_in_the_order_of_request() -> None:
    experiment = after(started(0), requested(0), started(1), requested(1), started(2), requested(2))
    assert list(experiment.live) == [0, 1, 2]
    assert list(experiment.open_jobs) == ["train-0-3-1", "train-1-3-1", "train-2-3-1"]
    experiment.apply(JobEnded(at=1.0, key="train-1-3-1", state=JobState.SUCCEEDED, ended_at=1.0))
    experiment.apply(settled(1, 0.5))
    assert [trial.id for trial in experiment.running_trials] == [0, 2]
    assert list(experiment.open_jobs) == ["train-0-3-1", "train-2-3-1"]


def test_a_job_remembers_the_last_word_on_each_metric() -> None:
    experiment = one_job(reported(KEY, 1, acc=0.5, loss=2.0), reported(KEY, 2, cursor=9, loss=None))
    job = experiment.jobs[KEY]
    assert job.latest == {"acc": 0.5, "loss": None}
    assert job.last_report is not None
    assert (job.last_report.epoch, job.cursor) == (2, 9)
    assert experiment.curves == {0: {1: {"acc": 0.5, "loss": 2.0}, 2: {"loss": None}}}


def test_reports_of_one_epoch_are_put_together() -> None:
    assert one_job(reported(KEY, 1, loss=2.0), reported(KEY, 1, acc=0.5)).curves[0][1] == {"loss": 2.0, "acc": 0.5}


def test_scores_are_in_order_of_budget_and_know_their_event() -> None:
    experiment = one_job(reported(KEY, 2, acc=0.5), reported(KEY, 1, acc=0.25), reported(KEY, 3, acc=None))
    scores = experiment.trials[0].scores
    assert [(budget, score.value, score.cost, score.seq) for budget, score in scores.items()] == [
        (1, 0.25, -0.25, 5),
        (2, 0.5, -0.5, 4),
    ]
    assert experiment.trials[0].score == scores[2]


def test_a_later_report_of_the_same_epoch_counts() -> None:
    assert one_job(reported(KEY, 1, acc=0.5), reported(KEY, 1, acc=0.75)).trials[0].scores[1].value == 0.75


@pytest.mark.parametrize(
    "created", [replace(CREATED, fidelity=None), replace(CREATED, scored_by_callback=True)], ids=["plain", "callback"]
)
def test_a_report_is_no_score_without_a_fidelity_or_with_an_eval_fn(created: ExperimentCreated) -> None:
    experiment = after(started(0, budget=1), requested(0, 1), reported("train-0-1-1", 1, acc=0.5), created=created)
    assert experiment.trials[0].scores == {}
    experiment.apply(settled(0, 0.25))
    assert {budget: score.value for budget, score in experiment.trials[0].scores.items()} == {1: 0.25}


def test_what_counts_beyond_the_budget_is_no_score() -> None:
    assert one_job(reported(KEY, 4, acc=0.5)).trials[0].scores == {}


def test_an_evaluation_reports_about_itself_only() -> None:
    evaluation = requested(0, purpose=Purpose.BASELINE)
    experiment = one_job(evaluation, reported("baseline-0-3-1", 1, acc=0.9))
    assert experiment.trials[0].scores == {}
    assert experiment.curves == {}
    assert experiment.jobs["baseline-0-3-1"].latest == {"acc": 0.9}
    assert experiment.train_job == {0: KEY}
    assert experiment.evaluation_job == {(Purpose.BASELINE, 0): "baseline-0-3-1"}


def test_a_retry_is_the_trials_latest_job() -> None:
    assert one_job(requested(0, attempt=2)).train_job == {0: "train-0-3-2"}


def test_a_promotion_makes_a_trial_live_again() -> None:
    experiment = one_job(settled(0, 0.5), TrialPromoted(at=110.0, trial=0, budget=9))
    trial = experiment.trials[0]
    assert (trial.state, trial.budget, list(experiment.live)) == (TrialState.RUNNING, 9, [0])
    assert experiment.ended_at == {}
    assert list(trial.scores) == [3]


def test_the_best_is_the_best_completed_one() -> None:
    experiment = after(*[started(n) for n in range(5)])
    for trial, value, state in [
        (0, 0.5, TrialState.COMPLETED),
        (1, 0.75, TrialState.COMPLETED),
        (2, 0.75, TrialState.COMPLETED),  # a tie stays with the first
        (3, 0.99, TrialState.STOPPED),
        (4, None, TrialState.FAILED),
    ]:
        experiment.apply(settled(trial, value, state))
    assert experiment.best is not None
    assert (experiment.best.trial, experiment.best.budget) == (1, 3)
    assert experiment.failures == 1
    assert {trial: one.event.value for trial, one in experiment.leaders.of_trial.items()} == {0: 0.5, 1: 0.75, 2: 0.75}


def test_a_value_at_a_lower_budget_can_be_the_best() -> None:
    experiment = one_job(settled(0, 0.75), TrialPromoted(at=1.0, trial=0, budget=9), requested(0, 9), settled(0, 0.5))
    assert experiment.best is not None
    assert (experiment.best.budget, experiment.best.job) == (3, KEY)
    assert experiment.last_settlement[0].job == "train-0-9-1"


def test_a_failure_says_why() -> None:
    failed = settled(0, None, TrialState.FAILED, failure=FailureClass.IMAGE, reason="no such image")
    trial = one_job(failed).trials[0]
    assert (trial.state, trial.failure, trial.reason) == (TrialState.FAILED, FailureClass.IMAGE, "no such image")


def test_a_wish_to_stop_is_remembered_until_it_is_fulfilled() -> None:
    wish = TrialStopRequested(at=102.0, trial=0, reason="behind")
    assert one_job(wish).stop_requests == {0: "behind"}
    assert one_job(wish, settled(0, None, TrialState.STOPPED)).stop_requests == {}


def test_a_wish_to_cancel_belongs_to_its_job() -> None:
    wish = JobCancelRequested(at=102.0, key=KEY, reason="too long", failure=FailureClass.RESOURCES)
    assert one_job(wish).jobs[KEY].cancel == wish


def test_the_first_failure_of_a_callback_is_kept() -> None:
    first, second = (CallbackFailed(at=1.0, callback="eval_fn", trial=0, message=text) for text in "ab")
    assert after(first, second).failed_callbacks == {("eval_fn", 0): first}


def test_evaluations_and_the_end_are_kept() -> None:
    baseline, final = (Evaluation(status="measured", metric_name=name) for name in "bf")
    ended = SearchEnded(at=1.0, status=RunStatus.COMPLETED, reason="done")
    finished = ExperimentFinished(at=1.0, status=RunStatus.COMPLETED, reason="done")
    experiment = after(
        BaselineSettled(at=1.0, evaluation=baseline),
        ended,
        FinalEvaluationSettled(at=1.0, evaluation=final),
        finished,
    )
    assert (experiment.baseline, experiment.final) == (baseline, final)
    assert (experiment.ended, experiment.finished) == (ended, finished)


def test_the_status_is_what_was_recorded() -> None:
    attached, detached = RunnerAttached(at=101.0, host="h", pid=1), RunnerDetached(at=102.0, reason="r")
    finished = ExperimentFinished(at=103.0, status=RunStatus.STOPPED, reason="r")
    assert after().status is RunStatus.INTERRUPTED
    assert after(attached).status is RunStatus.RUNNING
    assert after(attached, detached).status is RunStatus.INTERRUPTED
    assert after(attached, finished).status is RunStatus.STOPPED


def test_pauses_between_two_runners_do_not_count() -> None:
    experiment = after(RunnerAttached(at=100.0, host="h", pid=1))
    assert experiment.elapsed(130.0) == 30.0
    experiment.apply(RunnerDetached(at=130.0, reason="r"))
    assert experiment.elapsed(500.0) == 30.0
    experiment.apply(RunnerAttached(at=500.0, host="h", pid=2))
    assert experiment.elapsed(510.0) == 40.0
    experiment.apply(ExperimentFinished(at=520.0, status=RunStatus.COMPLETED, reason="r"))
    assert experiment.elapsed(900.0) == 50.0


def test_a_clock_that_goes_back_between_two_runners_adds_nothing() -> None:
    experiment = after(RunnerAttached(at=100.0, host="h", pid=1), RunnerDetached(at=130.0, reason="r"))
    experiment.apply(RunnerAttached(at=120.0, host="other", pid=2))
    assert experiment.elapsed(140.0) == 40.0
