"""The environment of a local job: the caller's, less what looks like a credential, plus what the job asks for."""

import os
import re
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from tao_automl.domain.job import JobSpec
from tao_automl.errors import PlatformRejected
from tao_automl.platforms.redact import is_credential_name

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
# Of a surrounding torchrun, SLURM task or job of our own: a job must not take itself for a part of those.
_FOREIGN = re.compile(
    r"TAO_JOB_\w+|MASTER_ADDR|MASTER_PORT|NNODES|NODE_RANK|NPROC_PER_NODE"
    r"|(GROUP_|LOCAL_|ROLE_)?(RANK|WORLD_SIZE)|TORCHELASTIC_\w+|SLURM_\w+|JOB_COMPLETION_INDEX"
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def core_count() -> int:
    """Processor cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def check_environment(spec: JobSpec, caller: Mapping[str, str]) -> None:
    """Raises PlatformRejected if a name is impossible or a secret is not there."""
    for name in (*spec.env, *spec.secrets):
        if not _NAME.fullmatch(name):
            raise PlatformRejected(f"the name of an environment variable must be letters, digits and _, got {name!r}")
    for name in spec.secrets:
        if not caller.get(name):
            raise PlatformRejected(f"environment variable {name} is not set", f"export {name}, then start again")


def job_environment(
    spec: JobSpec, caller: Mapping[str, str], *, python: str, threads: int, devices: Sequence[str] | None
) -> dict[str, str]:
    """All variables of the job. `devices` are the GPUs that it may see; None leaves that as it is.

    Callers' variables whose names look like credentials are left out unless the job names them as secrets."""
    environment = {n: v for n, v in caller.items() if not is_credential_name(n) and not _FOREIGN.fullmatch(n)}
    environment |= _defaults(spec, python, environment)
    environment |= {name: str(threads) for name in THREAD_VARIABLES if name not in caller}
    if devices is not None:
        environment["CUDA_VISIBLE_DEVICES"] = ",".join(devices)
    environment |= spec.env
    environment |= {name: caller[name] for name in spec.secrets}
    return environment


def _defaults(spec: JobSpec, python: str, environment: Mapping[str, str]) -> dict[str, str]:
    return {
        "PATH": _path_with(python, environment.get("PATH", os.defpath)),
        "PYTHONUNBUFFERED": "1",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(20000 + zlib.crc32(spec.key.encode()) % 10000),  # below the range that kernels give away
        "NNODES": "1",
        "NODE_RANK": "0",
        "NPROC_PER_NODE": str(max(1, spec.gpus)),
    }


def _path_with(python: str, path: str) -> str:
    """`path`, led by the interpreter's folder: its scripts (torchrun, …) belong to the same environment."""
    folder = str(Path(python).parent)
    return path if not os.path.isabs(python) or folder in path.split(os.pathsep) else f"{folder}{os.pathsep}{path}"
