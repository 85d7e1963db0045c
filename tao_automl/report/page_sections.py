"""The parts of the page that are plain HTML: they need no script."""

import json
from collections.abc import Mapping
from typing import Any

from tao_automl.report.importance import Importance, ordered_parameters
from tao_automl.report.markup import Markup, join, numeric, numeric_head, table, tag
from tao_automl.report.shapes import Failures, Parameter, Report
from tao_automl.report.values import as_text, same, text
from tao_automl.report.wording import (
    condition_text,
    factor,
    flat,
    percent_share,
    range_text,
    spec_value,
)

_BARS = 10


def part(anchor: str, name: str, *children: object, hint: str = "", kind: str = "") -> Markup:
    """A titled card; `kind` is ``half`` for one that shares its row, ``drawn`` for one that only a script fills."""
    head = tag("div", tag("h2", name), tag("p", hint, class_="hint") if hint else None, class_="head")
    return tag("section", head, *children, id=anchor, class_=f"part {kind}".strip())


def chart(anchor: str, name: str, hint: str, label: str) -> Markup:
    """A card whose chart is drawn by the script."""
    host = tag("div", class_="chart", id=f"{anchor}-chart", data_label=label)
    return part(anchor, name, host, hint=hint, kind="drawn")


def best_part(report: Report, importance: Importance) -> Markup | None:
    """The winner's values beside the defaults, the parameters that matter first."""
    best = report.best
    if best is None:
        return None
    ordered = ordered_parameters(report, importance)
    rows = [_best_row(parameter, best.specs[parameter.key]) for parameter in ordered if parameter.key in best.specs]
    heads = ("Parameter", *map(numeric_head, ("Best", "Default", "Change")), "Searched range")
    more = [tag("summary", f"{len(rows) - _BARS} parameters more"), table(heads, rows[_BARS:])]
    return part(
        "best",
        "Best configuration",
        table(heads, rows[:_BARS]) if rows else tag("p", "Its values are not recorded.", class_="empty"),
        tag("details", *more) if len(rows) > _BARS else None,
        tag("details", tag("summary", "As JSON"), tag("pre", _as_json(best.specs), tabindex="0")),
        kind="half",
    )


def _as_json(specs: Mapping[str, Any]) -> str:
    """Indented JSON in which what cannot be seen is escaped."""
    dumped = json.dumps(dict(specs), indent=2, ensure_ascii=False, default=str)
    return "".join(c if c == "\n" or c.isprintable() else json.dumps(c)[1:-1] for c in dumped)


def _best_row(parameter: Parameter, value: Any) -> list[object]:
    changed = not same(value, parameter.default)
    return [
        tag("th", name_of(parameter), scope="row"),
        numeric(tag("b", spec_value(value)) if changed else spec_value(value)),
        numeric(spec_value(parameter.default)),
        numeric(factor(parameter, value) if changed else tag("span", "default", class_="same")),
        range_text(parameter),
    ]


def name_of(parameter: Parameter) -> Markup:
    """The dotted name; the end that tells parameters apart stands out."""
    head, label = parameter.name.removesuffix(parameter.label), parameter.label
    stem = tag("span", breakable(head), class_="stem")
    return tag("span", stem, breakable(label), class_="name", title=parameter.description or None)


def breakable(name: str) -> Markup:
    """A dotted name that may be broken after its dots and underscores."""
    return Markup(join([name]).replace(".", ".<wbr>").replace("_", "_<wbr>"))


def importance_part(report: Report, importance: Importance) -> Markup | None:
    """A bar for each parameter that matters."""
    if not importance.trials:
        return None
    named = {parameter.key: parameter for parameter in report.searched}
    of = f"for {report.metric}, " if report.several else ""
    hint = f"{of}PED-ANOVA over {importance.trials} trials, beyond what chance would show"
    if not importance.shares:
        body = tag("p", f"Not known: {importance.reason}.", class_="empty")
        return part("importance", "Parameter importance", body, kind="half")
    bars = [_bar(name_of(named[key]), share, percent_share(share)) for key, share in importance.shares[:_BARS]]
    rest = len(named) - len(bars)
    note = f"{rest} other parameter{'s' if rest != 1 else ''} made no difference that can be told from chance."
    body = tag("div", *bars, class_="bars")
    return part(
        "importance",
        "Parameter importance",
        body,
        tag("p", note, class_="note") if rest and len(importance.shares) <= _BARS else None,
        hint=hint,
        kind="half",
    )


def _bar(name: object, share: float, words: str, tone: str = "") -> Markup:
    fill = tag("i", style=f"width:{max(0.5, 100 * share):.1f}%", class_=tone or None)
    return tag(
        "div", tag("span", name, class_="what"), tag("span", fill, class_="track"), tag("span", words, class_="value")
    )


def failures_part(report: Report) -> Markup | None:
    """Each cause with the line that shows it and what to do."""
    if not report.failures:
        return None
    most = max(failures.count for failures in report.failures)
    blocks = [_failure(failures, most) for failures in report.failures]
    return part("failures", "Failures by cause", *blocks)


def _failure(failures: Failures, most: int) -> Markup:
    shown = ", ".join(failures.recs[:12]) + (", …" if len(failures.recs) > 12 else "")
    evidence, log = (tag("code", words) if words else None for words in (failures.evidence, failures.log_path))
    rows = [("Evidence", evidence), ("Advice", failures.advice), ("Log", log), ("Trials", shown)]
    terms = [(tag("dt", name), tag("dd", words)) for name, words in rows if words]
    words = f"{failures.count} trial{'s' if failures.count != 1 else ''}"
    bar = tag("div", _bar(failures.cause.replace("_", " "), failures.count / most, words, "bad"), class_="bars")
    return tag("div", bar, tag("dl", *terms), class_="failure")


def space_part(report: Report) -> Markup:
    """The search space, and what was asked for."""
    rows = [_space_row(parameter) for parameter in report.parameters]
    heads = ("Parameter", "Type", "Range", "Scale", numeric_head("Default"), "Only if", "Meaning")
    space = table(heads, rows)
    settings = table(("Setting", "Value"), [_setting(name, value) for name, value in flat(report.settings)])
    return part(
        "space",
        "Search space and settings",
        tag("details", tag("summary", f"Search space, {len(report.searched)} parameters"), space),
        tag("details", tag("summary", "Settings of the run"), settings) if report.settings else None,
        tag("details", tag("summary", "Files"), _files(report), open=True),
    )


def _space_row(parameter: Parameter) -> list[object]:
    scale = f"{parameter.scale}{' (inferred)' if parameter.inferred else ''}" if parameter.numeric else ""
    return [
        tag("th", name_of(parameter), scope="row"),
        parameter.kind,
        range_text(parameter, 200),
        scale,
        numeric(spec_value(parameter.default)),
        condition_text(parameter, 200),
        parameter.description,
    ]


def _setting(name: str, value: Any) -> list[object]:
    return [tag("th", text(name, 120), scope="row"), text(as_text(value))]


def _files(report: Report) -> Markup:
    best = report.best
    found: Mapping[str, str] = {
        "Workspace": report.workspace,
        "Best checkpoint": best.checkpoint if best else "",
        "Best results": best.results_path if best else "",
        "Best spec": best.spec_path if best else "",
        "Baseline record": report.baseline.record_path if report.baseline.value is not None else "",
        "Final record": report.final.record_path if report.final.value is not None else "",
    }
    rows = [[tag("th", name, scope="row"), tag("code", path)] for name, path in found.items() if path]
    return table(("What", "Where"), rows) if rows else tag("p", "None are recorded.", class_="empty")
