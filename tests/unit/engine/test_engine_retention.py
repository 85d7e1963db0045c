"""Which checkpoints are deleted, and that none is that anything could still need."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lab import NO_DEFAULT, Lab, Script, params, promoting, starting
from worlds import CONSTRAINTS, LATENCY, Auditor, Impatient, Keeper, restless

from tao_automl.domain.events import CheckpointsDeleted, CheckpointsReleased, RunStatus
from tao_automl.domain.job import FailureClass, JobSpec, JobState
from tao_automl.domain.trial import Decision, Promote, Start, Trial, TrialState
from tao_automl.engine.requests import resume_of
from tao_automl.engine.world import Retention, Rules
from tao_automl.errors import PlatformRejected
from tao_automl.testing.memory_platform import Behaviour
from tao_automl.testing.toy import INFRASTRUCTURE, toy_problem

TERMINAL = replace(NO_DEFAULT, retention=Retention.TERMINAL)
BEST = replace(NO_DEFAULT, retention=Retention.BEST)


def left(lab: Lab) -> dict[str, list[str]]:
    """Job -> the files that it has left now."""
    files = {key: lab.platform.get_job_outputs(key).files for key in lab.platform.jobs}
    return {key: [file.path for file in found] for key, found in files.items() if found}


def finished(lab: Lab) -> RunStatus:
    assert lab.engine.experiment.finished is not None
    return lab.engine.experiment.finished.status


def test_all_stay_unless_asked_otherwise() -> None:
    lab = Lab(starting(2)).run()
    assert left(lab)["toy-t0000-e3-a1"] == ["epoch_1.ckpt", "epoch_2.ckpt", "epoch_3.ckpt"]
    assert lab.platform.calls["delete_job_files"] == 0


def test_the_last_one_of_each_trial_stays() -> None:
    lab = Lab(starting(2), rules=TERMINAL).run()
    assert left(lab) == {"toy-t0000-e3-a1": ["epoch_3.ckpt"], "toy-t0001-e3-a1": ["epoch_3.ckpt"]}
    assert [event.detail for event in lab.events(CheckpointsDeleted)] == ["", ""]


def test_in_the_end_only_the_winners_stays() -> None:
    lab = Lab(starting(3), rules=BEST, evaluates=True).run()
    assert left(lab) == {"toy-t0001-e3-a1": ["epoch_3.ckpt"]}
    assert lab.engine.experiment.final is not None
    assert lab.engine.experiment.final.status == "measured"


def test_each_member_of_a_front_keeps_its_own() -> None:
    problem = replace(toy_problem(epochs=3), others=(LATENCY,))
    wide: Any = lambda params, epoch: {"latency": float(params["width"])}  # noqa: E731
    lab = Lab(starting(5), rules=BEST, problem=problem, more=wide, evaluates=True).run()
    members = [winner.job for winner in lab.engine.experiment.winners]
    assert len(members) > 1
    assert left(lab) == {job: ["epoch_3.ckpt"] for job in members}


@pytest.mark.parametrize("rules", [replace(BEST, max_gpu_hours=0.003), replace(BEST, max_wall_time=9.0)])
def test_a_run_that_was_stopped_keeps_what_a_search_could_go_on_from(rules: Rules) -> None:
    lab = Lab(starting(9), rules=rules).run()
    assert finished(lab) is RunStatus.STOPPED
    done = [trial.id for trial in lab.trials if trial.state is TrialState.COMPLETED]
    assert len(done) > 1
    assert all(left(lab)[f"toy-t000{trial}-e3-a1"] == ["epoch_3.ckpt"] for trial in done)


def test_without_a_winner_nothing_more_is_deleted_in_the_end() -> None:
    problem = replace(toy_problem(epochs=3), constraints=CONSTRAINTS[:1])
    lab = Lab(starting(2), rules=BEST, problem=problem, more=lambda p, e: {"latency": 9.0}).run()
    assert left(lab) == {"toy-t0000-e3-a1": ["epoch_3.ckpt"], "toy-t0001-e3-a1": ["epoch_3.ckpt"]}


def test_a_lower_rung_goes_once_the_higher_one_has_left_its_own() -> None:
    lab = Lab(promoting(), rules=TERMINAL).run()
    assert left(lab) == {"toy-t0000-e3-a1": ["epoch_3.ckpt"]}
    assert [(e.key, e.everything) for e in lab.events(CheckpointsReleased)] == [
        ("toy-t0000-e1-a1", True),
        ("toy-t0000-e3-a1", False),
    ]


def test_a_lower_rung_with_the_better_score_stays() -> None:
    def worse(spec: JobSpec, usual: Behaviour) -> Behaviour:
        text = usual.lines[-1][1].replace('"loss": 0', '"loss": 7')
        return replace(usual, lines=[*usual.lines[:-1], (usual.lines[-1][0], text)]) if "-e3-" in spec.key else usual

    lab = Lab(promoting(), rules=BEST, change=worse).run()
    best = lab.engine.experiment.best
    assert best is not None
    assert best.budget == 1
    assert left(lab) == {"toy-t0000-e1-a1": ["epoch_1.ckpt"]}


def test_a_promotion_that_leaves_nothing_does_not_cost_the_rung_below() -> None:
    def silent_end(spec: JobSpec, usual: Behaviour) -> Behaviour:
        return replace(usual, outputs=(), state=JobState.FAILED) if "-e3-" in spec.key else usual

    lab = Lab(promoting(), rules=TERMINAL, change=silent_end).run()
    assert lab.states == ["failed"]
    assert left(lab) == {"toy-t0000-e1-a1": ["epoch_1.ckpt"]}


def test_the_attempt_that_failed_gives_way_to_the_one_that_went_on() -> None:
    def flaky(spec: JobSpec, usual: Behaviour) -> Behaviour:
        if spec.key.endswith("a1"):
            return replace(usual, seconds=4.2, state=JobState.FAILED, failure=INFRASTRUCTURE)
        return usual

    lab = Lab(rules=TERMINAL, change=flaky).run()
    assert left(lab) == {"toy-t0000-e3-a2": ["epoch_3.ckpt"]}


def forking_late() -> Script:
    """Trial 1 begins from trial 0, and while it is queued trial 0 is promoted."""

    def ask(history: Sequence[Trial], slots: int) -> Sequence[Decision]:
        if not history:
            return [Start(params=params(1), budget=1)]
        if len(history) == 1 and not history[0].live:
            return [Start(params=params(2), budget=3, parent=0), Promote(trial=0, budget=3)]
        return []

    return Script(ask)


def test_what_a_queued_fork_begins_from_stays_although_its_parent_has_moved_on() -> None:
    def slow(spec: JobSpec, usual: Behaviour) -> Behaviour:
        return replace(usual, queued=60.0) if "t0001" in spec.key else usual

    lab = Lab(forking_late(), rules=TERMINAL, change=slow).seconds(30)
    assert lab.states == ["completed", "running"]
    assert left(lab)["toy-t0000-e1-a1"] == ["epoch_1.ckpt"]
    lab.run()
    assert left(lab) == {"toy-t0000-e3-a1": ["epoch_3.ckpt"], "toy-t0001-e3-a1": ["epoch_3.ckpt"]}


def test_a_file_that_may_be_the_same_as_the_kept_one_stays() -> None:
    """`last.ckpt` could be a link to the newest one: same size, same time."""

    class Linked:
        def __init__(self, lab: Lab) -> None:
            self._jobs = lab.engine.world.jobs

        def __getattr__(self, name: str) -> Any:
            return getattr(self._jobs, name)

        def checkpoints(self, outputs: Any) -> list[str]:
            return [file.path for file in outputs.files]

    def with_link(spec: JobSpec, usual: Behaviour) -> Behaviour:
        return replace(usual, outputs=[*usual.outputs, (usual.outputs[-1][0], "last.ckpt.link"), (0.1, "old")])

    lab = Lab(rules=TERMINAL, change=with_link)
    lab.engine.world.jobs = Linked(lab)  # type: ignore[assignment]
    lab.run()
    assert left(lab) == {"toy-t0000-e3-a1": ["epoch_3.ckpt", "last.ckpt.link"]}


def test_what_cannot_be_deleted_hurts_nothing() -> None:
    lab = Lab(starting(2), rules=TERMINAL)

    def refuse(handle: str, paths: Sequence[str]) -> None:
        raise PlatformRejected("permission is denied", cause=FailureClass.CREDENTIAL.value)

    lab.platform.delete_job_files = refuse  # type: ignore[method-assign]
    lab.run()
    assert {event.detail for event in lab.events(CheckpointsDeleted)} == {"permission is denied"}
    assert finished(lab) is RunStatus.COMPLETED


def test_a_platform_that_cannot_be_asked_is_asked_again() -> None:
    lab = Lab(starting(2), rules=TERMINAL).seconds(7)
    lab.platform.down = {"delete_job_files"}
    lab.seconds(3)
    assert lab.engine.experiment.to_delete
    assert not lab.events(CheckpointsDeleted)
    lab.platform.down = set()
    lab.run()
    assert left(lab) == {"toy-t0000-e3-a1": ["epoch_3.ckpt"], "toy-t0001-e3-a1": ["epoch_3.ckpt"]}


def test_a_new_runner_goes_on_deleting() -> None:
    lab = Lab(starting(2), rules=TERMINAL).seconds(7)
    lab.platform.down = {"delete_job_files"}
    lab.seconds(3)
    lab.platform.down = set()
    lab.resume().run()
    assert left(lab) == {"toy-t0000-e3-a1": ["epoch_3.ckpt"], "toy-t0001-e3-a1": ["epoch_3.ckpt"]}


ends = st.sampled_from(
    [
        {},
        {},
        {},
        {"state": JobState.FAILED, "failure": INFRASTRUCTURE, "seconds": 2.2},
        {"state": JobState.FAILED, "failure": INFRASTRUCTURE, "seconds": 6.2},
        {"state": JobState.FAILED, "seconds": 4.2},
        {"state": JobState.LOST, "seconds": 0.5},
        {"outputs": ()},
        {"queued": 40.0},
        {"rejection": PlatformRejected("no")},
    ]
)


@settings(max_examples=80, deadline=None)
@given(
    data=st.data(),
    seed=st.integers(0, 2**16),
    retention=st.sampled_from([Retention.TERMINAL, Retention.BEST]),
    slots=st.integers(1, 3),
    stopper=st.sampled_from([None, None, Impatient()]),
)
def test_nothing_is_released_that_anything_could_need(
    data: st.DataObject, seed: int, retention: Retention, slots: int, stopper: Impatient | None
) -> None:
    drawn: dict[str, Any] = {}

    def change(spec: JobSpec, usual: Behaviour) -> Behaviour:
        return replace(usual, **drawn.setdefault(spec.key, data.draw(ends, label=spec.key)))

    rules = replace(
        NO_DEFAULT,
        retention=retention,
        max_concurrent=slots,
        max_attempts=2,
        tolerated_failure_rate=1.0,
        max_wall_time=data.draw(st.sampled_from([None, None, 60.0]), label="wall time"),
    )
    others = (LATENCY,) if data.draw(st.booleans(), label="several objectives") else ()
    lab = Lab(
        restless(Random(seed), 6),
        change=change,
        rules=rules,
        problem=replace(toy_problem(epochs=3), others=others),
        more=lambda params, epoch: {"latency": float(params["width"])},
        evaluates=data.draw(st.booleans(), label="evaluates"),
        scored_by_evaluation=data.draw(st.booleans(), label="scored by evaluation"),
        stopper=stopper,
    )
    lab.engine._listeners = (Auditor(slots), Keeper())
    _watch_deletions(lab)
    lab.run()
    _check_end(lab, retention)


def _watch_deletions(lab: Lab) -> None:
    """Nothing is deleted before the journal says so."""
    delete = lab.platform.delete_job_files

    def watched(handle: str, paths: Sequence[str]) -> None:
        durable = {path for e in lab.events(CheckpointsReleased) if e.key == handle for path in e.paths}
        assert set(paths) <= durable
        delete(handle, paths)

    lab.platform.delete_job_files = watched  # type: ignore[method-assign]


def _check_end(lab: Lab, retention: Retention) -> None:
    experiment = lab.engine.experiment
    assert experiment.finished is not None
    kept = {(key, path) for key, paths in left(lab).items() for path in paths}
    found = [resume_of(experiment, experiment.jobs[str(winner.job)]) for winner in experiment.winners]
    winners = {(holder.job, holder.checkpoint) for holder in found if holder}
    assert winners <= kept
    if retention is Retention.BEST and experiment.winners and experiment.ended.status is RunStatus.COMPLETED:  # type: ignore[union-attr]
        assert kept == winners
    assert all(len(paths) <= 1 for paths in left(lab).values())
