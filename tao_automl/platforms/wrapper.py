"""The script around every job (`wrapper.sh`), and what its records mean. The same on every platform."""

import json
import math
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from tao_automl.domain.job import JobSpec, JobState, JobStatus

# In the job's folder; written by the script.
CLAIM = "claim"
PROCESS = "claim/process.json"
GROUP = "claim/group.json"
LOG = "logs/job.log"
EXIT = "exit.json"
# Written by an adapter before it sends TERM, so that the end counts as wanted.
CANCEL = "cancel"

MARK = "TAO_JOB_MARK"  # in the environment of every process of a job: "<identity>/<pid of the wrapper>;"

_SENTENCES = {
    "oom": "killed by the out-of-memory killer (signal KILL)",
    "timeout": "time limit reached",
    "cancelled": "cancelled",
    "terminated": "ended from outside by signal TERM",
    "lost": "the job's processes vanished without a record of how they ended",
}
_STATES = {"cancelled": JobState.CANCELLED, "lost": JobState.LOST}


@cache
def wrapper_text() -> str:
    """The script. Its head says how it is called and what it leaves."""
    return files("tao_automl.platforms").joinpath("wrapper.sh").read_text(encoding="utf-8")


def wrapper_settings(spec: JobSpec, *, folder: str, grace_seconds: float) -> dict[str, str]:
    """The script's settings as environment variables; `folder` is the job's folder where the job runs."""
    settings = {"TAO_JOB_DIR": folder, "TAO_JOB_GRACE": str(math.ceil(grace_seconds))}
    if spec.time_limit is not None:
        settings["TAO_JOB_TIME_LIMIT"] = str(max(1, math.ceil(spec.time_limit)))
    return settings


def status_from_record(text: str) -> JobStatus:
    """What an `exit.json` says. A record that cannot be read means LOST: nobody knows how the job ended."""
    try:
        record = json.loads(text)
        reason, code = str(record["reason"]), record.get("exit_code")
    except (ValueError, KeyError, TypeError, AttributeError):
        return JobStatus(state=JobState.LOST, detail="the record of how the job ended cannot be read")
    return JobStatus(
        state=_STATES.get(reason) or (JobState.SUCCEEDED if _went_well(record) else JobState.FAILED),
        detail=str(record.get("detail") or _SENTENCES.get(reason) or _describe_exit(record)),
        exit_code=code if isinstance(code, int) else None,
        started_at=_time(record.get("started_at")),
        ended_at=_time(record.get("ended_at")),
    )


def _went_well(record: Mapping[str, Any]) -> bool:
    return record["reason"] == "exited" and record.get("exit_code") == 0 and not record.get("upload")


def _describe_exit(record: Mapping[str, Any]) -> str:
    if record.get("signal"):
        return f"killed by signal {record['signal']}"
    if record.get("exit_code") == 0 and record.get("upload"):
        return f"the upload of the results failed with exit code {record['upload']}"
    return f"exit code {record.get('exit_code')}"


def _time(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
