"""Results and plans for people: text tables, one self-contained HTML page, and which parameters mattered.

Everything here reads plain mappings: the dict form of a result or of a plan, also as loaded from `result.json`.
Nothing is believed: missing keys, wrong types and hostile text give a poorer report, never an error or an injection.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tao_automl.report.html import render_html
    from tao_automl.report.importance import Importance, parameter_importance
    from tao_automl.report.tables import plan_table, render_text, result_table

__all__ = ["result_table", "plan_table", "render_text", "render_html", "Importance", "parameter_importance"]

_HOMES = {
    "result_table": "tables",
    "plan_table": "tables",
    "render_text": "tables",
    "render_html": "html",
    "Importance": "importance",
    "parameter_importance": "importance",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"tao_automl.report.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
