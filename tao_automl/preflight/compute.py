"""Checks of where the jobs run: the platform itself, the image, the number of GPUs."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tao_automl import plugins
from tao_automl.bank.versions import VERSIONS, pinned_keys
from tao_automl.domain.job import Check
from tao_automl.domain.nearest import nearest_hint
from tao_automl.errors import (
    MissingExtra,
    PlatformError,
    PlatformUnavailable,
    SettingsError,
    TaoAutoMLError,
    UnknownPlugin,
)
from tao_automl.platforms.gpu_lease import list_gpus
from tao_automl.preflight.report import FAILED, OK, SKIPPED, UNKNOWN, CheckResult
from tao_automl.preflight.request import PLATFORMS, PreflightRequest

_IMAGE = re.compile(
    r"(?P<name>(?:[a-zA-Z0-9.-]+(?::\d+)?/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)"
    r"(?::(?P<tag>[\w][\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)


def check_platform(request: PreflightRequest) -> Iterator[CheckResult]:
    """Its own checks. Raises SettingsError for a platform that nobody has heard of."""
    known = sorted({*PLATFORMS, *plugins.names(plugins.PLATFORMS)})
    if request.platform not in known:
        raise SettingsError(f"--platform: no platform {request.platform!r:.80}", nearest_hint(request.platform, known))
    if request.skip_platform_access:
        yield CheckResult(id="platform.access", status=SKIPPED, evidence="skipped, as --skip-platform-access asks")
        return
    try:
        checks = _ask(request)
    except TaoAutoMLError as error:
        yield _no_access(request.platform, error)
        return
    yield CheckResult(id="platform.access", status=OK, evidence=f"{request.platform} answers")
    for check in checks:
        yield CheckResult(id=check.id, status=check.status, evidence=check.evidence, remedy=check.remedy)


def _ask(request: PreflightRequest) -> tuple[Check, ...]:
    opener = plugins.load(plugins.PLATFORMS, request.platform)
    workspace = request.paths.get("workspace", "")
    if workspace and "://" not in workspace:
        return tuple(opener(Path(workspace).expanduser().absolute(), {}).check())
    with tempfile.TemporaryDirectory() as folder:
        return tuple(opener(Path(folder), {}).check())


def _no_access(platform: str, error: TaoAutoMLError) -> CheckResult:
    check = "platform.access"
    if isinstance(error, MissingExtra):
        return CheckResult(id=check, status=FAILED, evidence=error.message, remedy=error.hint)
    if isinstance(error, UnknownPlugin):
        installed = ", ".join(plugins.names(plugins.PLATFORMS)) or "none"
        evidence = f"this version cannot reach {platform}; it can reach: {installed}"
        remedy = "use one of these, or --skip-platform-access to check the rest"
        return CheckResult(id=check, status=UNKNOWN, evidence=evidence, remedy=remedy)
    if isinstance(error, PlatformError):
        remedy = error.hint or f"tao-automl platforms check {platform}"
        status = UNKNOWN if isinstance(error, PlatformUnavailable) else FAILED
        return CheckResult(id=check, status=status, evidence=error.message, remedy=remedy)
    remedy = f"tao-automl platforms check {platform} --platform-option NAME=VALUE; then --skip-platform-access here"
    return CheckResult(id=check, status=UNKNOWN, evidence=error.message, remedy=remedy)


def check_image(request: PreflightRequest) -> Iterator[CheckResult]:
    """The reference itself; whether it can be pulled is for the platform to say."""
    image = request.container_image
    if image is None:
        return
    parts = _IMAGE.fullmatch(image)
    if parts is None:
        remedy = "registry/name:tag, or registry/name@sha256:…"
        yield CheckResult(id="image.reference", status=FAILED, evidence=f"{image!r:.120} names no image", remedy=remedy)
        return
    tag, digest = parts["tag"], parts["digest"]
    if digest is None and tag in (None, "latest"):
        evidence = f"{image} can be another image tomorrow"
        remedy = "name a tag that stays, or a digest; scripts/resolve_tao_image.py MODEL prints the pinned one"
        yield CheckResult(id="image.reference", status=FAILED, evidence=evidence, remedy=remedy)
    else:
        yield CheckResult(id="image.reference", status=OK, evidence=f"{image}{_pinned(request, image)}")
    yield _runs_images(request)


def _pinned(request: PreflightRequest, image: str) -> str:
    if request.bank is None or not (request.bank / VERSIONS).is_file():
        return ""
    keys = pinned_keys(image, request.bank)
    return f", pinned as {keys[0]}" if keys else f", which {VERSIONS} does not pin"


def _runs_images(request: PreflightRequest) -> CheckResult:
    check = "image.platform"
    if request.platform == "local":
        evidence = "the local platform runs native code, no container images"
        remedy = "choose a platform that runs images, or leave --container-image out for a native model"
        return CheckResult(id=check, status=FAILED, evidence=evidence, remedy=remedy)
    return CheckResult(id=check, status=OK, evidence=f"{request.platform} runs container images")


def check_gpus(request: PreflightRequest) -> Iterator[CheckResult]:
    if not request.gpu_count or request.skip_platform_access:
        return
    wanted = f"{request.gpu_count} GPU{'s' if request.gpu_count > 1 else ''} wanted"
    if request.platform != "local":
        remedy = f"ask {request.platform} for its GPUs by hand"
        evidence = f"{wanted}; those of {request.platform} cannot be counted by this version"
        yield CheckResult(id="gpu.count", status=UNKNOWN, evidence=evidence, remedy=remedy)
        return
    try:
        listed = list_gpus()
    except PlatformUnavailable as error:
        yield CheckResult(id="gpu.count", status=UNKNOWN, evidence=f"{wanted}; {error.message}", remedy=error.hint)
        return
    evidence = f"{wanted}, {len(listed.gpus)} here{f' ({listed.note})' if listed.note else ''}"
    if len(listed.gpus) >= request.gpu_count:
        yield CheckResult(id="gpu.count", status=OK, evidence=evidence)
    else:
        remedy = f"at most {len(listed.gpus)} GPUs on this machine, or another platform"
        yield CheckResult(id="gpu.count", status=FAILED, evidence=evidence, remedy=remedy)
