"""A run as a study of Optuna's, for its dashboard and its plots."""

import warnings
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tao_automl.domain.trial import TrialState
from tao_automl.errors import UserError
from tao_automl.tracking.options import require
from tao_automl.tracking.optuna_ranges import Ranges
from tao_automl.tracking.port import RunFacts, TrialRow

OWNER = "tao_automl.experiment_id"  # the study's attribute that says whose it is
STATES = {
    TrialState.RUNNING: "RUNNING",
    TrialState.COMPLETED: "COMPLETE",
    TrialState.FAILED: "FAIL",
    TrialState.STOPPED: "PRUNED",
    TrialState.ABANDONED: "FAIL",
}


def export_study(run: RunFacts, rows: Sequence[TrialRow], storage: str, name: str | None = None) -> str:
    """Writes the run into a database that Optuna knows by its URL, and returns the study's name.

    A study of this name is replaced if it is an earlier export of the same run. Raises UserError if it is anything
    else, MissingExtra, and what Optuna has against the storage.
    """
    require("optuna", "optuna")
    import optuna

    title, logged = name or run.name, optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        opened = optuna.storages.get_storage(storage)
        _make_room(opened, title, run)
        study = optuna.create_study(storage=opened, study_name=title, directions=list(run.directions.values()))
        with warnings.catch_warnings(action="ignore"):  # Optuna calls this one experimental, since 3.2
            study.set_metric_names([*run.directions])
        for key, value in _study_attributes(run).items():
            study.set_user_attr(key, value)
        ranges = Ranges(run.space, [row.params for row in rows])
        for row in rows:
            study.add_trial(_frozen(run, row, ranges))
    finally:
        optuna.logging.set_verbosity(logged)
    return title


def _make_room(storage: Any, title: str, run: RunFacts) -> None:
    import optuna

    if title not in optuna.get_all_study_names(storage):
        return
    owner = optuna.load_study(storage=storage, study_name=title).user_attrs.get(OWNER)
    if owner != run.id:
        raise UserError(f"the study `{title}` exists, and is not an export of this run", "name another: --study-name")
    optuna.delete_study(storage=storage, study_name=title)


def _study_attributes(run: RunFacts) -> dict[str, Any]:
    return {
        OWNER: run.id,
        "skill": run.skill,
        "algorithm": run.algorithm,
        "platform": run.platform,
        "constraints": list(run.constraints),
        "tao_automl.version": run.version,
    }


def _frozen(run: RunFacts, row: TrialRow, ranges: Ranges) -> Any:
    """The trial as Optuna keeps them. One that was stopped keeps its score among the intermediate values."""
    import optuna

    state = optuna.trial.TrialState[_state(run, row)]
    params = ranges.values(row.params)
    began = row.started_at or run.began_at
    complete = state is optuna.trial.TrialState.COMPLETE
    return optuna.trial.FrozenTrial(
        number=-1,
        trial_id=-1,
        state=state,
        value=None,
        values=[row.objectives[name] for name in run.directions] if complete else None,
        datetime_start=datetime.fromtimestamp(began),
        datetime_complete=datetime.fromtimestamp(row.ended_at or began) if state.is_finished() else None,
        params=params,
        distributions={name: ranges.distributions[name] for name in params},
        user_attrs=_attributes(row),
        system_attrs={"constraints": list(row.excess.values())} if row.excess else {},
        intermediate_values=_intermediate(run, row),
    )


def _state(run: RunFacts, row: TrialRow) -> str:
    lacking = row.objectives.keys() != run.directions.keys()
    return "FAIL" if row.state is TrialState.COMPLETED and lacking else STATES[row.state]


def _intermediate(run: RunFacts, row: TrialRow) -> dict[int, float]:
    curve = {epoch: values[run.metric] for epoch, values in row.curve.items() if run.metric in values}
    scored = {} if row.scored_at is None else {row.scored_at: row.objectives[run.metric]}
    return curve | scored


def _attributes(row: TrialRow) -> dict[str, Any]:
    found = {
        "rec_id": row.trial,
        "job_id": row.job,
        "status": row.state.value,
        "origin": row.origin,
        "parent": row.parent,
        "budget": row.budget,
        "scored_at": row.scored_at,
        "failure_class": row.failure,
        "failure_reason": row.reason,
    }
    known = {name: value for name, value in found.items() if value is not None}
    more: dict[str, Any] = {"specs": dict(row.params), "metrics": dict(row.metrics), "constraints": dict(row.excess)}
    return known | {name: value for name, value in more.items() if value}
