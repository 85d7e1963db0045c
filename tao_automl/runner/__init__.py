"""The public face: run a search, look at it, resume it, cancel it, or ask and tell by hand."""

from tao_automl.runner.arguments import RunArguments
from tao_automl.runner.automl_runner import AutoMLRunner
from tao_automl.runner.export import export_run
from tao_automl.runner.plan import Plan
from tao_automl.runner.result import Result
from tao_automl.runner.status import cancel_run, query_status, read_events, resume_run
from tao_automl.runner.study import Study, create_study, open_study
from tao_automl.runner.text import format_plan, format_result

__all__ = [
    "AutoMLRunner",
    "Plan",
    "Result",
    "RunArguments",
    "Study",
    "cancel_run",
    "create_study",
    "export_run",
    "format_plan",
    "format_result",
    "open_study",
    "query_status",
    "read_events",
    "resume_run",
]
