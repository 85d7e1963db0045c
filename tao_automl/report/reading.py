"""Reads the dict form of a result. Past `read_report` nothing is looked up by key."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from tao_automl.report.labels import short_names
from tao_automl.report.shapes import (
    FAILED,
    Best,
    Evaluation,
    Failures,
    Objective,
    Parameter,
    Progress,
    Report,
    Span,
    Trial,
)
from tao_automl.report.values import as_text, count, items, mapping, number, rows, same, text


def read_report(result: Mapping[str, Any]) -> Report:
    """The report of the dict form of a result."""
    history = rows(result.get("history"))
    progress = mapping(result.get("progress"))
    trials = tuple(_trial(index, entry) for index, entry in enumerate(history))
    front = rows(result.get("pareto_front"))
    return Report(
        status=text(result.get("status")) or "unknown",
        reason=text(result.get("failure_reason")),
        metric=text(result.get("metric"), 80) or "metric",
        maximize=result.get("direction") == "maximize",
        objectives=_objectives(result),
        constraints=tuple(text(row.get("text"), 120) for row in rows(result.get("outcome_constraints"))),
        tracking=tuple(text(name, 80) for name in items(result.get("tracking_metrics"))[:8]),
        unit=text(result.get("unit", "epoch"), 20),
        skill=text(result.get("skill"), 120),
        platform=text(result.get("platform"), 80),
        workspace=text(result.get("workspace")),
        algorithm=text(progress.get("algorithm") or mapping(result.get("algorithm_state")).get("algorithm"), 80),
        best=_best(mapping(result.get("best"))),
        why_no_best=text(result.get("best_reason")),
        front=tuple(best for row in front if (best := _best(row))),
        baseline=_evaluation(result, "baseline", "comparison_to_best"),
        final=_evaluation(result, "final_evaluation", "comparison_to_baseline"),
        finals=_finals(result),
        progress=_progress(progress),
        counts=Counter(trial.status for trial in trials),
        trials=trials,
        failures=_failures(trials, mapping(result.get("failures_by_cause"))),
        parameters=_parameters(rows(result.get("search_space")), trials),
        settings=mapping(result.get("settings")),
    )


def _objectives(result: Mapping[str, Any]) -> tuple[Objective, ...]:
    """As listed; results of before had one."""
    return tuple(
        Objective(metric=text(row.get("metric"), 80) or "metric", maximize=row.get("direction") == "maximize")
        for row in rows(result.get("objectives"))[:16] or [result]
    )


def _finals(result: Mapping[str, Any]) -> tuple[Evaluation, ...]:
    members = rows(mapping(result.get("final_evaluation")).get("members"))
    return tuple(_read_evaluation(result, row, "comparison_to_baseline") for row in members)


def _trial(index: int, entry: Mapping[str, Any]) -> Trial:
    curve = tuple(pair for point in items(entry.get("curve")) if (pair := _pair(point)))
    return Trial(
        index=index,
        rec=text(entry.get("rec_id", index), 40),
        status=text(entry.get("status"), 20) or "unknown",
        value=number(entry.get("metric")),
        scored_at=number(entry.get("metric_budget", entry.get("budget"))),
        budget=number(entry.get("budget")),
        specs=mapping(entry.get("specs")),
        curve=curve,
        spans=_spans(entry),
        objectives=_numbers(entry.get("objective_values")),
        tracking=_numbers(entry.get("tracking")),
        feasible=found if isinstance(found := entry.get("feasible"), bool) else None,
        origin=text(entry.get("origin"), 40),
        parent=text(entry.get("parent"), 40),
        job_id=text(entry.get("job_id"), 200),
        job_status=text(entry.get("job_status"), 20).lower(),
        failure_class=text(entry.get("failure_class"), 60),
        failure_reason=text(entry.get("failure_reason")),
        advice=text(entry.get("advice")),
        log_path=text(entry.get("log_path")),
        adjustments=tuple(_adjustment(change) for change in items(entry.get("adjustments"))[:20]),
    )


def _adjustment(change: object) -> str:
    """``train.batch_size 64 → 10: 64 x 1 is more than the 10 samples``."""
    row = mapping(change)
    if "key" not in row:
        return text(change)
    reason = f": {row['reason']}" if row.get("reason") else ""
    return text(f"{as_text(row['key'])} {as_text(row.get('from'))} → {as_text(row.get('to'))}{reason}")


def _pair(point: object) -> tuple[float, float] | None:
    pair = [number(item) for item in items(point)]
    return (pair[0], pair[1]) if len(pair) == 2 and pair[0] is not None and pair[1] is not None else None


def _numbers(value: object) -> Mapping[str, float]:
    return {text(key, 80): found for key, item in mapping(value).items() if (found := number(item)) is not None}


def _spans(entry: Mapping[str, Any]) -> tuple[Span, ...]:
    """One per job where the history lists `jobs`, else one from the first start to the last end."""
    listed = [_span(job) for job in rows(entry.get("jobs"))] or [_span(entry)]
    return tuple(sorted((span for span in listed if span), key=lambda span: span.start))


def _span(row: Mapping[str, Any]) -> Span | None:
    start, end = number(row.get("started_at")), number(row.get("ended_at"))
    if start is None:
        return None
    return Span(start=start, end=None if end is None else max(start, end), budget=number(row.get("budget")))


def _best(row: Mapping[str, Any]) -> Best | None:
    if not row:
        return None
    return Best(
        rec=text(row.get("rec_id"), 40),
        value=number(row.get("metric_value")),
        objectives=_numbers(row.get("objective_values")),
        tracking=_numbers(row.get("tracking")),
        sem=number(row.get("sem")),
        budget=number(row.get("budget")),
        specs=mapping(row.get("specs")),
        checkpoint=text(row.get("checkpoint")),
        results_path=text(row.get("results_path")),
        spec_path=text(row.get("spec_path")),
    )


def _evaluation(result: Mapping[str, Any], name: str, comparison: str) -> Evaluation:
    return _read_evaluation(result, mapping(result.get(name)), comparison)


def _read_evaluation(result: Mapping[str, Any], row: Mapping[str, Any], comparison: str) -> Evaluation:
    metric, compared = text(row.get("metric_name"), 80), mapping(row.get(comparison))
    same_direction = compared.get("direction") in (None, result.get("direction"))
    return Evaluation(
        rec=text(row.get("rec_id"), 40),
        metric="" if metric == text(result.get("metric"), 80) else metric,
        status=text(row.get("status"), 60) or "not_run",
        value=number(row.get("metric_value")),
        source=text(row.get("source"), 200),
        reason=text(row.get("failure_reason")),
        note=text(row.get("note")),
        record_path=text(row.get("record_path")),
        objectives=_numbers(row.get("objective_values")),
        sem=number(row.get("sem")),
        delta=number(compared.get("delta")) if same_direction else None,
        by_chance=compared.get("within_noise") is True,
    )


def _progress(row: Mapping[str, Any]) -> Progress:
    total = number(row.get("total"))
    return Progress(
        total=None if total is None else int(total),
        elapsed_s=number(row.get("elapsed_s")),
        eta_s=number(row.get("eta_s")),
        gpu_hours=number(row.get("gpu_hours")),
        epochs=number(row.get("trained_units")),
        cost=number(row.get("cost")),
    )


def _failures(trials: tuple[Trial, ...], recorded: Mapping[str, Any]) -> tuple[Failures, ...]:
    counts = Counter({text(cause, 60) or "unknown": count(value) for cause, value in recorded.items()})
    failed = [trial for trial in trials if trial.status == FAILED]
    if not counts:
        counts = Counter(trial.failure_class or "unknown" for trial in failed)
    return tuple(_failure(cause, found, failed) for cause, found in counts.most_common() if found)


def _failure(cause: str, found: int, failed: list[Trial]) -> Failures:
    members = [trial for trial in failed if (trial.failure_class or "unknown") == cause]
    reasons = Counter(trial.failure_reason for trial in members if trial.failure_reason)
    evidence = reasons.most_common(1)[0][0] if reasons else ""
    like = [trial for trial in members if trial.failure_reason == evidence]
    return Failures(
        cause=cause,
        count=found,
        evidence=evidence,
        advice=next((trial.advice for trial in like + members if trial.advice), ""),
        recs=tuple(trial.rec for trial in members),
        log_path=next((trial.log_path for trial in like + members if trial.log_path), ""),
    )


def _parameters(space: list[Mapping[str, Any]], trials: tuple[Trial, ...]) -> tuple[Parameter, ...]:
    """The rows of the space; where none are given, what the trials' own values tell."""
    space = space or _seen(trials)
    names = [text(row.get("name"), 200) for row in space]
    labels = short_names(names)
    return tuple(read_parameter(row, name, labels[name]) for name, row in zip(names, space, strict=True))


