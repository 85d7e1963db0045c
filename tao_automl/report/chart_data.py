"""What the charts of the page draw, as compact JSON. Positions in `trials` are the history's."""

from collections.abc import Mapping
from typing import Any

from tao_automl.report.importance import Importance, ordered_parameters
from tao_automl.report.shapes import Parameter, Report, Trial
from tao_automl.report.timeline import Bar, bars, epochs_until, first_start
from tao_automl.report.values import number, same
from tao_automl.report.wording import condition_text, spec_value

MOST = 2_000  # trials on the page
POINTS = 40_000  # of all learning curves together
_REASON = 240


def shown_trials(report: Report) -> list[Trial]:
    """All trials, or of very many the best and some of the others, in the order of the history."""
    if len(report.trials) <= MOST:
        return list(report.trials)
    best = [trial.index for trial in report.ranked()[: MOST * 3 // 4]]
    taken = set(best)
    others = [trial.index for trial in report.trials if trial.index not in taken]
    step = -(-len(others) // (MOST - len(best)))
    return [report.trials[k] for k in sorted((*best, *others[::step]))]


def chart_data(report: Report, importance: Importance, shown: list[Trial]) -> dict[str, Any]:
    """Strings in it are cleaned, numbers finite. The script knows a trial by its place in `shown`."""
    options = [_options(parameter, report.trials) for parameter in report.searched]
    rungs = sorted({trial.budget for trial in shown if trial.budget is not None})
    begin, until = first_start(report), epochs_until(report)
    keep = max(8, POINTS // max(1, len(shown)))
    place = {trial.index: k for k, trial in enumerate(shown)}
    return {
        "metric": report.metric,
        "maximize": report.maximize,
        "unit": report.unit or "unit",
        "total": len(report.trials),
        "best": next((k for k, trial in enumerate(shown) if report.is_best(trial)), None),
        "bestValue": report.best.value if report.best else None,
        "rungs": rungs[:64],
        "order": [report.searched.index(parameter) for parameter in ordered_parameters(report, importance)],
        "params": [_parameter(p, o) for p, o in zip(report.searched, options, strict=True)],
        "trials": [
            _trial(trial, report.searched, options)
            | {"c": _thinned(trial.curve, set(rungs), keep), "x": _places(trial, begin, until)}
            for trial in shown
        ],
        "bars": [_bar(bar, place[bar.trial]) for bar in bars(report) if bar.trial in place],
    }


def _bar(bar: Bar, place: int) -> list[float | None]:
    return [place, _round(bar.start), _round(bar.end), bar.slot, int(bar.open), bar.budget]


def _options(parameter: Parameter, trials: tuple[Trial, ...]) -> list[Any]:
    """The declared options, or for a parameter that is no number the values that were tried."""
    if parameter.numeric:
        return []
    found = list(parameter.options)
    for trial in trials if not found else ():
        value = trial.specs.get(parameter.key)
        if parameter.key in trial.specs and len(found) < 32 and not any(same(value, other) for other in found):
            found.append(value)
    return found


def _parameter(parameter: Parameter, options: list[Any]) -> dict[str, Any]:
    return {
        "n": parameter.name,
        "l": parameter.label,
        "s": parameter.scale or "linear",
        "int": parameter.kind == "int",
        "lo": parameter.low,
        "hi": parameter.high,
        "o": [spec_value(option) for option in options] if not parameter.numeric else None,
        "d": _value(parameter, options, {parameter.key: parameter.default}),
        "w": condition_text(parameter),
    }


def _value(parameter: Parameter, options: list[Any], specs: Mapping[str, Any]) -> float | int | None:
    """A number, or the place of an option; None where the parameter is not active or its value no member."""
    if parameter.key not in specs:
        return None
    value = specs[parameter.key]
    if parameter.numeric:
        found = number(value)
        return value if found is not None and isinstance(value, int) else found
    return next((k for k, option in enumerate(options) if same(option, value)), None)


def _trial(trial: Trial, parameters: tuple[Parameter, ...], options: list[list[Any]]) -> dict[str, Any]:
    texts = {
        "f": trial.failure_class,
        "w": trial.failure_reason[:_REASON],
        "a": trial.advice[:_REASON],
        "log": trial.log_path,
        "job": trial.job_id,
        "p": trial.parent,
        "o": int(trial.origin == "default"),
        "adj": list(trial.adjustments),
    }
    return {
        "r": trial.rec,
        "s": trial.status,
        "m": trial.value,
        "b": trial.budget,
        "v": [_value(p, o, trial.specs) for p, o in zip(parameters, options, strict=True)],
    } | {key: value for key, value in texts.items() if value}


def _places(trial: Trial, begin: float | None, until: Mapping[int, float]) -> list[float | None]:
    """Along the three axes of the progress chart: number, seconds, epochs."""
    seconds = None if begin is None or trial.end is None else _round(trial.end - begin)
    return [trial.index, seconds, until[trial.index]]


def _thinned(curve: tuple[tuple[float, float], ...], rungs: set[float], keep: int) -> list[float]:
    """``[epoch, value, epoch, value, …]`` with at most about `keep` points: the ends, rungs, and every n-th."""
    step = -(-len(curve) // keep) or 1
    last = len(curve) - 1
    kept = [point for k, point in enumerate(curve) if k in (0, last) or k % step == 0 or point[0] in rungs]
    return [float(f"{item:.6g}") for point in kept for item in point]


def _round(seconds: float) -> float:
    return round(seconds, 2)
