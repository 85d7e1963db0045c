"""The top of the page: what it is, what came out, and what it took."""

from datetime import UTC, datetime

from tao_automl.report.markup import Markup, join, tag
from tao_automl.report.shapes import Evaluation, Report
from tao_automl.report.timeline import first_start
from tao_automl.report.wording import (
    best_note,
    duration,
    evaluation_note,
    figure,
    gain,
    gain_sentence,
    hours,
    objectives_title,
    ordered_counts,
    trials_sentence,
    verdict,
)

_TONES = {"completed": "good", "failed": "bad", "stopped": "warn", "interrupted": "warn", "running": "live"}


def title(report: Report) -> str:
    """Of the browser's tab."""
    found = f"{report.metric} {figure(report.best.value)} · " if report.best and report.best.value is not None else ""
    return f"{found}{report.skill or 'AutoML'} · AutoML report"


def header(report: Report) -> Markup:
    """Name, status and verdict."""
    about = [
        "AutoML report",
        f"{report.algorithm} on {report.platform}" if report.algorithm and report.platform else report.algorithm,
        _when(report),
    ]
    pill = tag("span", report.status, class_=f"pill {_TONES.get(report.status, '')}".strip())
    sentence = gain_sentence(report)
    return tag(
        "header",
        tag("p", " · ".join(part for part in about if part), class_="about"),
        tag("div", tag("h1", report.skill or "AutoML run"), pill, class_="title"),
        tag("p", f"{verdict(report)}.", class_="verdict"),
        tag("p", f"{sentence}.", class_="gain" if " better " in sentence else "gain none") if sentence else None,
        tag("p", tag("b", "Reason: "), report.reason, class_="reason") if report.reason else None,
    )


def _when(report: Report) -> str:
    begin = first_start(report)
    if begin is None or not 0 < begin < 4e9:
        return ""
    return f"{datetime.fromtimestamp(begin, UTC):%Y-%m-%d %H:%M} UTC"


def cards(report: Report) -> Markup:
    """Five numbers that matter."""
    best, maximize = report.best, report.maximize
    return tag(
        "section",
        _card("Baseline", report.baseline.value, evaluation_note(report.baseline)),
        _front_card(report)
        if report.several
        else _card("Best trial", best.value if best else None, best_note(report), "best" if best else ""),
        _card(_final_name(report), report.final.value, evaluation_note(report.final), chip=_chip(report, maximize)),
        _trials_card(report),
        _effort_card(report),
        class_="cards",
        aria_label=f"Results: {objectives_title(report)}",
    )


def _card(name: str, value: float | None, words: str, class_: str = "", chip: Markup | None = None) -> Markup:
    number = tag("p", figure(value), chip and " ", chip, class_="figure" if value is not None else "figure none")
    return tag("div", tag("h3", name), number, tag("p", words, class_="note"), class_=f"card {class_}".strip())


def _front_card(report: Report) -> Markup:
    names = " and ".join(objective.metric for objective in report.objectives)
    count = tag("p", f"{len(report.front)} trial{'' if len(report.front) == 1 else 's'}", class_="figure")
    words = (
        f"no other trial is better in {names} at the same time" if report.front else report.why_no_best or "none yet"
    )
    return tag("div", tag("h3", "Pareto front"), count, tag("p", words, class_="note"), class_="card best")


def _final_name(report: Report) -> str:
    of = f", trial {report.final.rec}" if report.several and report.final.rec else ""
    return f"Final evaluation{of}"


def _chip(report: Report, maximize: bool) -> Markup | None:
    """The recorded comparison with the baseline."""
    delta = _delta(report.final, report.baseline)
    if delta is None:
        return None
    word, amount = gain(report.baseline.value, delta, maximize)
    tone = {"better": "good", "worse": "bad"}.get(word, "")
    sign = "+" if delta > 0 else "−"  # noqa: RUF001  (a minus sign, as wide as the plus)
    shown = f"{sign}{abs(delta):.3g}" if amount else "±0"
    return tag("span", shown, class_=f"chip {tone}".strip(), title=f"{word} than the baseline {amount}".strip())


def _delta(final: Evaluation, baseline: Evaluation) -> float | None:
    return final.delta if final.value is not None and baseline.value is not None else None


def _trials_card(report: Report) -> Markup:
    total = len(report.trials)
    shares = [tag("i", class_=f"s-{_slug(status)}", style=f"flex-grow:{n}") for status, n in ordered_counts(report)]
    bar = tag("div", *shares, class_="shares", aria_hidden="true") if shares else None
    return tag(
        "div",
        tag("h3", "Trials"),
        tag("p", f"{total:,}", class_="figure"),
        bar,
        tag("p", trials_sentence(report), class_="note"),
        class_="card",
    )


def _slug(status: str) -> str:
    return status if status.isalpha() else "other"


def _effort_card(report: Report) -> Markup:
    progress = report.progress
    words = []
    if progress.epochs is not None and report.unit:
        words.append(f"{progress.epochs:,.0f} {report.unit}{'' if progress.epochs == 1 else 's'} trained")
    if progress.gpu_hours is not None:
        words.append(f"{hours(progress.gpu_hours)} GPU hours")
    if progress.cost is not None:
        words.append(f"cost {figure(progress.cost)}")
    if progress.eta_s:
        words.append(f"about {duration(progress.eta_s)} to go")
    return tag(
        "div",
        tag("h3", "Time"),
        tag("p", duration(progress.elapsed_s), class_="figure"),
        tag("p", ", ".join(words), class_="note"),
        class_="card",
    )


def navigation(parts: list[tuple[str, str]]) -> Markup:
    """Links to the page's parts."""
    links = join([tag("a", name, href=f"#{anchor}") for anchor, name in parts])
    return tag("nav", links, aria_label="Parts of the report")
