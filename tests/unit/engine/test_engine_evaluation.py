"""The two evaluations that frame a search: of the default configuration, and of the winner."""

from dataclasses import replace
from typing import Any

import pytest
from lab import Lab, Script, params, starting

from tao_automl.domain.events import Evaluation, JobRequested, Purpose, RunStatus
from tao_automl.domain.job import JobSpec, JobState
from tao_automl.domain.trial import Origin
from tao_automl.engine.world import Callbacks, Rules
from tao_automl.testing.memory_platform import Behaviour
from tao_automl.testing.toy import INFRASTRUCTURE, broken, metric_line

RULES = Rules(max_concurrent=2, retry_backoff=1.0)


def raising(*_: Any) -> float:
    raise OSError("disk gone")


def only(purpose: str, behaviour: Behaviour) -> Any:
    return lambda spec, usual: behaviour if purpose in spec.key else usual


def _baseline(lab: Lab) -> Evaluation:
    assert lab.engine.experiment.baseline is not None
    return lab.engine.experiment.baseline


def _final(lab: Lab) -> Evaluation:
    assert lab.engine.experiment.final is not None
    return lab.engine.experiment.final


def _finished(lab: Lab) -> tuple[RunStatus, str]:
    finished = lab.engine.experiment.finished
    assert finished is not None
    return finished.status, finished.reason


def test_trial_0_is_the_default_and_nothing_starts_before_its_evaluation() -> None:
    lab = Lab(starting(3), rules=RULES, evaluates=True).run()
    assert lab.trials[0].origin is Origin.DEFAULT
    assert lab.trials[0].params == lab.problem.space.default()
    purposes = [event.purpose for event in lab.events(JobRequested)]
    assert purposes == [Purpose.TRAIN, Purpose.BASELINE, Purpose.TRAIN, Purpose.TRAIN, Purpose.FINAL]


def test_both_are_measured() -> None:
    lab = Lab(starting(3), rules=RULES, evaluates=True).run()
    baseline, final = _baseline(lab), _final(lab)
    assert (baseline.status, baseline.job_id) == ("measured", "toy-t0000-baseline-a1")
    assert baseline.metric_value == lab.trials[0].scores[3].value
    assert (final.status, final.job_id) == ("measured", "toy-t0001-final-a1")
    assert final.metric_value == lab.trials[1].scores[3].value


def test_an_evaluation_may_report_in_several_lines() -> None:
    lines = [(0.1, metric_line(None, loss=0.25)), (0.2, metric_line(None, latency=3))]
    lab = Lab(rules=RULES, evaluates=True, change=only("baseline", Behaviour(seconds=1.0, lines=lines))).run()
    assert _baseline(lab).metric_value == 0.25
    assert _baseline(lab).values == {"loss": 0.25, "latency": 3.0}


def test_without_an_evaluate_action_the_default_is_its_own_baseline() -> None:
    lab = Lab(rules=RULES).run()
    assert _baseline(lab).status == "measured"
    assert _baseline(lab).metric_value == lab.trials[0].scores[3].value
    assert "no evaluate action" in _baseline(lab).reason
    assert (_final(lab).status, _final(lab).reason) == ("unavailable", "the toy has no evaluate action")


def test_without_a_default_there_is_no_baseline() -> None:
    lab = Lab(rules=replace(RULES, evaluate_default=False)).run()
    assert (_baseline(lab).status, _baseline(lab).reason) == ("skipped", "evaluate_default=False")
    assert lab.trials[0].origin is Origin.SEARCH


@pytest.mark.parametrize("lenient", [False, True])
@pytest.mark.parametrize(
    ("behaviour", "status", "reason"),
    [
        (broken(1.0), "failure", "the evaluation job ended FAILED: ValueError: lr is too large"),
        (Behaviour(seconds=1.0), "metric_missing", "`loss` was not reported (no metric was found in the log)"),
        (
            Behaviour(seconds=1.0, state=JobState.CANCELLED),
            "failure",
            "the evaluation job ended CANCELLED: CANCELLED",
        ),
    ],
)
def test_without_a_baseline_the_search_stops_unless_told_otherwise(
    behaviour: Behaviour, status: str, reason: str, lenient: bool
) -> None:
    rules = replace(RULES, allow_proxy_metric=lenient)
    lab = Lab(starting(2), rules=rules, evaluates=True, change=only("baseline", behaviour)).run()
    assert (_baseline(lab).status, _baseline(lab).reason) == (status, reason)
    if lenient:
        assert _finished(lab)[0] is RunStatus.COMPLETED
        assert len(lab.trials) == 2
    else:
        assert _finished(lab) == (RunStatus.FAILED, f"no baseline: {reason}")
        assert len(lab.trials) == 1
        assert _final(lab).status == "not_run"


def test_a_default_that_does_not_train_is_no_baseline() -> None:
    lab = Lab(rules=RULES, change=lambda spec, usual: broken(1.0)).run()
    assert _baseline(lab).status == "failure"
    assert "the default configuration did not train: ValueError" in _baseline(lab).reason
    assert _finished(lab)[0] is RunStatus.FAILED


