"""Whatever the jobs do, whatever is asked for, the run ends, and the books are in order all the way."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from lab import Lab
from worlds import CONSTRAINTS, LATENCY, Auditor, Impatient, Keeper, behaviours, busy, rules

from tao_automl.domain.events import CheckpointsReleased, FinalEvaluationSettled, RunStatus, TrialSettled
from tao_automl.domain.experiment import fold
from tao_automl.domain.job import JobSpec
from tao_automl.domain.ranking import front
from tao_automl.domain.trial import TrialState
from tao_automl.engine.world import Callbacks, Retention, Rules
from tao_automl.testing.memory_platform import Behaviour
from tao_automl.testing.toy import toy_problem

ANSWERS = [{"loss": 0.5, "latency": 3.0}, None, {"loss": 0.25, "latency": 6.0}]


@settings(max_examples=150, deadline=None)
@given(data=st.data(), rules=rules, slots=st.sampled_from([None, 1, 2]), callback=st.booleans())
def test_every_run_ends_in_order(data: st.DataObject, rules: Rules, slots: int | None, callback: bool) -> None:
    drawn: dict[str, Behaviour] = {}

    def change(spec: JobSpec, usual: Behaviour) -> Behaviour:
        return drawn.setdefault(spec.key, data.draw(behaviours, label=spec.key))

    others = (LATENCY,) if data.draw(st.booleans(), label="several objectives") else ()
    keeps = data.draw(st.sampled_from([(), (), CONSTRAINTS[:1], CONSTRAINTS[1:], CONSTRAINTS]), label="constraints")
    lab = Lab(
        busy(5),
        rules=rules,
        change=change,
        slots=slots,
        problem=replace(toy_problem(epochs=3), others=others, constraints=keeps),
        callbacks=Callbacks(
            eval_fn=(lambda rec, job: ANSWERS[rec["rec_id"] % 3]) if callback else None,
            feedback_fn=(lambda rec, job: rec["rec_id"] % 2 or None) if data.draw(st.booleans(), label="fb") else None,
        ),
        evaluates=data.draw(st.booleans(), label="evaluates"),
        evaluates_base=data.draw(st.booleans(), label="evaluates base"),
        scored_by_evaluation=not callback and data.draw(st.booleans(), label="scored by evaluation"),
        stopper=data.draw(st.sampled_from([None, Impatient()]), label="stopper"),
    )
    lab.engine._listeners = (Auditor(rules.max_concurrent or 1), Keeper())
    lab.run()
    _check_end(lab)
    _check_result(lab)


def _check_end(lab: Lab) -> None:
    experiment = lab.engine.experiment
    assert experiment.finished is not None
    assert experiment.finished.status in (RunStatus.COMPLETED, RunStatus.STOPPED, RunStatus.FAILED)
    assert lab.platform.running == []
    assert set(lab.platform.launched.values()) <= {1}
    assert not experiment.live
    assert not experiment.open_jobs
    assert not experiment.to_delete
    failed = sum(trial.state is TrialState.FAILED for trial in experiment.trials)
    assert failed == experiment.failures
    again = fold(lab.journal.read())
    assert (again.trials, again.winners, again.finals) == (experiment.trials, experiment.winners, experiment.finals)


def _check_result(lab: Lab) -> None:
    experiment, goal = lab.engine.experiment, lab.problem.goal
    done = [event for event in lab.events(TrialSettled) if event.state is TrialState.COMPLETED]
    scores = [
        score for e in done if (score := goal.score({**e.values, "loss": e.value}, 0, experiment.baseline_values))
    ]
    assert len(scores) == len(done)
    able = [score for score in scores if not score.violation]
    if len(goal.objectives) == 1:
        assert (experiment.best.value if experiment.best else None) == min((s.value for s in able), default=None)
    else:
        last = [s.score for s in experiment.leaders.of_trial.values() if s.score and not s.score.violation]
        assert len(experiment.winners) == len(front(last))
    evaluated = {event.trial for event in lab.events(FinalEvaluationSettled)} - {None}
    assert evaluated <= {winner.trial for winner in experiment.winners}
    if lab.engine.world.rules.retention is Retention.ALL:
        assert lab.events(CheckpointsReleased) == []
