"""What is reported about predictions. A metric that is undefined or not finite is None."""

import json
import math
import warnings
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Metrics = dict[str, float | None]


def score(is_classification: bool, truth: Floats, predicted: Floats) -> Metrics:
    """Metrics of class codes against probabilities (rows by classes), or of quantities against quantities."""
    measures = _class_measures(truth, predicted) if is_classification else _quantity_measures(truth, predicted)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # scikit-learn warns of classes that this table lacks; undefined is None here
        return {name: _finite(measure) for name, measure in measures.items()}


def loss_name(is_classification: bool) -> str:
    """The metric that tells whether training has diverged."""
    return "log_loss" if is_classification else "rmse"


def _finite(measure: Callable[[], float]) -> float | None:
    try:
        value = float(measure())
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _class_measures(truth: Floats, predicted: Floats) -> Mapping[str, Callable[[], float]]:
    from sklearn import metrics

    codes = np.arange(predicted.shape[1])
    guessed = predicted.argmax(axis=1)
    return {
        "accuracy": lambda: metrics.accuracy_score(truth, guessed),
        "balanced_accuracy": lambda: metrics.balanced_accuracy_score(truth, guessed),
        "f1_macro": lambda: metrics.f1_score(truth, guessed, labels=codes, average="macro", zero_division=0.0),
        "roc_auc": lambda: _roc_auc(truth, predicted),
        "log_loss": lambda: metrics.log_loss(truth, predicted, labels=codes),
    }


def _roc_auc(truth: Floats, predicted: Floats) -> float:
    """One against the rest, mean over classes; undefined unless every class occurs."""
    from sklearn.metrics import roc_auc_score

    if np.unique(truth).size < predicted.shape[1]:
        return math.nan
    scores = predicted[:, 1] if predicted.shape[1] == 2 else predicted
    return float(roc_auc_score(truth, scores, multi_class="ovr"))


def _quantity_measures(truth: Floats, predicted: Floats) -> Mapping[str, Callable[[], float]]:
    from sklearn import metrics

    return {
        "rmse": lambda: metrics.root_mean_squared_error(truth, predicted),
        "mae": lambda: metrics.mean_absolute_error(truth, predicted),
        "r2": lambda: metrics.r2_score(truth, predicted),
    }


def emit(epoch: int, metrics: Metrics) -> None:
    """One metric line, read by the runner; `epoch` counts completed epochs from 1."""
    print(json.dumps({"tao_automl": "metric", "epoch": epoch, "metrics": metrics}, allow_nan=False), flush=True)
