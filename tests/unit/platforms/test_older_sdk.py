"""Objects with the verbs of older SDKs, adapted: here one that runs its containers as processes."""

import os
import subprocess
import time
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from tao_automl.domain.job import FailureClass, JobSpec, JobState
from tao_automl.errors import PlatformRejected, PlatformUnavailable
from tao_automl.platforms import older_sdk
from tao_automl.platforms.older_sdk import OlderSDK, is_older_sdk

SECRET = "hunter2-and-more"


class Status(Enum):
    """What such an SDK says."""

    RUNNING = "Running"
    DONE = "Done"
    ERROR = "Error"
    CANCELED = "Canceled"


class Processes:
    """The older verbs, and no others."""

    name = "Brevity"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls: list[dict[str, Any]] = []
        self.jobs: dict[str, subprocess.Popen[bytes]] = {}
        self.cancelled: set[str] = set()

    def create_job(self, image: str, command: str, gpu_count: int, env_vars: dict[str, str]) -> str:
        number = f"id-{len(self.calls)}"
        self.calls.append({"image": image, "command": command, "gpu_count": gpu_count, "env_vars": env_vars})
        with (self.folder / f"{number}.log").open("wb") as log:
            environment = {"PATH": os.environ["PATH"], "TAO_AUTOML_ROOT": str(self.folder), **env_vars}
            self.jobs[number] = subprocess.Popen(
                ["sh", "-c", command], env=environment, stdout=log, stderr=subprocess.STDOUT
            )
        return number

    def get_job_status(self, job_id: str) -> Status:
        code = self.jobs[job_id].poll()
        if job_id in self.cancelled:
            return Status.CANCELED
        return Status.RUNNING if code is None else Status.ERROR if code else Status.DONE

    def get_job_logs(self, job_id: str, tail: int) -> str:
        text = (self.folder / f"{job_id}.log").read_text()
        return "".join(text.splitlines(keepends=True)[-tail:])

    def cancel_job(self, job_id: str) -> None:
        self.cancelled.add(job_id)
        self.jobs[job_id].kill()

    def get_failure_analysis(self, job_id: str) -> dict[str, str]:
        return {"summary": "the container ended"}


@pytest.fixture
def sdk(tmp_path: Path) -> Processes:
    (tmp_path / "root").mkdir()
    return Processes(tmp_path / "root")


def spec(key: str = "run-t0000-e1-a1", *command: str, **more: Any) -> JobSpec:
    words = command or ("cat", "spec.yaml")
    return JobSpec(key=key, command=words, files={"spec.yaml": 'lr: 0.1  # it\'s "$HOME"\n'}, image="tao:1", **more)


def ended(platform: OlderSDK, handle: str) -> JobState:
    deadline = time.monotonic() + 20
    while not (state := platform.get_job_status([handle])[handle].state).ended:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return state


def test_it_is_known_by_its_verbs(sdk: Processes, tmp_path: Path) -> None:
    assert is_older_sdk(sdk)
    assert not is_older_sdk(OlderSDK(sdk, tmp_path))
    assert not is_older_sdk("local")
    assert OlderSDK(sdk, tmp_path).name == "brevity"


def test_a_job_runs_with_its_files(sdk: Processes, tmp_path: Path) -> None:
    platform = OlderSDK(sdk, tmp_path)
    handle = platform.create_job(spec(gpus=2))
    assert ended(platform, handle) is JobState.SUCCEEDED
    chunk = platform.get_job_logs(handle)
    assert chunk.lines == ('lr: 0.1  # it\'s "$HOME"',)
    assert platform.get_job_logs(handle, chunk.cursor).lines == ()
    assert (sdk.calls[0]["image"], sdk.calls[0]["gpu_count"]) == ("tao:1", 2)


def test_no_value_of_a_user_meets_the_shell(sdk: Processes, tmp_path: Path) -> None:
    platform = OlderSDK(sdk, tmp_path)
    nasty = "$(touch hacked); `touch hacked` ' \""
    assert ended(platform, platform.create_job(spec("run-t0001-e1-a1", "echo", nasty))) is JobState.SUCCEEDED
    assert sdk.calls[0]["command"] == older_sdk.COMMAND
    assert platform.get_job_logs("id-0").lines == (nasty,)
    assert not list(tmp_path.rglob("hacked"))


