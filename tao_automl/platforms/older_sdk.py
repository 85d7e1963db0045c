"""Objects with the verbs of older TAO SDKs, as a platform.

Such an object starts one container command and tells of it: ``create_job(image=, command=, gpu_count=, env_vars=)``,
``get_job_status(id)``, ``get_job_logs(id, tail=)``, ``cancel_job(id)``, ``get_failure_analysis(id)``. It knows no keys
and no files. So this adapter keeps the ids of jobs in the workspace, and metrics can only come from logs, from
`metric_extractor` or from `eval_fn`. A job that was being created when the runner was killed counts as lost, and is
tried again under another key. A job's folder in the container is ``$TAO_AUTOML_ROOT/<key>`` (``/results`` unless
set): where that is kept between jobs, trainings resume from each other's checkpoints.
"""

import base64
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tao_automl.domain.job import Check, FailureAnalysis, JobOutputs, JobSpec, JobState, JobStatus, LogChunk
from tao_automl.errors import PlatformRejected, PlatformUnavailable, TaoAutoMLError
from tao_automl.platforms.failures import analyse
from tao_automl.platforms.job_folder import write_atomically

VERBS = ("create_job", "get_job_status", "get_job_logs", "cancel_job", "get_failure_analysis")
PAYLOAD = "TAO_AUTOML_JOB"
JOBS_FILE = "older_sdk_jobs.json"
LOG_LINES = 20_000
_UNSURE = "?"  # the handle of a job that was about to be created when the runner was killed

_START = (
    "import base64,json,os;"
    f"p=json.loads(base64.b64decode(os.environ['{PAYLOAD}']));"
    "d=os.path.join(os.environ.get('TAO_AUTOML_ROOT','/results'),p['key']);"
    "os.makedirs(d);os.mkdir(d+'/results');os.chdir(d);"  # a key that was claimed before ends here
    "[open(n,'w').write(t) for n,t in p['files'].items()];"
    "os.execvp(p['command'][0],p['command'])"
)
COMMAND = f'python3 -c "{_START}"'
"""The same for all jobs: what differs is in the environment, so that no value of a user meets a shell."""

_STATES = {
    JobState.PENDING: {"pending", "queued", "created", "submitted", "starting", "initializing", "resuming"},
    JobState.RUNNING: {"running", "processing", "active", "started"},
    JobState.SUCCEEDED: {"done", "succeeded", "success", "completed", "complete", "finished"},
    JobState.FAILED: {"error", "failed", "failure", "timeout"},
    JobState.CANCELLED: {"canceled", "cancelled", "canceling", "cancelling", "stopped", "terminated"},
    JobState.LOST: {"unknown", "lost", "not_found", "notfound", "deleted"},
}


def is_older_sdk(platform: object) -> bool:
    """Whether it has the older verbs, and not those that came since."""
    return not hasattr(platform, "get_job_outputs") and all(callable(getattr(platform, verb, None)) for verb in VERBS)


