"""The files that a run leaves in its workspace beside the journal. All can be made again from the journal."""

import json
from pathlib import Path
from typing import Any

from tao_automl.domain.experiment import Experiment
from tao_automl.runner.result import Result, build_result, job_records, write_atomically


def write_artifacts(experiment: Experiment, workspace: Path, now: float) -> Result:
    """Writes result.json, best_rec.json, job_records.json and evaluations/{baseline,final}.json; returns the result."""
    result = build_result(experiment, workspace, now)
    if experiment.baseline:
        _write(workspace / "evaluations" / "baseline.json", result.baseline)
    if experiment.final:
        _write(workspace / "evaluations" / "final.json", result.final_evaluation)
    if result.best:
        _write(workspace / "best_rec.json", result.best)
    _write(workspace / "job_records.json", job_records(experiment, now))
    result.write(workspace / "result.json")
    return result


def _write(path: Path, content: Any) -> None:
    write_atomically(path, json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n")
