"""A result as one HTML file that needs nothing else: no network, no fonts, no libraries."""

import base64
import hashlib
from collections.abc import Mapping
from importlib.resources import files
from string import Template
from typing import Any, TypeAlias

from tao_automl.report.chart_data import chart_data, shown_trials
from tao_automl.report.importance import importance_of
from tao_automl.report.markup import Markup, join, script_json
from tao_automl.report.page_front import front_part
from tao_automl.report.page_head import cards, header, navigation, title
from tao_automl.report.page_sections import best_part, chart, failures_part, importance_part, space_part
from tao_automl.report.page_trials import trials_part, without_script
from tao_automl.report.reading import read_report
from tao_automl.report.shapes import Report

Part: TypeAlias = tuple[str, str, Markup | None]

_HINTS = (
    "A dot a trial, the larger the longer it was trained. The line is the best so far.",
    "A line a trial. Drag along an axis to keep what lies in a range, here and in all other charts; click to let go.",
    "A line a trial. Full dots: the trial was promoted to more training; rings: where it ended.",
    "A row a slot, a bar a training, in the colours of the metric; red ones failed.",
    " A bar includes the time in which a trial waited for its promotion.",
)
SCRIPTS = ("core", "plot", "progress", "parallel", "slices", "curves", "timeline", "trials", "start")


def render_html(result: Mapping[str, Any]) -> str:
    """The page of the dict form of a result.

    All text of the result is escaped, and a content security policy allows no script but the page's own.
    """
    report = read_report(result)
    importance, trials = importance_of(report), shown_trials(report)
    script = '(() => {\n"use strict";\n' + "\n".join(_file(f"{name}.js") for name in SCRIPTS) + "})();"
    progress, *charts = _charts(report)
    parts: list[Part] = [
        ("front", "Pareto front", front_part(report)),
        progress,
        ("importance", "Importance", importance_part(report, importance)),
        ("best", "Best", best_part(report, importance)),
        *charts,
        ("failures", "Failures", failures_part(report)),
        ("trials", "Trials", trials_part(report, importance, trials)),
        ("space", "Settings", space_part(report)),
    ]
    shown = [(anchor, name, body) for anchor, name, body in parts if body is not None]
    return Template(_file("page.html")).substitute(
        title=join([title(report)]),
        policy=_digest(script),
        style=_file("page.css"),
        header=header(report),
        navigation=navigation([(anchor, name) for anchor, name, _ in shown]),
        cards=cards(report),
        fallback=without_script(report),
        parts=join([body for _, _, body in shown]),
        data=script_json(chart_data(report, importance, trials)),
        script=script,
    )


def _file(name: str) -> str:
    return (files("tao_automl.report") / "page" / name).read_text(encoding="utf-8")


def _digest(script: str) -> str:
    """What the policy knows the page's own script by."""
    return base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")


def _charts(report: Report) -> list[Part]:
    """The parts that the script draws; those that have nothing to show are None."""
    scored = any(trial.scored for trial in report.trials)
    spaced = scored and bool(report.searched)
    curves = any(len(trial.curve) > 1 for trial in report.trials)
    timed = any(trial.spans for trial in report.trials)
    pauses = len({trial.budget for trial in report.trials}) > 1 and all(len(trial.spans) < 2 for trial in report.trials)
    found = [
        (scored, "progress", "Progress", _HINTS[0]),
        (spaced, "parallel", "Configurations", _HINTS[1]),
        (spaced, "slices", "Parameter by parameter", f"Each against {report.metric}, the important ones first."),
        (curves, "curves", "Learning curves", _HINTS[2]),
        (timed, "timeline", "Timeline", _HINTS[3] + (_HINTS[4] if pauses else "")),
    ]
    return [
        (anchor, name, chart(anchor, name, hint, f"{name} of {len(report.trials)} trials. {hint}") if wanted else None)
        for wanted, anchor, name, hint in found
    ]
