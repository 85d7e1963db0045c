"""What a local job finds in its environment."""

import pytest

from tao_automl.domain.job import JobSpec
from tao_automl.errors import PlatformRejected
from tao_automl.platforms.local_environment import THREAD_VARIABLES, check_environment, job_environment

CALLER = {
    "PATH": "/usr/bin",
    "HOME": "/home/me",
    "LANG": "C.UTF-8",
    "VIRTUAL_ENV": "/venv",
    "CUDA_HOME": "/usr/local/cuda",
    "LD_LIBRARY_PATH": "/opt/lib",
    "TOKENIZERS_PARALLELISM": "false",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "HF_TOKEN": "secret",
    "NGC_API_KEY": "wanted",
    "RANK": "3",
    "LOCAL_RANK": "3",
    "WORLD_SIZE": "8",
    "MASTER_ADDR": "elsewhere",
    "SLURM_NODEID": "4",
    "TAO_JOB_MARK": "outer",
}


def environment(
    spec: JobSpec | None = None, caller: dict[str, str] | None = None, **settings: object
) -> dict[str, str]:
    given = {"python": "/venv/bin/python", "threads": 3, "devices": None, **settings}
    return job_environment(spec or JobSpec(key="j", command=("true",)), caller or CALLER, **given)  # type: ignore[arg-type]


def test_the_caller_s_environment_is_inherited_without_credentials() -> None:
    found = environment(JobSpec(key="j", command=("true",), secrets=("NGC_API_KEY",)))
    for name in ("HOME", "LANG", "VIRTUAL_ENV", "CUDA_HOME", "LD_LIBRARY_PATH", "TOKENIZERS_PARALLELISM"):
        assert found[name] == CALLER[name]
    assert found["NGC_API_KEY"] == "wanted"
    assert "secret" not in found.values()


def test_a_job_is_no_part_of_what_surrounds_the_runner() -> None:
    found = environment()
    assert not {"RANK", "LOCAL_RANK", "WORLD_SIZE", "SLURM_NODEID", "TAO_JOB_MARK"} & set(found)
    assert (found["MASTER_ADDR"], found["NNODES"], found["NODE_RANK"], found["NPROC_PER_NODE"]) == (
        "127.0.0.1",
        "1",
        "0",
        "1",
    )
    assert environment(JobSpec(key="j", command=("true",), gpus=4))["NPROC_PER_NODE"] == "4"


def test_jobs_at_the_same_time_have_ports_of_their_own() -> None:
    ports = {environment(JobSpec(key=f"t{i}", command=("true",)))["MASTER_PORT"] for i in range(8)}
    assert len(ports) == 8
    assert all(20000 <= int(port) < 30000 for port in ports)


def test_threads_are_divided_unless_the_user_said_otherwise() -> None:
    assert {environment()[name] for name in THREAD_VARIABLES} == {"3"}
    assert environment(caller={**CALLER, "OMP_NUM_THREADS": "7"})["OMP_NUM_THREADS"] == "7"
    spec = JobSpec(key="j", command=("true",), env={"OMP_NUM_THREADS": "9", "PYTHONUNBUFFERED": "0"})
    assert environment(spec)["OMP_NUM_THREADS"] == "9"
    assert environment(spec)["PYTHONUNBUFFERED"] == "0"
    assert environment()["PYTHONUNBUFFERED"] == "1"


@pytest.mark.parametrize(
    ("python", "path"),
    [("/venv/bin/python", "/venv/bin:/usr/bin"), ("/usr/bin/python3", "/usr/bin"), ("python3", "/usr/bin")],
)
def test_programs_of_the_interpreter_s_environment_are_found(python: str, path: str) -> None:
    assert environment(python=python)["PATH"] == path


def test_devices() -> None:
    caller = {**CALLER, "CUDA_VISIBLE_DEVICES": "0"}
    assert environment(caller=caller)["CUDA_VISIBLE_DEVICES"] == "0"
    assert environment(caller=caller, devices=("GPU-a", "GPU-b"))["CUDA_VISIBLE_DEVICES"] == "GPU-a,GPU-b"
    assert environment(caller=caller, devices=())["CUDA_VISIBLE_DEVICES"] == ""


@pytest.mark.parametrize("caller", [{}, {"NGC_API_KEY": ""}])
def test_a_secret_must_be_there(caller: dict[str, str]) -> None:
    with pytest.raises(PlatformRejected, match="NGC_API_KEY is not set") as caught:
        check_environment(JobSpec(key="j", command=("true",), secrets=("NGC_API_KEY",)), caller)
    assert "export NGC_API_KEY" in caught.value.hint
