"""A preflight, from request to report."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tao_automl.platforms.redact import Redactor
from tao_automl.preflight.compute import check_gpus, check_image, check_platform
from tao_automl.preflight.credentials import check_credentials
from tao_automl.preflight.data import check_disk, check_fields, check_paths, check_samples
from tao_automl.preflight.report import CheckResult, PreflightReport
from tao_automl.preflight.request import PreflightRequest
from tao_automl.preflight.tools import NotInstalled, install

EVIDENCE_LIMIT = 400


def run_preflight(request: PreflightRequest, environ: Mapping[str, str] | None = None) -> PreflightReport:
    """Runs every check that the request asks for. Changes nothing, but for `install_missing_tools`.

    Raises SettingsError for a request that cannot be understood.
    """
    environ = os.environ if environ is None else environ
    clean = Redactor.from_environment(environ)
    report = _checked(request, environ)
    lacking = {check.installs for check in report.checks if check.installs}
    if request.install_missing_tools and lacking:
        report = _installed(request, environ, report, lacking)
    checks = tuple(
        replace(check, evidence=_bounded(clean(check.evidence)), remedy=_bounded(clean(check.remedy)))
        for check in report.checks
    )
    return replace(report, checks=checks)


def _checked(request: PreflightRequest, environ: Mapping[str, str]) -> PreflightReport:
    checks = [*check_platform(request), *check_credentials(request, environ, Path.home()), *check_image(request)]
    checks += [*check_gpus(request), *check_paths(request)]
    counted, samples = check_samples(request)
    checks += [*counted, *check_fields(request), check_disk(request, Path.cwd())]
    return PreflightReport(platform=request.platform, checks=tuple(checks), samples=samples)


def _installed(
    request: PreflightRequest, environ: Mapping[str, str], report: PreflightReport, lacking: set[str]
) -> PreflightReport:
    """Installs what is missing and looks again, once."""
    try:
        installed = install(lacking)
    except NotInstalled as error:
        failed = CheckResult(
            id="tools.install", status="failed", evidence=str(error), remedy=f"pip install {' '.join(sorted(lacking))}"
        )
        return replace(report, checks=(*report.checks, failed))
    return replace(_checked(request, environ), installed=installed)


def _bounded(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= EVIDENCE_LIMIT else f"{line[: EVIDENCE_LIMIT - 1]}…"
