"""Checks of data: paths visible from here, enough samples for the batch, the fields that are read, room for results."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tao_automl.preflight.object_storage import check_s3
from tao_automl.preflight.report import FAILED, OK, UNKNOWN, CheckResult
from tao_automl.preflight.request import OUTPUT_LABELS, BatchLimit, PreflightRequest
from tao_automl.preflight.samples import Count, Malformed, Uncountable, count_samples, missing_fields

GIB = 1 << 30


def local_path(text: str) -> Path | None:
    """The path on this machine, or None for what lies elsewhere."""
    text = text.removeprefix("file://")
    return None if "://" in text else Path(text).expanduser()


def check_paths(request: PreflightRequest) -> Iterator[CheckResult]:
    for label, text in request.paths.items():
        path = local_path(text)
        if path is not None:
            yield _output(label, path) if label in OUTPUT_LABELS else _input(label, path)
        elif text.startswith("s3://"):
            yield check_s3(label, text, writes=label in OUTPUT_LABELS)
        else:
            scheme = text.partition("://")[0]
            evidence = f"{scheme}:// paths cannot be looked at by this version"
            remedy = "check it where the jobs run, or stage the data to a path or to S3"
            yield CheckResult(id=f"path.{label}", status=UNKNOWN, evidence=evidence, remedy=remedy)


def _input(label: str, path: Path) -> CheckResult:
    check = f"path.{label}"
    if not path.exists():
        near = next(parent for parent in path.absolute().parents if parent.exists())
        evidence = f"{path} does not exist; {near} does"
        return CheckResult(id=check, status=FAILED, evidence=evidence, remedy=f"correct --path {label}=…")
    if path.is_dir():
        readable, what = os.access(path, os.R_OK | os.X_OK), "a folder"
        if readable and not any(path.iterdir()):
            return CheckResult(id=check, status=FAILED, evidence=f"{path} is empty", remedy="put the data there")
    else:
        readable, what = os.access(path, os.R_OK), f"a file of {path.stat().st_size:,} bytes"
    if not readable:
        remedy = f"chmod u+r {path}, or run as a user who may read it"
        return CheckResult(id=check, status=FAILED, evidence=f"{path} cannot be read", remedy=remedy)
    return CheckResult(id=check, status=OK, evidence=f"{path} is {what}, and can be read")


def _output(label: str, path: Path) -> CheckResult:
    near = _nearest(path)
    if near.is_dir() and os.access(near, os.W_OK | os.X_OK):
        return CheckResult(id=f"path.{label}", status=OK, evidence=f"{path} can be written")
    why = "cannot be written" if near.is_dir() else "is no folder"
    remedy = f"choose another place for {label}"
    return CheckResult(id=f"path.{label}", status=FAILED, evidence=f"{near} {why}", remedy=remedy)


def check_disk(request: PreflightRequest, here: Path) -> CheckResult:
    """Free space where results go: below an output path of this machine, else in the working directory."""
    named = [local_path(text) for label, text in request.paths.items() if label in OUTPUT_LABELS]
    places = [_nearest(path) for path in named if path is not None] or [here]
    free, place = min((shutil.disk_usage(place).free, str(place)) for place in places)
    evidence = f"{free / GIB:.1f} GiB free in {place}, {request.min_free_disk_gb:g} needed"
    if free >= request.min_free_disk_gb * GIB:
        return CheckResult(id="disk.free", status=OK, evidence=evidence)
    remedy = "free space there, or choose another place with --path results=PATH"
    return CheckResult(id="disk.free", status=FAILED, evidence=evidence, remedy=remedy)


def _nearest(path: Path) -> Path:
    return next(place for place in (path.absolute(), *path.absolute().parents) if place.exists())


def check_samples(request: PreflightRequest) -> tuple[list[CheckResult], dict[str, int]]:
    """The counts of the labels that have a batch limit, and whether one training step fits."""
    checks: list[CheckResult] = []
    counts: dict[str, int] = {}
    for label in dict.fromkeys(limit.label for limit in request.batch_limits):
        count, check = _counted(label, request.paths[label])
        checks.append(check)
        if count is not None:
            counts[label] = count.number
    for limit in request.batch_limits:
        if limit.label in counts:
            checks.append(_fits(limit, counts[limit.label]))
    return _numbered(checks), counts


def _counted(label: str, text: str) -> tuple[Count | None, CheckResult]:
    check, path = f"samples.{label}", local_path(text)
    if path is None or not path.exists():
        evidence = f"{text} is not a path that can be read here"
        remedy = "count them where the data is, and compare with the batch size yourself"
        return None, CheckResult(id=check, status=UNKNOWN, evidence=evidence, remedy=remedy)
    try:
        count = count_samples(path)
    except Uncountable as error:
        remedy = f"pip install {error.installs}" if error.installs else f"give {label} a file that can be counted"
        result = CheckResult(id=check, status=UNKNOWN, evidence=error.reason, remedy=remedy, installs=error.installs)
        return None, result
    except Malformed as error:
        return None, CheckResult(id=check, status=FAILED, evidence=str(error), remedy="correct the file")
    return count, CheckResult(id=check, status=OK, evidence=f"{count.number:,} {count.of} in {path}")


def _fits(limit: BatchLimit, samples: int) -> CheckResult:
    effective = limit.batch * limit.shards
    evidence = f"batch {limit.batch} x {limit.shards} shards = {effective}, {samples:,} samples"
    if effective <= samples:
        steps = samples // effective
        return CheckResult(id=f"batch.{limit.label}", status=OK, evidence=f"{evidence}: {steps:,} steps an epoch")
    most = samples // limit.shards
    remedy = f"a batch size of at most {most}, or fewer shards" if most else f"at most {samples} shards, or more data"
    if not samples:
        remedy = "add data"
    return CheckResult(
        id=f"batch.{limit.label}", status=FAILED, evidence=f"{evidence}: no training step fits", remedy=remedy
    )


def _numbered(checks: list[CheckResult]) -> list[CheckResult]:
    """Ids are unique: those that come again are numbered from 2."""
    seen: dict[str, int] = {}
    found = []
    for check in checks:
        seen[check.id] = number = seen.get(check.id, 0) + 1
        found.append(check if number == 1 else replace(check, id=f"{check.id}.{number}"))
    return found


def check_fields(request: PreflightRequest) -> Iterator[CheckResult]:
    for label, fields in request.required_fields.items():
        yield _fields(label, request.paths[label], fields)


def _fields(label: str, text: str, fields: tuple[str, ...]) -> CheckResult:
    check, path = f"fields.{label}", local_path(text)
    if path is None or not path.is_file():
        evidence = f"{text} is not a file that can be read here"
        return CheckResult(id=check, status=UNKNOWN, evidence=evidence, remedy="check it where the data is")
    try:
        number, fault = missing_fields(path, fields)
    except Uncountable as error:
        remedy = f"give {label} a .json or .jsonl file"
        return CheckResult(id=check, status=UNKNOWN, evidence=error.reason, remedy=remedy)
    except Malformed as error:
        return CheckResult(id=check, status=FAILED, evidence=str(error), remedy="correct the file")
    if fault:
        remedy = f"every record of {path} must have {', '.join(fields)}"
        return CheckResult(id=check, status=FAILED, evidence=f"{path}: {fault}", remedy=remedy)
    return CheckResult(id=check, status=OK, evidence=f"{number:,} records have {', '.join(fields)}")
