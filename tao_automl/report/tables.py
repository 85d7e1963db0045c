"""Text tables for a terminal: of a result, and of the launch review."""

import io
from collections.abc import Mapping
from typing import Any

from rich.console import Console, RenderableType

__all__ = ["result_table", "plan_table", "render_text"]


def result_table(result: Mapping[str, Any]) -> RenderableType:
    """A rich renderable of the dict form of a result; it fits itself to the width it is printed at."""
    from tao_automl.report.result_text import ResultText  # it computes importances, which takes numpy

    return ResultText(result)


def plan_table(plan: Mapping[str, Any]) -> RenderableType:
    """A rich renderable of the dict form of a plan."""
    from tao_automl.report.plan_text import PlanText

    return PlanText(plan)


def render_text(renderable: RenderableType, width: int = 100, color: bool = False) -> str:
    """The renderable as text of at most `width` columns: no trailing blanks, no line end at the end."""
    file = io.StringIO()
    console = Console(
        file=file,
        width=max(40, width),
        force_terminal=color,
        color_system="standard" if color else None,
        no_color=not color,
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
    )
    console.print(renderable)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()).strip("\n")
