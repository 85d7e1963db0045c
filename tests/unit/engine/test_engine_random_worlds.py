"""Worlds that nobody would think of: whatever the jobs do, the run ends, and the books are in order all the way."""

import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from lab import Lab, Script, params

from tao_automl.domain.events import Event, JobSubmitted, RunStatus, TrialSettled
from tao_automl.domain.experiment import Experiment
from tao_automl.domain.job import JobSpec, JobState
from tao_automl.domain.trial import Promote, Start, Stop, TrialState
from tao_automl.engine.world import Callbacks, Rules
from tao_automl.errors import PlatformRejected
from tao_automl.testing.memory_platform import Behaviour
from tao_automl.testing.toy import INFRASTRUCTURE, MODEL_CODE, metric_line

ENDS = [JobState.SUCCEEDED, JobState.SUCCEEDED, JobState.FAILED, JobState.LOST, JobState.CANCELLED]
VALUES = st.sampled_from([0.5, 0.25, 2.0, -1.0, math.nan])

behaviours = st.builds(
    Behaviour,
    seconds=st.sampled_from([0.0, 0.5, 2.0, 7.0, 60.0]),
    state=st.sampled_from(ENDS),
    lines=st.lists(st.tuples(st.sampled_from([1, 2, 3, 9, None]), VALUES), max_size=4).map(
        lambda pairs: [(0.4 + n, metric_line(epoch, loss=value)) for n, (epoch, value) in enumerate(pairs)]
    ),
    outputs=st.sampled_from([(), ((0.3, "epoch_1.ckpt"),)]),
    failure=st.sampled_from([INFRASTRUCTURE, MODEL_CODE]),
    queued=st.sampled_from([0.0, 0.0, 3.0]),
    rejection=st.sampled_from([None, None, None, PlatformRejected("no")]),
)
rules = st.builds(
    Rules,
    max_concurrent=st.integers(1, 3),
    max_wall_time=st.sampled_from([None, 25.0]),
    max_trial_time=st.sampled_from([None, 5.0]),
    target_metric=st.sampled_from([None, 0.3]),
    max_attempts=st.integers(1, 3),
    tolerated_failure_rate=st.sampled_from([0.1, 0.5, 1.0]),
    evaluate_default=st.booleans(),
    allow_proxy_metric=st.booleans(),
    retry_backoff=st.sampled_from([0.0, 4.0]),
)


def busy(trials: int) -> Script:
    """Stops what has a bad score, promotes what has a good one, and starts new ones."""

    def ask(history: Any, slots: int) -> Any:
        stops = [Stop(trial=t.id, reason="bad") for t in history if t.live and t.score and t.score.cost >= 2]
        good = [t for t in history if t.state is TrialState.COMPLETED and t.score and t.score.cost < 0.4]
        placed: list[Any] = [Promote(trial=t.id, budget=t.budget + 1) for t in good if t.budget < 3]
        placed += [Start(params=params(n), budget=1) for n in range(len(history), trials)]
        return [*stops, *placed[:slots]]

    return Script(ask)


class Auditor:
    """A listener that checks what must hold after every append."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.handles: set[str] = set()

    def __call__(self, event: Event, experiment: Experiment) -> None:
        trials, jobs = experiment.trials, experiment.jobs
        assert list(experiment.live) == [] or len(experiment.live) <= max(1, self.limit)
        assert set(experiment.live) == {t.id for t in trials if t.state is TrialState.RUNNING}
        assert list(experiment.open_jobs) == [key for key, job in jobs.items() if job.ended is None]
        assert all(list(t.scores) == sorted(t.scores) for t in trials)
        assert all(t.state is not TrialState.COMPLETED or t.budget in t.scores for t in trials)
        assert all(job.handle is not None or job.started_at is None for job in jobs.values())
        if isinstance(event, JobSubmitted):
            assert event.handle not in self.handles
            self.handles.add(event.handle)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), rules=rules, slots=st.sampled_from([None, 1, 2]), callback=st.booleans())
def test_every_run_ends_in_order(data: st.DataObject, rules: Rules, slots: int | None, callback: bool) -> None:
    drawn: dict[str, Behaviour] = {}

    def change(spec: JobSpec, usual: Behaviour) -> Behaviour:
        return drawn.setdefault(spec.key, data.draw(behaviours, label=spec.key))

    callbacks = Callbacks(eval_fn=lambda rec, job: [0.5, None, 0.25][rec["rec_id"] % 3]) if callback else None
    evaluates = data.draw(st.booleans(), label="evaluates")
    lab = Lab(busy(5), rules=rules, change=change, slots=slots, callbacks=callbacks, evaluates=evaluates)
    lab.engine._listeners = (Auditor(rules.max_concurrent or 1),)
    lab.run()
    _check_end(lab)


def _check_end(lab: Lab) -> None:
    experiment = lab.engine.experiment
    assert experiment.finished is not None
    assert experiment.finished.status in (RunStatus.COMPLETED, RunStatus.STOPPED, RunStatus.FAILED)
    assert lab.platform.running == []
    assert set(lab.platform.launched.values()) <= {1}
    assert not experiment.live
    assert not experiment.open_jobs
    costs = [event.value for event in lab.events(TrialSettled) if event.state is TrialState.COMPLETED]
    best = experiment.best.event.value if experiment.best else None
    assert best == min((cost for cost in costs if cost is not None), default=None)
    failed = sum(trial.state is TrialState.FAILED for trial in experiment.trials)
    assert failed == experiment.failures
