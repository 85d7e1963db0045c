"""The sentences and numbers of a report, the same in text and in HTML."""

import math
from collections.abc import Mapping
from typing import Any

from tao_automl.report.shapes import FAILED, SUCCEEDED, Evaluation, Parameter, Report, Trial
from tao_automl.report.values import as_text, items, mapping, text

MISSING = "—"
TIMES, OVER = "\u00d7", "÷"
HISTORY_WORDS = {SUCCEEDED: "succeeded", FAILED: "failed", "stopped": "stopped", "running": "running"}
_UNITS = ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s"))


def figure(value: float | None) -> str:
    """A metric to five significant digits."""
    return MISSING if value is None else f"{value:.5g}"


def whole(value: float | None) -> str:
    """A number that is usually whole, such as a budget."""
    return MISSING if value is None else f"{value:g}"


def spec_value(value: Any, longest: int = 60) -> str:
    """A value of a specification on one short line."""
    return text(as_text(value), longest)


def duration(seconds: float | None) -> str:
    """Two units at most: ``2 h 14 min``."""
    if seconds is None or seconds < 0:
        return MISSING
    rounded = round(seconds)
    if rounded < 1:
        return f"{seconds:.1f} s"
    for size, name, part, part_name in _UNITS:
        if rounded >= size:
            rest = rounded % size // part
            return f"{rounded // size} {name}" + (f" {rest} {part_name}" if rest else "")
    return f"{rounded} s"


def hours(value: float | None) -> str:
    """Hours of GPU time."""
    if value is None:
        return MISSING
    return f"{value:.2g}" if 0 < value < 0.1 else f"{value:,.1f}"


def gain(before: float | None, delta: float, maximize: bool) -> tuple[str, str]:
    """``("better", "by 0.0215 (2.41%)")``: `delta` is after minus before; the direction says what is better."""
    if delta == 0:
        return "the same", ""
    word = "better" if (delta > 0) == maximize else "worse"
    ratio = abs(delta / before) if before else math.inf
    share = f" ({_percent(ratio)})" if math.isfinite(ratio) else ""
    return word, f"by {abs(delta):.4g}{share}"


def _percent(share: float) -> str:
    percent = 100 * share
    if percent >= 1000:
        return f"{percent:,.0f}%"
    return f"{percent:.2f}%" if percent >= 0.005 else f"{percent:.1g}%"


def gain_sentence(report: Report) -> str:
    """What the search was worth, by the comparison that the run itself recorded; empty without one."""
    if report.final.delta is not None:
        of = f" of trial {report.final.rec}" if report.several else ""
        return f"The final evaluation{of} is {_than_baseline(report, report.final, report.final.delta)}"
    if report.baseline.delta is not None:
        return f"The best trial is {_than_baseline(report, report.baseline, report.baseline.delta)}"
    return ""


def _than_baseline(report: Report, compared: Evaluation, delta: float) -> str:
    word, amount = gain(report.baseline.value, delta, report.maximize)
    noise = ", which may be chance: it lies within the noise of the measurement" if compared.by_chance else ""
    metric = f" in {report.metric}" if report.several else ""
    return f"{word} than the baseline{metric} {amount}{noise}" if amount else "as good as the baseline"


def best_note(report: Report) -> str:
    """Which trial the winner is and what its metric was measured on."""
    if not report.best:
        return "none"
    trained = f"trial {report.best.rec}{_after(report.best.budget, report)}"
    return f"{trained}, measured during the search{_error(report.best.sem)}"


def _error(sem: float | None) -> str:
    return f", standard error {sem:.2g}" if sem is not None else ""


def percent_share(share: float) -> str:
    return f"{share:.0%}" if share >= 0.005 else "<1%"


def better_is(maximize: bool) -> str:
    return "higher is better" if maximize else "lower is better"


def evaluation_note(evaluation: Evaluation) -> str:
    """Where a value comes from, or why there is none."""
    status = evaluation.status.replace("_", " ")
    if evaluation.value is None:
        return f"{status}: {evaluation.reason}" if evaluation.reason else status
    source = f"{status}, {evaluation.source}" if evaluation.source else status
    source += _error(evaluation.sem) + (f" ({evaluation.note})" if evaluation.note else "")
    return f"{evaluation.metric}: {source}" if evaluation.metric else source


def trials_sentence(report: Report) -> str:
    """``40 trials: 34 succeeded, 6 failed``."""
    total = len(report.trials)
    if not total:
        return "no trial was started"
    parts = [f"{found} {HISTORY_WORDS.get(status, status)}" for status, found in ordered_counts(report)]
    planned = report.progress.total
    of = f" of {planned}" if planned and planned > total else ""
    return f"{total}{of} trial{'s' if max(total, planned or 0) != 1 else ''}: {', '.join(parts)}"


def ordered_counts(report: Report) -> list[tuple[str, int]]:
    """Statuses with their numbers, successes first."""
    order = (SUCCEEDED, FAILED, "stopped", "running", "cancelled")
    known = [(status, report.counts[status]) for status in order if report.counts.get(status)]
    return known + [(status, found) for status, found in report.counts.items() if status not in order]