def _seen(trials: tuple[Trial, ...]) -> list[Mapping[str, Any]]:
    seen: dict[str, list[Any]] = {}
    for trial in trials:
        for name, value in trial.specs.items():
            known = seen.setdefault(str(name), [])
            if not any(same(value, other) for other in known[:64]):
                known.append(value)
    return [_seen_row(name, values) for name, values in seen.items()]


def _seen_row(name: str, values: list[Any]) -> Mapping[str, Any]:
    finite = [found for value in values if (found := number(value)) is not None]
    if len(finite) < len(values):
        return {"name": name, "type": "choice", "options": values}
    return {"name": name, "type": "float", "low": min(finite), "high": max(finite), "scale": "linear"}


def read_parameter(row: Mapping[str, Any], name: str, label: str) -> Parameter:
    """A row of a search space or of a plan."""
    return Parameter(
        key=str(row.get("name")),
        name=name,
        label=label,
        kind=text(row.get("type"), 20) or "float",
        low=number(row.get("low")),
        high=number(row.get("high")),
        scale=text(row.get("scale"), 20),
        inferred=row.get("scale_inferred") is True,
        options=tuple(items(row.get("options"))),
        default=row.get("default"),
        when=mapping(row.get("when")),
        description=text(row.get("description"), 300),
        elements=tuple(_element(element) for element in rows(row.get("elements"))),
        expression=text(row.get("expression"), 200),
    )


def _element(row: Mapping[str, Any]) -> Parameter:
    """An element of a list. Lists of lists are not searched, so nothing lies deeper."""
    return read_parameter({**row, "elements": None}, text(row.get("name"), 200), "")
