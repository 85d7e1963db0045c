"""MLflow: a parent run a search, and in it a nested run a trial. By `MlflowClient` only: no state of the process."""

import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tao_automl.domain.trial import TrialState
from tao_automl.tracking.flat import plain_name, scalars
from tao_automl.tracking.options import read_options, require
from tao_automl.tracking.port import RunFacts, Summary, TrialRow

SEARCH = -1  # the number of the run that is no trial's
MOST_METRICS, MOST_PARAMS = 1000, 100  # of one request
LONGEST_VALUE = 5000
EXPERIMENT_ID, TRIAL, SETTLEMENT = "tao_automl.experiment_id", "tao_automl.trial", "tao_automl.settlement"
ENDED = {
    TrialState.COMPLETED: "FINISHED",
    TrialState.STOPPED: "FINISHED",
    TrialState.FAILED: "FAILED",
    TrialState.ABANDONED: "KILLED",
}
RUN_ENDED = {"completed": "FINISHED", "stopped": "FINISHED", "failed": "FAILED"}
_SECRETS = "credentials come from the environment: MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and _PASSWORD"
Points = Iterable[tuple[str, int, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class MlflowOptions:
    """`tracking_uri` is MLFLOW_TRACKING_URI unless given, and without it a database in the workspace."""

    tracking_uri: str | None = None
    experiment: str | None = None
    name: str | None = None
    tags: tuple[str, ...] = ()


def open_mlflow(folder: Path, options: Mapping[str, Any]) -> "MlflowTracker":
    """The store is ``<folder>/mlflow.db`` unless another one is named. Raises SettingsError and MissingExtra."""
    asked = read_options("mlflow", MlflowOptions, options, _SECRETS)
    uri = asked.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{folder / 'mlflow.db'}"
    require("mlflow", "mlflow", *(("sqlalchemy", "alembic") if uri.startswith("sqlite:") else ()))
    return MlflowTracker(asked, uri, folder)


@dataclass(slots=True)
class _Tracked:
    """A run of MLflow's, and what it has: a point of a metric is a name and a step."""

    id: str
    settlement: int = -1
    params: set[str] = field(default_factory=set)
    metrics: tuple[str, ...] = ()  # whose points have not been asked for yet
    points: dict[tuple[str, int], float] = field(default_factory=dict)


class MlflowTracker:
    """See `Tracker`. Runs are found again by their tags; a point that MLflow has is not logged again."""

    def __init__(self, options: MlflowOptions, uri: str, folder: Path) -> None:
        self._options = options
        self._uri = uri
        self._folder = folder
        self._client: Any = None
        self._experiment = ""
        self._id = ""
        self._parent = _Tracked("")
        self._trials: dict[int, _Tracked] = {}
        self._settled = 0

    def begin(self, run: RunFacts) -> None:
        from mlflow import MlflowClient

        self._folder.mkdir(parents=True, exist_ok=True)
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)  # it tells of each table
        self._id = run.id
        self._client = MlflowClient(tracking_uri=self._uri)
        self._experiment = self._find_experiment(self._options.experiment or "tao-automl")
        found = {int(tags.get(TRIAL, SEARCH)): tracked for tracked, tags in self._find_runs()}
        self._parent = found.get(SEARCH) or self._create(self._options.name or run.name, run.began_at, {})
        self._trials = {trial: tracked for trial, tracked in found.items() if trial != SEARCH}
        self._client.update_run(self._parent.id, "RUNNING")
        self._log(self._parent, _run_params(run), (), run.began_at)
        self._set_tags(self._parent, _run_tags(run, self._options.tags))

    def trial(self, row: TrialRow) -> None:
        tracked = self._trials.get(row.trial) or self._create_trial(row)
        if row.settlement is not None and row.settlement <= tracked.settlement:
            return  # told by an earlier runner
        self._log(tracked, scalars(row.params), _points(row), row.at)
        self._log_progress(row)
        self._set_tags(tracked, _trial_tags(row))
        if row.state is TrialState.RUNNING:
            self._client.update_run(tracked.id, "RUNNING")
        else:
            self._client.set_terminated(tracked.id, ENDED[row.state], _milliseconds(row.ended_at or row.at))

    def finish(self, summary: Summary) -> None:
        figures = ((name, self._settled, value) for name, value in summary.figures.items())
        self._log(self._parent, {}, figures, summary.at)
        words = {"status": summary.status, "reason": summary.reason, "best_trial": summary.best_trial}
        self._set_tags(self._parent, {f"tao_automl.{k}": "" if v is None else str(v) for k, v in words.items()})
        self._client.set_terminated(self._parent.id, RUN_ENDED.get(summary.status, "KILLED"), _milliseconds(summary.at))

    def _find_experiment(self, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        return str(self._client.create_experiment(name, artifact_location=(self._folder / "mlruns").as_uri()))

    def _find_runs(self) -> Iterator[tuple[_Tracked, Mapping[str, str]]]:
        """The runs of this search, those of its trials included."""
        token = None
        while True:
            page = self._client.search_runs(
                [self._experiment], f"tags.`{EXPERIMENT_ID}` = '{self._id}'", page_token=token
            )
            for run in page:
                tags, settlement = run.data.tags, int(run.data.tags.get(SETTLEMENT, -1))
                yield _Tracked(run.info.run_id, settlement, set(run.data.params), tuple(run.data.metrics)), tags
            token = page.token
            if not token:
                return

    def _create(self, name: str, at: float, tags: Mapping[str, str]) -> _Tracked:
        created = self._client.create_run(
            self._experiment, start_time=_milliseconds(at), run_name=name, tags={EXPERIMENT_ID: self._id, **tags}
        )
        return _Tracked(created.info.run_id)

    def _create_trial(self, row: TrialRow) -> _Tracked:
        tags = {"mlflow.parentRunId": self._parent.id, TRIAL: str(row.trial)}
        tracked = self._create(f"trial {row.trial}", row.started_at or row.at, tags)
        return self._trials.setdefault(row.trial, tracked)

    def _log_progress(self, row: TrialRow) -> None:
        """The search's own curves: a step is a settlement."""
        if row.settlement is None:
            return
        values = {**row.objectives, **({} if row.best is None else {"best": row.best})}
        self._log(self._parent, {}, ((name, row.settlement, value) for name, value in values.items()), row.at)
        self._settled = max(self._settled, row.settlement + 1)

    def _log(self, tracked: _Tracked, params: Mapping[str, object], points: Points, at: float) -> None:
        """Logs what the run does not have yet, in as few requests as MLflow permits."""
        from mlflow.entities import Metric, Param

        self._learn_points(tracked)
        fresh = {(plain_name(n), step): v for n, step, v in points if tracked.points.get((plain_name(n), step)) != v}
        missing = {plain_name(name): str(value)[:LONGEST_VALUE] for name, value in params.items()}
        entries = [Param(name, value) for name, value in missing.items() if name not in tracked.params]
        for first in range(0, len(entries), MOST_PARAMS):
            self._client.log_batch(tracked.id, params=entries[first : first + MOST_PARAMS])
        metrics = [Metric(name, value, _milliseconds(at), step) for (name, step), value in fresh.items()]
        for first in range(0, len(metrics), MOST_METRICS):
            self._client.log_batch(tracked.id, metrics=metrics[first : first + MOST_METRICS])
        tracked.params |= missing.keys()
        tracked.points |= fresh

    def _learn_points(self, tracked: _Tracked) -> None:
        for name in tracked.metrics:
            history = self._client.get_metric_history(tracked.id, name)
            tracked.points |= {(name, point.step): point.value for point in history}
        tracked.metrics = ()

    def _set_tags(self, tracked: _Tracked, tags: Mapping[str, str]) -> None:
        from mlflow.entities import RunTag

        self._client.log_batch(tracked.id, tags=[RunTag(name, value[:LONGEST_VALUE]) for name, value in tags.items()])


def _points(row: TrialRow) -> Iterator[tuple[str, int, float]]:
    for epoch, values in row.curve.items():
        yield from ((name, epoch, value) for name, value in values.items())
    if row.scored_at is not None:
        yield from ((name, row.scored_at, value) for name, value in {**row.metrics, **row.objectives}.items())


def _run_params(run: RunFacts) -> dict[str, object]:
    settings = run.config.get("automl_settings")
    given = settings if isinstance(settings, Mapping) else {}
    facts = {"skill": run.skill, "algorithm": run.algorithm, "platform": run.platform}
    return {**facts, **scalars({f"settings.{name}": value for name, value in given.items()})}


def _run_tags(run: RunFacts, labels: tuple[str, ...]) -> dict[str, str]:
    """Labels are tags without a value, as MLflow's own pages show them."""
    return {
        **dict.fromkeys(map(plain_name, labels), ""),
        "tao_automl.version": run.version,
        "tao_automl.objectives": json.dumps(dict(run.directions)),
        "tao_automl.constraints": "; ".join(run.constraints),
        "tao_automl.arguments": json.dumps(dict(run.config), ensure_ascii=False),
    }


def _trial_tags(row: TrialRow) -> dict[str, str]:
    tags = {
        "tao_automl.status": row.state.value,
        "tao_automl.origin": row.origin,
        "tao_automl.budget": str(row.budget),
        "tao_automl.job": row.job or "",
        "tao_automl.failure": row.failure or "",
        "tao_automl.reason": row.reason or "",
    }
    return tags if row.settlement is None else {**tags, SETTLEMENT: str(row.settlement)}


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)
