"""The Pareto front on the page: a picture that needs no script, and a table."""

from collections.abc import Mapping

from tao_automl.report.markup import Markup, numeric, numeric_head, table, tag
from tao_automl.report.page_sections import part
from tao_automl.report.shapes import Best, Evaluation, Report
from tao_automl.report.wording import constraints_kept, evaluation_note, figure, objectives_title, whole

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 800, 320, 70, 20, 28, 44
_MOST = 2_000  # trials in the picture


def front_part(report: Report) -> Markup | None:
    """All scored trials in the first two objectives, and the front's members with all that was measured of them."""
    if not (report.front or report.several):
        return None
    hint = objectives_title(report) if report.several else ""
    kept = tag("p", f"{constraints_kept(report)}.", class_="note") if report.constraints else None
    return part("front", "Pareto front", _picture(report), _members(report), kept, hint=hint)


def _members(report: Report) -> Markup:
    if not report.front:
        return tag("p", report.why_no_best or "No trial has been scored yet.", class_="empty")
    metrics = list(dict.fromkeys(name for best in report.front for name in best.objectives))
    finals = {final.rec: final for final in report.finals}
    names = [*metrics, *report.tracking, "Budget"]
    heads = ("Trial", *map(numeric_head, names), "Final evaluation", "Spec")
    return table(heads, [_member(report, best, metrics, finals.get(best.rec)) for best in report.front])


def _member(report: Report, best: Best, metrics: list[str], final: Evaluation | None) -> list[object]:
    return [
        tag("th", best.rec, scope="row"),
        *(numeric(figure(best.objectives.get(name))) for name in metrics),
        *(numeric(figure(best.tracking.get(name))) for name in report.tracking),
        numeric(whole(best.budget)),
        _final(final) if final else "",
        tag("code", best.spec_path) if best.spec_path else "",
    ]


def _final(final: Evaluation) -> str:
    values = ", ".join(f"{name} {figure(value)}" for name, value in final.objectives.items())
    return f"{values}: {evaluation_note(final)}" if values else evaluation_note(final)


def _picture(report: Report) -> Markup | None:
    if not report.several:
        return None
    across, up = report.objectives[0].metric, report.objectives[1].metric
    scored = [t for t in report.ranked()[:_MOST] if _in_both(t.objectives, across, up)]
    if not scored:
        return None
    x = _Axis([t.objectives[across] for t in scored], _LEFT, _WIDTH - _RIGHT)
    y = _Axis([t.objectives[up] for t in scored], _HEIGHT - _BOTTOM, _TOP)
    dots = [
        tag(
            "circle",
            tag("title", f"trial {t.rec}: {across} {figure(t.objectives[across])}, {up} {figure(t.objectives[up])}"),
            cx=f"{x.place(t.objectives[across]):.1f}",
            cy=f"{y.place(t.objectives[up]):.1f}",
            r="6" if report.is_best(t) else "3",
            class_="front" if report.is_best(t) else "broken" if t.feasible is False else None,
        )
        for t in reversed(scored)
    ]
    label = f"{up} against {across} of {len(scored)} trials; the large dots are the Pareto front"
    shape = {"viewBox": f"0 0 {_WIDTH} {_HEIGHT}", "role": "img", "aria_label": label, "class_": "still"}
    return tag("svg", *_frame(x, y, across, up), *dots, **shape)


def _in_both(objectives: Mapping[str, float], across: str, up: str) -> bool:
    return across in objectives and up in objectives


class _Axis:
    """From values to places, with some room at both ends."""

    def __init__(self, values: list[float], start: float, end: float) -> None:
        self.low, self.high = min(values), max(values)
        self._start, self._end = start, end

    def place(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return self._start + (self._end - self._start) * (0.03 + 0.94 * share)


def _frame(x: _Axis, y: _Axis, across: str, up: str) -> list[Markup]:
    bottom = _HEIGHT - _BOTTOM
    ends = [
        tag("text", figure(v), x=f"{x.place(v):.1f}", y=bottom + 18, text_anchor="middle") for v in {x.low, x.high}
    ] + [tag("text", figure(v), x=_LEFT - 8, y=f"{y.place(v) + 4:.1f}", text_anchor="end") for v in {y.low, y.high}]
    return [
        tag("path", d=f"M{_LEFT} {_TOP}V{bottom}H{_WIDTH - _RIGHT}", class_="axis", fill="none"),
        *ends,
        tag("text", up, x=2, y=14, class_="strong"),
        tag("text", across, x=_WIDTH - _RIGHT, y=_HEIGHT - 8, text_anchor="end", class_="strong"),
    ]
