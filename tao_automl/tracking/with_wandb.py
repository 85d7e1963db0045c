"""Weights & Biases: one run a search, one step a settled trial, and a table of all trials."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tao_automl.tracking.flat import scalar
from tao_automl.tracking.options import one_of, read_options, require
from tao_automl.tracking.port import RunFacts, Summary, TrialRow

MODES = ("online", "offline", "disabled")
INIT_SECONDS, FINISH_SECONDS = 25.0, 40.0
COLUMNS = ("trial", "status", "origin", "budget", "failure", "reason", "job")
_SECRETS = "the key comes from `wandb login`, or from the environment variable WANDB_API_KEY"
# Nothing of the process, its arguments, its output or its machine leaves with the run: only what is logged below.
_DISCREET = {
    "silent": True,
    "console": "off",
    "disable_git": True,
    "disable_code": True,
    "x_disable_meta": True,
    "x_disable_stats": True,
    "x_disable_machine_info": True,
    "x_save_requirements": False,
    "init_timeout": INIT_SECONDS,
    "finish_timeout": FINISH_SECONDS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WandbOptions:
    """Options of the same names as in `wandb.init`. The mode is wandb's own choice (WANDB_MODE) unless given."""

    project: str | None = None
    entity: str | None = None
    mode: str | None = None
    group: str | None = None
    job_type: str | None = None
    name: str | None = None
    notes: str | None = None
    tags: tuple[str, ...] = ()
    dir: str | None = None


def open_wandb(folder: Path, options: Mapping[str, Any]) -> "WandbTracker":
    """Files go to ``<folder>/wandb`` unless ``dir`` is given. Raises SettingsError and MissingExtra."""
    asked = read_options("wandb", WandbOptions, options, _SECRETS)
    one_of("wandb: mode", asked.mode, MODES)
    require("wandb", "wandb")
    return WandbTracker(asked, Path(asked.dir).expanduser() if asked.dir else folder)


class WandbTracker:
    """See `Tracker`. A step of the run is a settlement of the search, so that W&B itself knows which ones it has: one
    that continues a run starts at the step after the last, and a new offline run has all of them again."""

    def __init__(self, options: WandbOptions, folder: Path) -> None:
        self._options = options
        self._folder = folder
        self._rows: dict[int, TrialRow] = {}
        self._run: Any = None

    def begin(self, run: RunFacts) -> None:
        import wandb

        asked = self._options
        self._folder.mkdir(parents=True, exist_ok=True)
        known = {name: value for name, value in _DISCREET.items() if name in wandb.Settings.model_fields}
        wandb.setup(settings=wandb.Settings(silent=True))  # asks nobody for a key: there may be a live display
        self._run = wandb.init(
            id=run.id,
            resume="allow",
            reinit="create_new",
            project=asked.project or os.environ.get("WANDB_PROJECT") or "tao-automl",
            entity=asked.entity,
            mode=asked.mode,
            group=asked.group,
            job_type=asked.job_type,
            name=asked.name or run.name,
            notes=asked.notes,
            tags=[*asked.tags] or None,
            dir=self._folder,
            settings=wandb.Settings(**known),
        )
        self._run.config.update(_config(run), allow_val_change=True)
        self._run.define_metric("trial")
        self._run.define_metric("*", step_metric="trial")

    def trial(self, row: TrialRow) -> None:
        self._rows[row.trial] = row
        if row.settlement is not None and row.settlement >= self._run.step:
            self._run.log(_settled(row), step=row.settlement, commit=True)

    def finish(self, summary: Summary) -> None:
        import wandb

        columns, rows = self._table()
        found = {"status": summary.status, "reason": summary.reason, "best_trial": summary.best_trial}
        figures = {f"run/{name}": value for name, value in summary.figures.items()}
        self._run.summary.update({name: value for name, value in found.items() if value is not None} | figures)
        if rows:
            self._run.summary["trials"] = wandb.Table(columns=columns, data=rows)
        self._run.finish(exit_code=0 if summary.status in ("completed", "stopped") else 1)

    def _table(self) -> tuple[list[str], list[list[Any]]]:
        """A row a trial. Cells of one column have one type, or nothing: W&B asks for it."""
        rows = [self._rows[number] for number in sorted(self._rows)]
        params = list(dict.fromkeys(name for row in rows for name in row.params))
        metrics = list(dict.fromkeys(name for row in rows for name in (*row.objectives, *row.metrics)))
        texts = {name for name in params if len({type(r.params[name]) for r in rows if name in r.params}) > 1}
        cells = [
            [
                *(row.trial, row.state.value, row.origin, row.budget, row.failure, row.reason, row.job),
                *({**row.metrics, **row.objectives}.get(name) for name in metrics),
                *(_cell(row, name, as_text=name in texts) for name in params),
            ]
            for row in rows
        ]
        return [*COLUMNS, *metrics, *params], cells


def _cell(row: TrialRow, name: str, *, as_text: bool) -> bool | int | float | str | None:
    if name not in row.params:
        return None
    value = scalar(row.params[name])
    return str(value) if as_text else value


def _settled(row: TrialRow) -> dict[str, Any]:
    seconds = row.ended_at - row.started_at if row.ended_at and row.started_at else None
    found = {"trial": row.trial, "budget": row.budget, "best": row.best, "seconds": seconds}
    values = {name: value for name, value in found.items() if value is not None}
    return {**values, **row.metrics, **row.objectives, "failed": int(row.failure is not None)}


def _config(run: RunFacts) -> dict[str, Any]:
    return {
        "experiment_id": run.id,
        "skill": run.skill,
        "algorithm": run.algorithm,
        "platform": run.platform,
        "tao_automl_version": run.version,
        "objectives": dict(run.directions),
        "constraints": list(run.constraints),
        "search_space": {str(row["name"]): dict(row) for row in run.space},
        "arguments": dict(run.config),
    }
