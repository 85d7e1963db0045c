"""Which trial held which slot when, as far as the history tells."""

from dataclasses import dataclass

from tao_automl.report.shapes import Report

_SLACK = 0.5  # seconds by which clocks of platforms and runner may disagree


@dataclass(frozen=True, slots=True)
class Bar:
    """Seconds since the first start; `open` tells that the trial still holds its slot."""

    trial: int
    start: float
    end: float
    slot: int
    open: bool
    budget: float | None


def first_start(report: Report) -> float | None:
    """When the first trial started, in seconds since the epoch."""
    return min((span.start for trial in report.trials for span in trial.spans), default=None)


def bars(report: Report) -> list[Bar]:
    """Every span in the lowest slot that is free at its start, in order of start."""
    begin = first_start(report)
    if begin is None:
        return []
    now = latest(report)
    spans = [(span, trial.index) for trial in report.trials for span in trial.spans]
    free: list[float] = []
    found = []
    for span, index in sorted(spans, key=lambda pair: (pair[0].start, pair[1])):
        end = now if span.end is None else span.end
        slot = next((k for k, until in enumerate(free) if until <= span.start + _SLACK), len(free))
        free[slot : slot + 1] = [end]
        found.append(Bar(index, span.start - begin, end - begin, slot, span.end is None, span.budget))
    return found


def latest(report: Report) -> float:
    """The last moment that the history tells of, in seconds since the epoch; while trials run, the run's "now"."""
    times = [time for trial in report.trials for span in trial.spans for time in (span.start, span.end or span.start)]
    running = (first_start(report) or 0.0) + (report.progress.elapsed_s or 0.0) if report.counts.get("running") else 0.0
    return max(*times, running, 0.0)


def epochs_until(report: Report) -> dict[int, float]:
    """Trial index -> epochs that had been trained in all when it ended; trials without an end come last."""
    total, found = 0.0, {}
    for trial in sorted(report.trials, key=lambda t: (t.end is None, t.end or 0.0, t.index)):
        trained = max((epoch for epoch, _ in trial.curve), default=0.0)
        total += trained or ((trial.budget or 0.0) if trial.scored else 0.0)
        found[trial.index] = total
    return found
