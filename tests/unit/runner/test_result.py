"""What a result says of a journal, in the cases that whole runs do not reach on their own."""

from pathlib import Path
from typing import Any

import pytest

from tao_automl.domain.events import (
    BaselineSettled,
    CheckpointsReleased,
    Evaluation,
    Event,
    ExperimentCreated,
    FinalEvaluationSettled,
    JobEnded,
    JobRequested,
    JobStarted,
    Purpose,
    RunnerAttached,
    TrialSettled,
    TrialStarted,
)
from tao_automl.domain.experiment import fold
from tao_automl.domain.goal import Direction, Objective
from tao_automl.domain.job import JobSpec, JobState
from tao_automl.domain.trial import Origin, TrialState
from tao_automl.runner.result import Result, build_result
from tao_automl.runner.trial_entries import job_records

WORKSPACE = Path("/w")
DEFAULT = "validation metric of the default configuration"


def created(**changes: Any) -> ExperimentCreated:
    facts: dict[str, Any] = {
        "at": 0.0, "id": "r", "version": "0", "objective": Objective(metric="acc", direction=Direction.MAXIMIZE),
        "fidelity": None, "seed": 0, "algorithm": "random", "platform": "local", "skill": "toy", "digest": "d",
        "arguments": {"automl_settings": {}}, "space": (), "total_trials": 4,
    }  # fmt: skip
    return ExperimentCreated(**{**facts, **changes})


def job(name: str, trial: int, purpose: Purpose = Purpose.TRAIN, gpus: int = 0, **spec: Any) -> list[Event]:
    asked = JobSpec(key=name, command=("python",), gpus=gpus, **spec)
    return [
        JobRequested(at=0.0, trial=trial, purpose=purpose, budget=1, attempt=1, spec=asked),
        JobStarted(at=0.0, key=name, started_at=0.0),
    ]


def trained(trial: int, values: dict[str, float], name: str = "") -> list[Event]:
    """A trial whose training took an hour."""
    key = name or f"t{trial}"
    begun = TrialStarted(at=0.0, trial=trial, params={"x": trial}, signature=str(trial), budget=1, origin=Origin.SEARCH)
    ended = JobEnded(
        at=3600.0, key=key, state=JobState.SUCCEEDED, ended_at=3600.0, results_path=f"/jobs/{key}", checkpoint="a.ckpt"
    )
    settled = TrialSettled(at=3600.0, trial=trial, state=TrialState.COMPLETED, value=values["acc"], values=values)
    return [begun, *job(key, trial, gpus=2), ended, settled]


def baseline(value: float, source: str, **more: Any) -> BaselineSettled:
    evaluation = Evaluation(status="measured", metric_name="acc", metric_value=value, source=source, **more)
    return BaselineSettled(at=0.0, evaluation=evaluation)


def final(trial: int, value: float, source: str, metric: str = "acc", **more: Any) -> FinalEvaluationSettled:
    evaluation = Evaluation(status="measured", metric_name=metric, metric_value=value, source=source, **more)
    return FinalEvaluationSettled(at=1.0, evaluation=evaluation, trial=trial)


def result(*events: Event) -> Result:
    return build_result(fold([created(), RunnerAttached(at=0.0, host="h", pid=1), *events]), WORKSPACE, 3600.0)


def test_cost_is_known_with_a_price() -> None:
    events = [RunnerAttached(at=0.0, host="h", pid=1), *trained(0, {"acc": 0.5})]
    priced = created(arguments={"automl_settings": {"price_per_gpu_hour": 3}})
    for first, cost in ((created(), None), (priced, 6.0)):
        progress = build_result(fold([first, *events]), WORKSPACE, 3600.0).progress
        assert (progress["gpu_hours"], progress["cost"]) == (2.0, cost)


def test_the_evaluation_of_the_base_model_is_no_trials() -> None:
    experiment = fold([created(), *job("base", -1, Purpose.BASELINE)])
    assert [record["rec_id"] for record in job_records(experiment, 1.0)] == [None]
    (active,) = build_result(experiment, WORKSPACE, 1.0).active
    assert (active["rec_id"], active["purpose"], active["specs"]) == (None, "baseline", {})


def test_a_deleted_checkpoint_is_not_named() -> None:
    kept = result(*trained(0, {"acc": 0.5}))
    assert kept.history[0]["checkpoint"] == "/jobs/t0/a.ckpt"
    gone = CheckpointsReleased(at=3600.0, key="t0", paths=("a.ckpt",), everything=True)
    assert result(*trained(0, {"acc": 0.5}), gone).history[0]["checkpoint"] is None


@pytest.mark.parametrize(
    ("before", "after", "delta", "basis"),
    [
        ((0.5, DEFAULT), None, 0.3, f"validation metric, against {DEFAULT}"),
        ((0.5, "evaluate action"), None, None, ""),
        ((0.5, "evaluate action"), (0.7, "evaluate action"), 0.2, "evaluate action, against evaluate action"),
        ((0.5, "baseline_fn"), (0.7, "final_eval_fn"), 0.2, "final_eval_fn, against baseline_fn"),
        ((0.5, DEFAULT), (0.7, "evaluate action"), 0.3, f"validation metric, against {DEFAULT}"),
    ],
)
def test_the_winner_is_compared_by_the_measure_of_the_baseline(
    before: tuple[float, str], after: tuple[float, str] | None, delta: float | None, basis: str
) -> None:
    finals = [final(0, *after)] if after else []
    found = result(*trained(0, {"acc": 0.8}), baseline(*before), *finals)
    compared = found.baseline["comparison_to_best"]
    assert ((compared and compared["basis"]) or "") == basis
    assert delta is None or compared["delta"] == pytest.approx(delta)
    same_way = after is not None and before[1] != DEFAULT
    assert (found.final_evaluation["comparison_to_baseline"] is not None) is same_way


def test_other_metrics_are_not_compared() -> None:
    found = result(
        *trained(0, {"acc": 0.8}), baseline(0.5, "evaluate action"), final(0, 0.9, "evaluate action", "top5")
    )
    assert found.baseline["comparison_to_best"] is None
    assert found.final_evaluation["comparison_to_baseline"] is None


@pytest.mark.parametrize(
    ("sems", "within"), [((None, None), None), ((0.2, 0.2), True), ((0.01, 0.01), False), ((0.01, None), None)]
)
def test_noise_is_told_as_far_as_it_is_known(sems: tuple[float | None, float | None], within: bool | None) -> None:
    first, second = ({"acc_sem": sem} if sem else {} for sem in sems)
    found = result(
        *trained(0, {"acc": 0.8}),
        baseline(0.5, "baseline_fn", values=first),
        final(0, 0.7, "final_eval_fn", values=second),
    )
    compared = found.final_evaluation["comparison_to_baseline"]
    assert compared["within_noise"] is within
    assert (compared["sem"] is None) is (sems == (None, None))


def test_a_value_has_a_note_and_no_failure() -> None:
    found = result(*trained(0, {"acc": 0.8}), baseline(0.5, DEFAULT, reason="no evaluation data was given"))
    assert (found.baseline["failure_reason"], found.baseline["note"]) == (None, "no evaluation data was given")
