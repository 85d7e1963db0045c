"""What the charts of the page draw, as compact JSON. Positions in `trials` are the history's."""

from collections.abc import Mapping
from typing import Any

from tao_automl.report.importance import Importance
from tao_automl.report.reading import Parameter, Report, Trial
from tao_automl.report.timeline import bars, epochs_until, first_start
from tao_automl.report.values import number, same
from tao_automl.report.wording import condition_text, spec_value

POINTS = 40_000  # of all learning curves together
_REASON = 240


def chart_data(report: Report, importance: Importance) -> dict[str, Any]:
    """Strings in it are cleaned, numbers finite."""
    shares = dict(importance.shares)
    order = sorted(range(len(report.searched)), key=lambda k: -shares.get(report.searched[k].key, 0.0))
    options = [_options(parameter, report.trials) for parameter in report.searched]
    rungs = sorted({trial.budget for trial in report.trials if trial.budget is not None})
    begin, until = first_start(report), epochs_until(report)
    keep = max(8, POINTS // max(1, len(report.trials)))
    return {
        "metric": report.metric,
        "maximize": report.maximize,
        "best": next((trial.index for trial in report.trials if report.is_best(trial)), None),
        "bestValue": report.best.value if report.best else None,
        "rungs": rungs[:64],
        "order": order,
        "params": [_parameter(p, o) for p, o in zip(report.searched, options, strict=True)],
        "trials": [
            _trial(trial, report.searched, options)
            | {"c": _thinned(trial.curve, set(rungs), keep), "x": _places(trial, begin, until)}
            for trial in report.trials
        ],
        "bars": [[b.trial, _round(b.start), _round(b.end), b.slot, int(b.open), b.budget] for b in bars(report)],
    }


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
    return [float(f"{number:.6g}") for point in kept for number in point]


def _round(seconds: float) -> float:
    return round(seconds, 2)