class OlderSDK:
    """See the module; implements `tao_automl.domain.ports.PlatformSDK`."""

    poll_interval = 30.0

    def __init__(self, sdk: Any, workspace: Path) -> None:
        self._sdk = sdk
        self._file = workspace / JOBS_FILE
        self._last: dict[str, JobStatus] = {}  # what was last heard of each job
        self.name = str(getattr(sdk, "name", type(sdk).__name__)).lower()

    def create_job(self, spec: JobSpec) -> str:
        if spec.image is None:
            raise PlatformRejected(f"{self.name} runs containers only", "choose a skill with an image", cause="spec")
        known = self._known()
        if spec.key not in known:
            known = self._create(spec)
        found = known[spec.key]
        return f"{_UNSURE}{spec.key}" if found == _UNSURE else found

    def _create(self, spec: JobSpec) -> dict[str, str]:
        environment = self._environment(spec)
        self._note(spec.key, _UNSURE)
        try:
            handle = str(self._ask("create_job", **self._job(spec, environment)))
        except PlatformUnavailable:
            self._note(spec.key, None)
            raise
        return self._note(spec.key, handle)

    def get_job_status(self, handles: Sequence[str]) -> Mapping[str, JobStatus]:
        return {handle: self._status(handle) for handle in handles}

    def get_job_logs(self, handle: str, cursor: int = 0) -> LogChunk:
        if handle.startswith(_UNSURE):
            return LogChunk(lines=(), cursor=cursor)
        lines = self._log(handle)
        if not (self._last.get(handle) or self._status(handle)).state.ended:
            lines = lines[:-1]  # it may be half of one
        return LogChunk(lines=lines[cursor:], cursor=max(cursor, len(lines)))

    def get_job_file(self, handle: str, path: str, cursor: int = 0) -> LogChunk:
        return LogChunk(lines=(), cursor=cursor)

    def cancel_job(self, handle: str) -> None:
        if not handle.startswith(_UNSURE):
            self._ask("cancel_job", handle)

    def get_failure_analysis(self, handle: str) -> FailureAnalysis:
        status = self._status(handle)
        if handle.startswith(_UNSURE):
            return analyse((), status)
        said = _text(self._ask("get_failure_analysis", handle))
        return analyse((*self._log(handle), *said.splitlines()), status)

    def get_job_outputs(self, handle: str) -> JobOutputs:
        return JobOutputs(root="", files=())

    def delete_job_files(self, handle: str, paths: Sequence[str]) -> None:
        """There is nothing that it could have told of."""

    def capacity(self, gpus: int) -> int | None:
        return None

    def check(self) -> Sequence[Check]:
        return ()

    def _job(self, spec: JobSpec, environment: Mapping[str, str]) -> dict[str, Any]:
        return {"image": spec.image, "command": COMMAND, "gpu_count": spec.gpus, "env_vars": dict(environment)}

    def _environment(self, spec: JobSpec) -> dict[str, str]:
        missing = [name for name in spec.secrets if name not in os.environ]
        if missing:
            raise PlatformRejected(
                f"the credential {missing[0]} is not set", "set it in the environment", cause="credential"
            )
        payload = {"key": spec.key, "command": list(spec.command), "files": dict(spec.files)}
        packed = base64.b64encode(json.dumps(payload).encode()).decode()
        return {**spec.env, **{name: os.environ[name] for name in spec.secrets}, PAYLOAD: packed}

    def _status(self, handle: str) -> JobStatus:
        if handle.startswith(_UNSURE):
            return JobStatus(state=JobState.LOST, detail="the runner was killed while it was being created")
        word = _text(self._ask("get_job_status", handle))
        plain = word.rpartition(".")[2].strip().lower()
        state = next((state for state, words in _STATES.items() if plain in words), JobState.LOST)
        self._last[handle] = JobStatus(state=state, detail=word)
        return self._last[handle]

    def _log(self, handle: str) -> tuple[str, ...]:
        """From the first line on: as long as an answer is full, there may be more before it."""
        tail = LOG_LINES
        while len(lines := _lines(self._ask("get_job_logs", handle, tail=tail))) >= tail:
            tail *= 4
        return lines

    def _ask(self, verb: str, *arguments: Any, **named: Any) -> Any:
        try:
            return getattr(self._sdk, verb)(*arguments, **named)
        except TaoAutoMLError:
            raise
        except Exception as error:  # somebody else's code
            raise PlatformUnavailable(f"{self.name}: {verb} raised {type(error).__name__}: {error}") from error

    def _known(self) -> dict[str, str]:
        try:
            found: dict[str, str] = json.loads(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return found

    def _note(self, key: str, handle: str | None) -> dict[str, str]:
        """What is known with this handle, or without it."""
        others = {name: found for name, found in self._known().items() if name != key}
        known = others | ({} if handle is None else {key: handle})
        write_atomically(self._file, json.dumps(known, indent=1))
        return known


def _text(answer: Any) -> str:
    """What an answer says: a word, or an object, or a mapping, that has one."""
    for name in ("status", "state", "summary", "reason", "message"):
        found = answer.get(name) if isinstance(answer, Mapping) else getattr(answer, name, None)
        if found is not None:
            return str(getattr(found, "value", found))
    return str(getattr(answer, "value", answer))


def _lines(answer: Any) -> tuple[str, ...]:
    if isinstance(answer, list | tuple):
        return tuple(str(line).rstrip("\r\n") for line in answer)
    return tuple(str(answer or "").splitlines())