def verdict(report: Report) -> str:
    """What a reader wants to know first, in one sentence."""
    if report.best and report.best.value is not None:
        found = f"Best {report.metric} {figure(report.best.value)}, trial {report.best.rec}"
        return f"{found}{_after(report.best.budget, report)}"
    if report.front:
        form = "trials form" if len(report.front) > 1 else "trial forms"
        return f"No single best trial: {len(report.front)} {form} the Pareto front"
    if report.why_no_best and any(trial.scored for trial in report.trials):
        return f"{report.why_no_best[:1].upper()}{report.why_no_best[1:]}"
    if any(trial.status == "running" for trial in report.trials):
        return "No trial has finished yet"
    return "No trial succeeded, so there is no best configuration" if report.trials else "No trial was started"


def _after(budget: float | None, report: Report) -> str:
    """Names the budget only where trials have different ones."""
    budgets = {trial.budget for trial in report.trials if trial.budget is not None}
    return f" after {units(budget, report)}" if budget is not None and len(budgets | {1.0}) > 1 else ""


def units(budget: float | None, report: Report) -> str:
    """``9 epochs``, in the run's own unit."""
    return f"{whole(budget)} {report.unit or 'unit'}{'' if budget == 1 else 's'}"


def objectives_title(report: Report) -> str:
    """``accuracy (higher is better), latency (lower is better)``."""
    return ", ".join(f"{objective.metric} ({better_is(objective.maximize)})" for objective in report.objectives)


def keeps(trial: Trial) -> str:
    """Whether a trial keeps the outcome constraints."""
    return MISSING if trial.feasible is None else "yes" if trial.feasible else "no"


def constraints_kept(report: Report) -> str:
    """``5 of 12 scored trials keep latency <= 20 and accuracy >= 0.9``."""
    judged = [trial for trial in report.trials if trial.scored and trial.feasible is not None]
    kept = sum(trial.feasible is True for trial in judged)
    return f"{kept} of {len(judged)} scored trials keep {' and '.join(report.constraints)}"


def range_text(parameter: Parameter, longest: int = 60) -> str:
    """``1e-06 … 0.001``, or the options, or of a list what each element may be."""
    if parameter.options:
        return text(", ".join(spec_value(option, 40) for option in parameter.options), longest)
    if parameter.expression:
        return text(f"= {parameter.expression}", longest)
    if parameter.low is None and parameter.high is None:
        elements = "; ".join(range_text(element, longest) for element in parameter.elements)
        return text(f"[{elements}]", longest) if elements else MISSING
    return f"{bound(parameter.low)} … {bound(parameter.high)}"


def bound(value: float | None) -> str:
    return MISSING if value is None else f"{value:.6g}"


def scale_text(parameter: Parameter) -> str:
    """The scale, with a mark where it was inferred from the range."""
    if not parameter.scale or not parameter.numeric:
        return ""
    return parameter.scale + ("*" if parameter.inferred else "")


def condition_text(parameter: Parameter, longest: int = 80) -> str:
    """``optim.name is sgd or adamw``, or an expression as it was written."""
    clauses = [_clause(str(name), values) for name, values in parameter.when.items()]
    return text(" and ".join(clauses), longest)


def _clause(name: str, values: Any) -> str:
    if name == "expression" and isinstance(values, str):
        return text(values, 120)
    allowed = items(values) or [values]
    return f"{name} is {' or '.join(spec_value(value, 30) for value in allowed)}"


def factor(parameter: Parameter, value: Any) -> str:
    """How a value differs from the default: a factor on a logarithmic scale, else a difference; else empty."""
    default = parameter.default
    if not _is_number(value) or not _is_number(default) or value == default:
        return ""
    if parameter.scale in ("log", "power2") and default > 0 and value > 0:
        ratio = value / default
        return f"{TIMES}{ratio:.3g}" if ratio >= 1 else f"{OVER}{1 / ratio:.3g}"
    return f"{value - default:+.4g}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def flat(settings: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Nested settings as dotted rows, in their order; what is null or empty is left out."""
    found: list[tuple[str, Any]] = []
    for key, value in settings.items():
        name = f"{prefix}{key}"
        if mapping(value) and name.count(".") < 8:
            found += flat(mapping(value), f"{name}.")
        elif value is not None and value != {} and value != [] and value != "":
            found.append((name, value))
    return found


def trial_budget(trial: Trial) -> str:
    """What the trial was granted; ``9 of 27`` if its metric is that of an earlier budget."""
    earlier = trial.value is not None and trial.scored_at is not None and trial.scored_at != trial.budget
    return f"{whole(trial.scored_at)} of {whole(trial.budget)}" if earlier else whole(trial.budget)


def trial_time(trial: Trial) -> float | None:
    """Seconds in which the trial held a slot; None while it runs, or if nobody knows."""
    ends = [(span.start, span.end) for span in trial.spans]
    if not ends or any(end is None for _, end in ends):
        return None
    return sum(end - start for start, end in ends if end is not None)
