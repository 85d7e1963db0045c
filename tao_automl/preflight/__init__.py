"""What must hold before anything is launched: platform, credentials, image, data, compute shape. Launches nothing."""

from tao_automl.preflight.report import CheckResult, PreflightReport
from tao_automl.preflight.request import PreflightRequest, parse_batch_limits, parse_fields, parse_paths
from tao_automl.preflight.run import run_preflight

__all__ = [
    "CheckResult",
    "PreflightReport",
    "PreflightRequest",
    "parse_batch_limits",
    "parse_fields",
    "parse_paths",
    "run_preflight",
]
