"""The table of all trials, and what is shown in place of the charts where scripts do not run."""

from collections.abc import Callable

from tao_automl.report.importance import Importance, ordered_parameters
from tao_automl.report.labels import middle
from tao_automl.report.markup import Markup, numeric, numeric_head, tag
from tao_automl.report.page_sections import part
from tao_automl.report.shapes import SUCCEEDED, Parameter, Report, Trial
from tao_automl.report.values import number
from tao_automl.report.wording import duration, figure, keeps, spec_value, trial_budget, trial_time

COLUMNS = 4
_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 800, 220, 60, 24


def trials_part(report: Report, importance: Importance, trials: list[Trial]) -> Markup | None:
    """A row a trial, the best first; the script sorts, filters and unfolds them."""
    if not report.trials:
        return None
    shown = ordered_parameters(report, importance)[:COLUMNS]
    others = [*(objective.metric for objective in report.objectives[1:]), *report.tracking]
    kept = ["Keeps constraints"] if report.constraints else []
    measures = [middle(name, 24) for name in (report.metric, *others)]
    numbers = [*measures, *kept, "Budget", *(middle(p.label, 24) for p in shown), "Time"]
    heads = [*(tag("th", name, scope="col") for name in ("Trial", "Status")), *map(numeric_head, numbers)]
    rank = {trial.index: place for place, trial in enumerate(report.ranked())}
    places = sorted(range(len(trials)), key=lambda k: rank.get(trials[k].index, len(rank)))
    rows = [_row(report, trials[k], k, shown) for k in places]
    total = len(report.trials)
    hint = f"{len(trials):,} of {total:,}: the best, and a part of the others." if len(trials) < total else ""
    head = tag("thead", tag("tr", *heads, tag("th", "Failure", scope="col")))
    body = tag("table", head, tag("tbody", *rows), id="trial-table")
    return part("trials", "Trials", tag("div", id="trial-tools"), tag("div", body, class_="scroll"), hint=hint)


def _row(report: Report, trial: Trial, place: int, shown: list[Parameter]) -> Markup:
    best = report.is_best(trial)
    seconds = trial_time(trial)
    return tag(
        "tr",
        tag("th", "★ " if best else None, trial.rec, scope="row", data_v=trial.index),
        tag("td", tag("span", trial.status, class_=f"s s-{trial.status if trial.status.isalpha() else 'other'}")),
        _number(trial.value, figure(trial.value)),
        *(_metric(trial.objectives.get(objective.metric)) for objective in report.objectives[1:]),
        *(_metric(trial.tracking.get(name)) for name in report.tracking),
        tag("td", keeps(trial)) if report.constraints else None,
        _number(trial.budget, trial_budget(trial)),
        *(_spec(trial, parameter) for parameter in shown),
        _number(seconds, duration(seconds)),
        tag("td", trial.failure_class.replace("_", " ")),
        data_t=place,
        class_="best" if best else None,
    )


def _number(value: float | None, words: str) -> Markup:
    return tag("td", words, class_="num", data_v=value)


def _metric(value: float | None) -> Markup:
    return _number(value, figure(value))


def _spec(trial: Trial, parameter: Parameter) -> Markup:
    if parameter.key not in trial.specs:
        return numeric("—")
    value = trial.specs[parameter.key]
    return tag("td", spec_value(value, 30), class_="num", data_v=number(value))


def without_script(report: Report) -> Markup:
    """A still picture of the progress, for pages that are shown with scripts switched off."""
    note = tag("p", "Scripts are switched off here: the interactive charts are left out, the tables are complete.")
    return tag("noscript", tag("section", note, _picture(report), class_="part"))


def _picture(report: Report) -> Markup | None:
    scored = [trial for trial in report.trials if trial.scored and trial.value is not None]
    if not scored:
        return None
    values = [trial.value for trial in scored if trial.value is not None]
    low, high = min(values), max(values)
    right = max(1, len(report.trials) - 1)

    def x(trial: Trial) -> float:
        return _LEFT + (_WIDTH - _LEFT - 12) * trial.index / right

    def y(value: float) -> float:
        share = (value - low) / (high - low) if high > low else 0.5
        return 12 + (_HEIGHT - _BOTTOM - 24) * (1 - share)

    dots = [tag("circle", cx=f"{x(t):.1f}", cy=f"{y(t.value or 0.0):.1f}", r="3") for t in scored]
    ends = [
        tag("text", figure(value), x=_LEFT - 8, y=f"{y(value) + 4:.1f}", text_anchor="end") for value in {low, high}
    ]
    caption = tag("text", "trials in order of their start", x=_WIDTH - 12, y=_HEIGHT - 6, text_anchor="end")
    line = tag("path", d=_steps(report, scored, x, y), class_="line")
    label = f"{report.metric} of {len(scored)} trials, and the best so far"
    return tag(
        "svg",
        *dots,
        line,
        *ends,
        caption,
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        role="img",
        aria_label=label,
        class_="still",
    )


def _steps(report: Report, scored: list[Trial], x: Callable[[Trial], float], y: Callable[[float], float]) -> str:
    """The best so far, as a path of steps."""
    path, best = "", None
    for trial in scored:
        if trial.value is None or trial.status != SUCCEEDED:
            continue
        if best is None:
            path = f"M{x(trial):.1f} {y(trial.value):.1f}"
        if best is None or report.cost(trial.value) < report.cost(best):
            best = trial.value
            path += f"H{x(trial):.1f}V{y(best):.1f}"
    return f"{path}H{_WIDTH - 12}" if path else ""
