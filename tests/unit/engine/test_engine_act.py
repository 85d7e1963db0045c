"""Step 1: intents become jobs, each once."""

from dataclasses import replace

import pytest
from lab import NO_DEFAULT, Lab, starting

from tao_automl.domain.events import JobCancelRequested, JobEnded, JobRequested, JobSubmitted
from tao_automl.domain.job import FailureClass, JobSpec, JobState
from tao_automl.domain.trial import TrialState
from tao_automl.engine.act import act
from tao_automl.errors import PlatformRejected, PlatformUnavailable
from tao_automl.testing.memory_platform import Behaviour
from tao_automl.testing.toy import INFRASTRUCTURE, broken


def test_the_intent_is_durable_before_the_platform_is_called() -> None:
    seen = []

    def look(spec: JobSpec, behaviour: Behaviour) -> Behaviour:
        requested = [event.spec.key for event in lab.events(JobRequested)]
        submitted = [event.key for event in lab.events(JobSubmitted)]
        seen.append(spec.key in requested and spec.key not in submitted)
        return behaviour

    lab = Lab(starting(3), change=look)
    lab.run()
    assert seen == [True] * 3
    assert [event.key for event in lab.events(JobSubmitted)] == list(lab.platform.launched)


def test_acting_twice_creates_once() -> None:
    lab = Lab(starting(2)).seconds(0)
    lab.engine.tick()  # asks for the jobs, and has not submitted them yet
    world, experiment = lab.engine.world, lab.engine.experiment
    first, second = list(act(world, experiment)), list(act(world, experiment))
    assert first == second
    assert [type(event) for event in first] == [JobSubmitted] * 2
    assert set(lab.platform.launched.values()) == {1}


def test_a_refused_job_fails_its_trial_and_nothing_else() -> None:
    no_image = PlatformRejected("no such image", "name another", cause="image")

    def refuse(spec: JobSpec, behaviour: Behaviour) -> Behaviour:
        return replace(behaviour, rejection=no_image if "t0001" in spec.key else None)

    lab = Lab(starting(3), change=refuse).run()
    assert lab.states == ["completed", "failed", "completed"]
    assert lab.trials[1].failure is FailureClass.IMAGE
    assert lab.trials[1].reason == "no such image"
    assert lab.platform.calls["create_job"] == 3  # a refusal is not asked for again


def test_a_cause_that_nobody_knows_is_unknown() -> None:
    refusal = PlatformRejected("no", cause="bad weather")
    lab = Lab(starting(1), change=lambda spec, behaviour: replace(behaviour, rejection=refusal)).run()
    assert lab.trials[0].failure is FailureClass.UNKNOWN


def test_what_was_submitted_before_an_outage_is_kept() -> None:
    def fail_second(spec: JobSpec, behaviour: Behaviour) -> Behaviour:
        if "t0001" in spec.key and lab.platform.calls["create_job"] == 2:
            raise PlatformUnavailable("gone")
        return behaviour

    lab = Lab(starting(2), change=fail_second)
    lab.engine.tick()
    lab.engine.tick()
    assert [event.handle for event in lab.events(JobSubmitted)] == ["toy-t0000-e3-a1"]
    lab.run()
    assert lab.states == ["completed"] * 2
    assert lab.platform.calls["create_job"] == 3


def test_a_retry_waits_for_its_time() -> None:
    def flaky(spec: JobSpec, behaviour: Behaviour) -> Behaviour:
        return broken(1.0, INFRASTRUCTURE) if not spec.key.endswith("a3") else behaviour

    lab = Lab(change=flaky, rules=replace(NO_DEFAULT, retry_backoff=10.0)).run()
    ended = {event.key[-2:]: event.at for event in lab.events(JobEnded)}
    submitted = {event.key[-2:]: event.at for event in lab.events(JobSubmitted)}
    assert submitted["a2"] - ended["a1"] == 10.0
    assert submitted["a3"] - ended["a2"] == 20.0
    assert lab.states == ["completed"]


def test_a_retry_that_is_cancelled_before_its_time_is_never_launched() -> None:
    rules = replace(NO_DEFAULT, retry_backoff=100.0, max_wall_time=5.0)
    lab = Lab(change=lambda spec, behaviour: broken(1.0, INFRASTRUCTURE), rules=rules).run()
    assert lab.states == ["abandoned"]
    assert list(lab.platform.launched) == ["toy-t0000-e3-a1"]
    assert lab.events(JobEnded)[-1].state is JobState.CANCELLED
    assert lab.platform.calls["cancel_job"] == 0


@pytest.mark.parametrize("seconds", [0.0, 3.0])
def test_cancelling_goes_on_until_the_job_has_ended(seconds: float) -> None:
    rules = replace(NO_DEFAULT, max_trial_time=2.0)
    lab = Lab(change=lambda spec, b: replace(b, seconds=1e9), rules=rules, cancel_seconds=seconds).run()
    assert len(lab.events(JobCancelRequested)) == 1
    assert lab.platform.calls["cancel_job"] >= 1 + seconds
    assert lab.platform.running == []
    assert lab.trials[0].state is TrialState.FAILED


def test_nothing_is_asked_of_the_platform_for_jobs_that_ended() -> None:
    lab = Lab(starting(2)).run()
    calls = lab.platform.calls.copy()
    assert list(act(lab.engine.world, lab.engine.experiment)) == []
    assert lab.platform.calls == calls
