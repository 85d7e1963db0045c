"""The base model, evaluated before any training, as the baseline."""

from dataclasses import replace
from typing import Any

import pytest
from lab import NO_DEFAULT, Lab, starting

from tao_automl.domain.events import BaselineSettled, Evaluation, JobRequested, Purpose, RunStatus, TrialStarted
from tao_automl.domain.job import JobSpec
from tao_automl.domain.trial import Origin
from tao_automl.engine.naming import BASE_MODEL
from tao_automl.engine.world import Callbacks, Rules
from tao_automl.testing.memory_platform import Behaviour
from tao_automl.testing.toy import INFRASTRUCTURE, broken, toy_value

RULES = Rules(max_concurrent=2, retry_backoff=1.0)
KEY = "toy-base-baseline-a1"


def base(behaviour: Behaviour) -> Any:
    return lambda spec, usual: behaviour if "-base-" in spec.key else usual


def baseline(lab: Lab) -> Evaluation:
    assert lab.engine.experiment.baseline is not None
    return lab.engine.experiment.baseline


def test_it_is_evaluated_before_anything_is_trained() -> None:
    lab = Lab(starting(3), rules=RULES, evaluates=True, evaluates_base=True).run()
    first, *others = lab.events(JobRequested)
    assert (first.trial, first.purpose, first.spec.key) == (BASE_MODEL, Purpose.BASELINE, KEY)
    assert [event.purpose for event in others] == [Purpose.TRAIN] * 3 + [Purpose.FINAL]
    order = [type(event) for event in lab.journal.read()]
    assert order.index(BaselineSettled) < order.index(TrialStarted)
    assert (baseline(lab).status, baseline(lab).job_id) == ("measured", KEY)
    expected = toy_value(lab.problem.space.default(), 1, lab.problem.objective.direction)
    assert baseline(lab).metric_value == expected


def test_the_default_is_still_the_first_trial() -> None:
    lab = Lab(starting(3), rules=RULES, evaluates_base=True).run()
    assert [trial.origin for trial in lab.trials] == [Origin.DEFAULT, Origin.SEARCH, Origin.SEARCH]
    assert len(lab.events(BaselineSettled)) == 1


def test_it_is_the_baseline_without_a_default_too() -> None:
    lab = Lab(starting(2), rules=NO_DEFAULT, evaluates_base=True).run()
    assert baseline(lab).status == "measured"
    assert {trial.origin for trial in lab.trials} == {Origin.SEARCH}


def test_a_baseline_fn_comes_first() -> None:
    lab = Lab(rules=RULES, callbacks=Callbacks(baseline_fn=lambda specs: 0.75), evaluates_base=True).run()
    assert (baseline(lab).status, baseline(lab).metric_value) == ("provided", 0.75)
    assert KEY not in lab.platform.jobs


def test_it_is_retried() -> None:
    def flaky(spec: JobSpec, usual: Behaviour) -> Behaviour:
        return broken(1.0, INFRASTRUCTURE) if spec.key == KEY else usual

    lab = Lab(rules=RULES, change=flaky, evaluates_base=True).run()
    assert (baseline(lab).status, baseline(lab).job_id) == ("measured", "toy-base-baseline-a2")


@pytest.mark.parametrize("lenient", [False, True])
@pytest.mark.parametrize(
    ("behaviour", "status"), [(broken(1.0), "failure"), (Behaviour(seconds=1.0), "metric_missing")]
)
def test_without_it_the_search_stops_unless_told_otherwise(behaviour: Behaviour, status: str, lenient: bool) -> None:
    rules = replace(RULES, allow_proxy_metric=lenient, evaluate_default=False)
    lab = Lab(starting(2), rules=rules, evaluates_base=True, change=base(behaviour)).run()
    finished = lab.engine.experiment.finished
    assert finished is not None
    assert baseline(lab).status == status
    assert len(lab.trials) == (2 if lenient else 0)
    assert finished.status is (RunStatus.COMPLETED if lenient else RunStatus.FAILED)
    if not lenient:
        assert finished.reason.startswith("no baseline: ")


@pytest.mark.parametrize("behaviour", [broken(1.0), Behaviour(seconds=1.0)])
def test_without_it_the_default_configuration_is_the_baseline(behaviour: Behaviour) -> None:
    lab = Lab(starting(2), rules=RULES, evaluates=True, evaluates_base=True, change=base(behaviour)).run()
    found = baseline(lab)
    assert (found.status, found.job_id) == ("measured", "toy-t0000-baseline-a1")
    assert found.reason.startswith(f"the base model could not be evaluated ({KEY})")
    assert lab.engine.experiment.status is RunStatus.COMPLETED


def test_it_is_evaluated_once_whoever_watches() -> None:
    lab = Lab(rules=RULES, evaluates_base=True, change=base(Behaviour(seconds=5.0)))
    for _ in range(8):
        lab.seconds(1).resume()
    lab.run()
    assert set(lab.platform.launched.values()) == {1}
    assert len(lab.events(BaselineSettled)) == 1


def test_the_user_cancels_while_it_runs() -> None:
    lab = Lab(
        rules=RULES,
        evaluates_base=True,
        change=base(Behaviour(seconds=1e9)),
        cancelled=lambda clock: len(lab.platform.jobs) > 0,
    )
    lab.run()
    assert lab.trials == []
    assert lab.platform.running == []
    assert lab.engine.experiment.baseline is None
    assert lab.engine.experiment.final is not None
    assert lab.engine.experiment.final.status == "not_run"
