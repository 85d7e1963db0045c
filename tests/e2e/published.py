"""What a run left, against the published schemas and against itself."""

import importlib.util
import json
from functools import cache
from pathlib import Path
from typing import Any

from tao_automl.runner import Result

SCRIPT = Path(__file__).parents[2] / "skills" / "core" / "tao-artifacts" / "scripts" / "check_artifacts.py"
WITH_VALUE = {"measured", "provided", "reused_best"}
BASELINE = {"measured", "provided", "skipped", "unavailable", "metric_missing", "failure", "not_run"}
FINAL = WITH_VALUE | {"metric_missing", "callback_error", "unavailable", "skipped", "not_run"}


@cache
def _checker() -> Any:
    spec = importlib.util.spec_from_file_location("check_artifacts", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def check_result(result: Result) -> None:
    """It fits its schema, and every evaluation has a status of the contract, with a value or a reason."""
    document = json.loads(result.to_json())
    faults = [f"{list(e.absolute_path)}: {e.message}" for e in _checker().validator("result").iter_errors(document)]
    assert faults == []
    for evaluation, known in ((result.baseline, BASELINE), (result.final_evaluation, FINAL)):
        assert evaluation["status"] in known
        valued = evaluation["status"] in WITH_VALUE
        assert (evaluation["metric_value"] is not None) is valued
        assert bool(evaluation["failure_reason"]) is not valued
    assert (result.best is None) is bool(result.best_reason)


def check_workspace(workspace: Path) -> None:
    """All files fit their schemas, and agree with each other."""
    assert _checker().check(workspace)[1] == []
