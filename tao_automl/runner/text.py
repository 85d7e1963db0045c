"""Results and plans as text for people."""

from collections.abc import Mapping
from typing import Any


def format_result(result: Mapping[str, Any], width: int = 100) -> str:
    """Tables of a `Result`, or of its JSON."""
    from tao_automl.report.tables import render_text, result_table

    return render_text(result_table(result), width=width)


def format_plan(plan: Mapping[str, Any], width: int = 100) -> str:
    """Tables of a `Plan`, or of its JSON."""
    from tao_automl.report.tables import plan_table, render_text

    return render_text(plan_table(plan), width=width)
