"""What the local platform can run at all. Every refusal names the law, the value, and the way out."""

import math
import os
from pathlib import Path

from tao_automl.domain.job import JobSpec
from tao_automl.errors import PlatformRejected
from tao_automl.platforms.job_folder import is_inner_path, is_key


def check_spec(spec: JobSpec, root: Path) -> None:
    """Raises PlatformRejected if no local machine could run the job as it is."""
    _check_shape(spec)
    _check_words(spec)
    _check_paths(spec, root)


def _check_shape(spec: JobSpec) -> None:
    if spec.image is not None:
        raise PlatformRejected(
            f"the local platform runs native code, got image={spec.image!r}", 'use platform "docker" for images'
        )
    if spec.nodes != 1:
        raise PlatformRejected(
            f"the local platform has one node, got nodes={spec.nodes}", "ask for one node, or use a cluster"
        )
    if spec.gpus < 0:
        raise PlatformRejected(f"gpus >= 0 must hold, got {spec.gpus}")
    if spec.time_limit is not None and not (math.isfinite(spec.time_limit) and spec.time_limit > 0):
        raise PlatformRejected(f"a finite time limit > 0 must hold, got {spec.time_limit}")


def _check_words(spec: JobSpec) -> None:
    if not spec.command or not spec.command[0] or spec.command[0].startswith("-"):
        raise PlatformRejected(f"a command must begin with the name of a program, got {list(spec.command)!r}")
    for text in (*spec.command, *spec.env.values()):
        if "\0" in text:
            raise PlatformRejected(f"an argument or variable cannot hold a NUL character, got {text!r}")


def _check_paths(spec: JobSpec, root: Path) -> None:
    for key in (spec.key, *(() if spec.resume_from is None else (spec.resume_from,))):
        if not is_key(key):
            raise PlatformRejected(f"a job's key must be letters, digits, '.', '_' and '-', got {key!r}")
    for path in spec.files:
        if not is_inner_path(path):
            raise PlatformRejected(f"a job's file must lie inside its folder, got {path!r}")
    if spec.code is not None and not os.path.isdir(spec.code):
        raise PlatformRejected(f"the code must be a folder that exists, got {spec.code!r}")
    if spec.resume_from is not None and not (root / spec.resume_from).is_dir():
        raise PlatformRejected(f"the job to resume from must have a folder, got {spec.resume_from!r}")
    for key, value in spec.inputs.items():
        if os.path.isabs(value) and not os.access(value, os.R_OK):
            raise PlatformRejected(
                f"{key}: a path that can be read must be given, got {value!r}", "check the path and its permissions"
            )
