"""The files that a run leaves in its workspace beside the journal. All can be made again from the journal."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tao_automl.domain.experiment import Experiment, Job
from tao_automl.runner.evaluations import BASELINE, FINAL
from tao_automl.runner.files import write_atomically
from tao_automl.runner.result import Result, build_result
from tao_automl.runner.trial_entries import job_record, job_records
from tao_automl.runner.winners import BEST_SPEC, OTHER_SPECS, winning_specs

RESULT, BEST, RECORDS = "result.json", "best_rec.json", "job_records.json"
STAGING = "evaluations/data_staging.json"
DATA = ("train_dataset_uri", "eval_dataset_uri")

log = logging.getLogger("tao_automl")


def write_artifacts(experiment: Experiment, workspace: Path, now: float) -> Result:
    """Writes result.json, best_rec.json, the winning specs, the evaluations and the records of the jobs; returns the
    result. What is no longer so is deleted.

    What cannot be written (a full disk) is logged, and does not hurt the run: the journal has it all.
    """
    result = build_result(experiment, workspace, now)
    try:
        _write_all(experiment, result, workspace, now)
    except OSError as error:
        log.warning("%s: results could not be written: %s", workspace, error.strerror)
    return result


def write_record(experiment: Experiment, job: Job, workspace: Path, now: float) -> None:
    """Writes the record of one job into its folder below the workspace: the same place on every platform."""
    try:
        _write(workspace / record_name(job.key), job_record(experiment, job, now))
    except OSError as error:
        log.warning("%s: the record of %s could not be written: %s", workspace, job.key, error.strerror)


def record_name(key: str) -> str:
    return f"jobs/{key}/job_record.json"


def _write_all(experiment: Experiment, result: Result, workspace: Path, now: float) -> None:
    records = job_records(experiment, now)
    files: dict[str, Any] = {record_name(record["job_id"]): record for record in records if record["handle"]}
    files |= {RECORDS: records, STAGING: _staging(experiment, workspace), RESULT: result.to_dict()}
    files |= {BASELINE: result.baseline} if experiment.baseline else {}
    files |= {FINAL: result.final_evaluation} if experiment.final else {}
    files |= {BEST: result.best} if result.best else {}
    specs = dict(winning_specs(experiment))
    _delete_others(workspace, {*files, *specs})
    for name, text in specs.items():
        write_atomically(workspace / name, text)
    for name, content in files.items():
        _write(workspace / name, content)


def _delete_others(workspace: Path, current: set[str]) -> None:
    """A winner of before is not to be taken for one of now."""
    specs = (*workspace.glob(f"{BEST_SPEC}.*"), *(workspace / OTHER_SPECS).glob("trial_*"))
    found = [workspace / BEST, *specs]
    for path in found:
        if path.relative_to(workspace).as_posix() not in current:
            path.unlink(missing_ok=True)


def _staging(experiment: Experiment, workspace: Path) -> dict[str, Any]:
    """What was staged before the run, by whoever wrote it down there, and what the jobs read where it lies."""
    staged = _staged(workspace / STAGING)
    places = {entry.get("staged_path") for entry in staged}
    given = {name: experiment.facts.arguments.get(name) for name in DATA}
    in_place = [
        {"argument": name, "path": path, "staged": path in places} for name, path in given.items() if path is not None
    ]
    return {"staged": staged, "platform": experiment.facts.platform, "used_in_place": in_place}


def _staged(path: Path) -> list[Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    staged = found.get("staged") if isinstance(found, Mapping) else None
    return [entry for entry in staged if isinstance(entry, Mapping)] if isinstance(staged, list) else []


def _write(path: Path, content: Any) -> None:
    write_atomically(path, json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n")
