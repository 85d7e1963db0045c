"""A result as one HTML file that needs nothing else: no network, no fonts, no libraries."""

import base64
import hashlib
from collections.abc import Mapping
from importlib.resources import files
from string import Template
from typing import Any

from tao_automl.report.chart_data import chart_data
from tao_automl.report.importance import importance_of
from tao_automl.report.markup import Markup, join, script_json
from tao_automl.report.page_head import cards, header, navigation, title
from tao_automl.report.page_sections import (
    best_part,
    chart,
    failures_part,
    front_part,
    importance_part,
    space_part,
)
from tao_automl.report.page_trials import trials_part, without_script
from tao_automl.report.reading import Report, read_report

SCRIPTS = ("core", "plot", "progress", "parallel", "slices", "curves", "timeline", "trials", "start")


def render_html(result: Mapping[str, Any]) -> str:
    """The page of the dict form of a result.

    All text of the result is escaped, and a content security policy allows no script but the page's own.
    """
    report = read_report(result)
    importance = importance_of(report)
    script = "(() => {\n\"use strict\";\n" + "\n".join(_file(f"{name}.js") for name in SCRIPTS) + "})();"
    progress, *charts = _charts(report)
    parts: list[tuple[str, str, Markup | None]] = [
        progress,
        ("importance", "Importance", importance_part(report, importance)),
        ("best", "Best", best_part(report, importance)),
        *charts,
        ("front", "Pareto front", front_part(report)),
        ("failures", "Failures", failures_part(report)),
        ("trials", "Trials", trials_part(report, importance)),
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
        data=script_json(chart_data(report, importance)),
        script=script,
    )


def _file(name: str) -> str:
    return (files("tao_automl.report") / "page" / name).read_text(encoding="utf-8")


def _digest(script: str) -> str:
    """What the policy knows the page's own script by."""
    return base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")


def _charts(report: Report) -> list[tuple[str, str, Markup | None]]:
    """The parts that the script draws; those that have nothing to show are None."""
    scored = any(trial.scored for trial in report.trials)
    spaced = scored and bool(report.searched)
    curves = any(len(trial.curve) > 1 for trial in report.trials)
    timed = any(trial.spans for trial in report.trials)
    found = [
        (scored, "progress", "Progress", "A dot a trial, the larger the longer it was trained. The line is the best so far."),
        (spaced, "parallel", "Configurations", "A line a trial. Drag along an axis to keep what lies in a range, here and in all other charts; click the axis to let go."),
        (spaced, "slices", "Parameter by parameter", f"Each parameter against {report.metric}, the important ones first."),
        (curves, "curves", "Learning curves", "A line a trial. Full dots: the trial was promoted to more training; rings: where it ended."),
        (timed, "timeline", "Timeline", "A row a slot, a bar a training, in the colours of the metric; red ones failed."),
    ]  # fmt: skip
    return [
        (anchor, name, chart(anchor, name, hint, f"{name} of {len(report.trials)} trials. {hint}") if wanted else None)
        for wanted, anchor, name, hint in found
    ]