@pytest.mark.parametrize("purpose", ["baseline", "final"])
def test_evaluations_are_retried_too(purpose: str) -> None:
    def flaky(spec: JobSpec, usual: Behaviour) -> Behaviour:
        return broken(1.0, INFRASTRUCTURE) if purpose in spec.key and not spec.key.endswith("a3") else usual

    lab = Lab(rules=RULES, evaluates=True, change=flaky).run()
    evaluation = _baseline(lab) if purpose == "baseline" else _final(lab)
    assert (evaluation.status, evaluation.job_id) == ("measured", f"toy-t0000-{purpose}-a3")


def test_the_attempt_that_holds_the_checkpoint_is_evaluated() -> None:
    def dies_at_the_very_end(spec: JobSpec, usual: Behaviour) -> Behaviour:
        if spec.key.endswith("e3-a1"):
            return replace(usual, seconds=6.2, state=JobState.FAILED, failure=INFRASTRUCTURE)
        return usual

    lab = Lab(rules=RULES, evaluates=True, change=dies_at_the_very_end).run()
    assert [event.spec.resume_from for event in lab.events(JobRequested)][2:] == ["toy-t0000-e3-a1"] * 2
    assert (_baseline(lab).status, _final(lab).status) == ("measured", "measured")


def test_a_baseline_fn_comes_before_everything() -> None:
    asked: list[Any] = []

    def baseline_fn(specs: Any) -> dict[str, Any]:
        asked.append((specs, len(lab.trials)))
        return {"loss": 0.75, "job_id": 17, "record_path": "/r.json"}

    lab = Lab(starting(1), rules=RULES, callbacks=Callbacks(baseline_fn=baseline_fn))
    lab.engine.world.base_specs = {"train.epochs": 3}
    lab.run()
    assert asked == [({"train.epochs": 3}, 0)]
    found = _baseline(lab)
    assert (found.status, found.metric_value, found.source) == ("provided", 0.75, "baseline_fn")
    assert (found.job_id, found.record_path) == ("17", "/r.json")
    assert lab.trials[0].origin is Origin.DEFAULT


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(raising, "the callback raised OSError: disk gone"), (lambda specs: None, "the callback answered None")],
)
def test_a_baseline_fn_without_an_answer_stops_the_search(answer: Any, reason: str) -> None:
    lab = Lab(rules=RULES, callbacks=Callbacks(baseline_fn=answer)).run()
    assert _baseline(lab).status == "failure"
    assert _finished(lab)[0] is RunStatus.FAILED
    assert reason in _finished(lab)[1]
    assert lab.trials == []
    lenient = Lab(rules=replace(RULES, allow_proxy_metric=True), callbacks=Callbacks(baseline_fn=answer)).run()
    assert lenient.states == ["completed"]


def test_a_final_eval_fn_gets_the_winner() -> None:
    asked: list[Any] = []

    def final_eval_fn(rec: dict[str, Any], job_id: str) -> float:
        asked.append((rec["rec_id"], rec["specs"], rec["metric_value"], job_id))
        return 0.5

    lab = Lab(starting(4), callbacks=Callbacks(final_eval_fn=final_eval_fn), rules=RULES, evaluates=True).run()
    best = lab.engine.experiment.best
    assert best is not None
    assert asked == [(1, params(1), best.event.value, "toy-t0001-e3-a1")]
    assert (_final(lab).status, _final(lab).metric_value) == ("provided", 0.5)
    assert [event.purpose for event in lab.events(JobRequested)].count(Purpose.FINAL) == 0


@pytest.mark.parametrize("answer", [raising, lambda rec, job: None, lambda rec, job: {"accuracy": 1.0}])
def test_a_final_eval_fn_without_an_answer_leaves_the_result_alone(answer: Any) -> None:
    lab = Lab(starting(2), callbacks=Callbacks(final_eval_fn=answer), rules=RULES).run()
    assert _final(lab).status == "callback_error"
    assert _final(lab).reason
    assert _finished(lab)[0] is RunStatus.COMPLETED
    assert lab.engine.experiment.best is not None


def test_a_final_evaluation_that_fails_leaves_the_result_alone() -> None:
    lab = Lab(rules=RULES, evaluates=True, change=only("final", broken(1.0))).run()
    assert _final(lab).status == "unavailable"
    assert "the evaluation job ended FAILED" in _final(lab).reason
    assert _finished(lab)[0] is RunStatus.COMPLETED


def test_the_best_of_no_trial_is_not_evaluated() -> None:
    lab = Lab(Script(lambda history, slots: []), rules=replace(RULES, evaluate_default=False), evaluates=True).run()
    assert (_final(lab).status, _final(lab).reason) == ("not_run", "no trial succeeded")
    assert _finished(lab)[0] is RunStatus.COMPLETED


def test_the_user_cancels_during_the_final_evaluation() -> None:
    def patient(spec: JobSpec, usual: Behaviour) -> Behaviour:
        return replace(usual, seconds=1e9) if "final" in spec.key else usual

    lab = Lab(
        rules=replace(RULES, evaluate_default=False),
        evaluates=True,
        change=patient,
        cancelled=lambda clock: clock.now() - began > 30,
    )
    began = lab.clock.now()
    lab.run()
    assert _finished(lab) == (RunStatus.STOPPED, "cancelled by the user")
    assert (_final(lab).status, _final(lab).reason) == ("not_run", "cancelled by the user")
    assert lab.platform.running == []
    assert lab.engine.experiment.best is not None
