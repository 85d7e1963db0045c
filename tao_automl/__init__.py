"""Hyperparameter search as real training jobs, on any platform, that no crash can hurt.

    from tao_automl import AutoMLRunner
    result = AutoMLRunner(skill_dir="train-tabular", platform_sdk="local", workspace_dir="runs/one").run(...)

Importing this package loads nothing but this file; names are imported when they are used.
"""

from typing import TYPE_CHECKING, Any

from tao_automl._version import __version__

if TYPE_CHECKING:
    from tao_automl.runner import AutoMLRunner, Study, format_result, query_status

__all__ = ["AutoMLRunner", "Study", "format_result", "query_status", "__version__"]


def __getattr__(name: str) -> Any:
    if name in ("AutoMLRunner", "Study", "format_result", "query_status"):
        from tao_automl import runner

        return getattr(runner, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
