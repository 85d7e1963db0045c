"""The files that a run leaves in its workspace beside the journal. All can be made again from the journal."""

import json
import logging
from pathlib import Path
from typing import Any

from tao_automl.domain.experiment import Experiment
from tao_automl.runner.result import Result, build_result, job_records, write_atomically

log = logging.getLogger("tao_automl")


def write_artifacts(experiment: Experiment, workspace: Path, now: float) -> Result:
    """Writes result.json, best_rec.json, job_records.json and evaluations/{baseline,final}.json; returns the result.

    What cannot be written (a full disk) is logged, and does not hurt the run: the journal has it all.
    """
    result = build_result(experiment, workspace, now)
    files: dict[str, Any] = {"job_records.json": job_records(experiment, now), "result.json": result.to_dict()}
    if experiment.baseline:
        files["evaluations/baseline.json"] = result.baseline
    if experiment.final:
        files["evaluations/final.json"] = result.final_evaluation
    if result.best:
        files["best_rec.json"] = result.best
    try:
        for name, content in files.items():
            text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
            write_atomically(workspace / name, text)
    except OSError as error:
        log.warning("%s: results could not be written: %s", workspace, error.strerror)
    return result