def test_a_key_is_created_once_by_any_runner(sdk: Processes, tmp_path: Path) -> None:
    first = OlderSDK(sdk, tmp_path).create_job(spec())
    assert OlderSDK(sdk, tmp_path).create_job(spec()) == first
    assert len(sdk.calls) == 1


def test_a_runner_that_was_killed_while_creating_does_not_create_again(sdk: Processes, tmp_path: Path) -> None:
    def killed(**_: Any) -> str:
        raise KeyboardInterrupt

    sdk.create_job = killed  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        OlderSDK(sdk, tmp_path).create_job(spec())
    platform = OlderSDK(Processes(tmp_path / "root"), tmp_path)
    handle = platform.create_job(spec())
    assert platform.get_job_status([handle])[handle].state is JobState.LOST
    assert platform.get_failure_analysis(handle).retriable
    assert platform.get_job_logs(handle).lines == ()


def test_a_failure_is_analysed_with_its_log(sdk: Processes, tmp_path: Path) -> None:
    platform = OlderSDK(sdk, tmp_path)
    handle = platform.create_job(spec("run-t0002-e1-a1", "python3", "-c", "raise ValueError('layer 7')"))
    assert ended(platform, handle) is JobState.FAILED
    analysis = platform.get_failure_analysis(handle)
    assert (analysis.failure_class, analysis.retriable) == (FailureClass.MODEL_CODE, False)
    assert "layer 7" in analysis.evidence


def test_a_job_is_cancelled(sdk: Processes, tmp_path: Path) -> None:
    platform = OlderSDK(sdk, tmp_path)
    handle = platform.create_job(spec("run-t0003-e1-a1", "sleep", "600"))
    platform.cancel_job(handle)
    assert ended(platform, handle) is JobState.CANCELLED


def test_a_long_log_is_read_from_its_first_line(
    sdk: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(older_sdk, "LOG_LINES", 3)
    platform = OlderSDK(sdk, tmp_path)
    handle = platform.create_job(spec("run-t0004-e1-a1", "seq", "1", "40"))
    assert ended(platform, handle) is JobState.SUCCEEDED
    assert platform.get_job_logs(handle).lines == tuple(map(str, range(1, 41)))
    assert platform.get_job_logs(handle, 38).lines == ("39", "40")


def test_secrets_travel_in_the_environment_only(
    sdk: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = OlderSDK(sdk, tmp_path)
    with pytest.raises(PlatformRejected, match="NGC_KEY"):
        platform.create_job(spec(secrets=("NGC_KEY",)))
    monkeypatch.setenv("NGC_KEY", SECRET)
    handle = platform.create_job(spec("run-t0005-e1-a1", "sh", "-c", "test $NGC_KEY", secrets=("NGC_KEY",)))
    assert ended(platform, handle) is JobState.SUCCEEDED
    assert SECRET not in sdk.calls[0]["command"] + (tmp_path / older_sdk.JOBS_FILE).read_text()


def test_a_refused_creation_is_tried_again(sdk: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(**_: Any) -> str:
        raise ConnectionError("no route")

    platform = OlderSDK(sdk, tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(sdk, "create_job", down)
        with pytest.raises(PlatformUnavailable, match="create_job raised ConnectionError: no route"):
            platform.create_job(spec())
    assert platform.create_job(spec()) == "id-0"


def test_what_it_raises_is_an_outage(sdk: Processes, tmp_path: Path) -> None:
    platform = OlderSDK(sdk, tmp_path)
    with pytest.raises(PlatformUnavailable, match="get_job_status raised KeyError"):
        platform.get_job_status(["id-77"])


def test_native_code_is_refused(sdk: Processes, tmp_path: Path) -> None:
    with pytest.raises(PlatformRejected, match="containers only"):
        OlderSDK(sdk, tmp_path).create_job(JobSpec(key="k", command=("python", "code/train.py")))
