"""The estimators, and what one epoch means for each of them.

An epoch depends only on the estimator's state, the data, the settings and the epoch's number, so a run resumed from
its state goes on bit for bit. `train.num_epochs` itself is never used: the first epochs of a long run are a short run.
"""

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tabular.faults import Diverged

Floats = NDArray[np.float64]
Estimator: TypeAlias = Any
_FOREST_FEATURES: Mapping[str, str | float] = {"log2": "log2", "sqrt": "sqrt", "third": 1 / 3, "half": 0.5, "all": 1.0}


@dataclass(frozen=True, kw_only=True)
class Setup:
    """One configuration of one estimator. `classes` is 0 for regression; `settings` holds the active `model.*` keys."""

    kind: str
    classes: int
    settings: Mapping[str, Any]
    seed: int
    threads: int
    categorical: list[bool]

    def __getitem__(self, name: str) -> Any:
        return self.settings[f"model.{name}"]


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What an estimator is fitted to; `y` holds class codes or scaled quantities."""

    x: Floats
    y: Floats
    weights: Floats | None


def thread_count(asked: int | None) -> int:
    """As asked, else OMP_NUM_THREADS, else every core this process may use."""
    limit = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return asked or (int(limit) if limit.isdigit() and int(limit) else allowed)


@contextmanager
def limited_threads(asked: int | None) -> Iterator[None]:
    """Keep BLAS and OpenMP within `asked` threads; None leaves them to the environment."""
    import sklearn  # noqa: F401  # only a library that is loaded can be limited
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

    with threadpool_limits(limits=asked):
        yield


def balanced_weights(codes: Floats, classes: int) -> Floats:
    """Weights with mean 1 that give every class the same total."""
    counts = np.bincount(codes.astype(np.int64), minlength=classes)
    return np.asarray(codes.size / (classes * counts[codes.astype(np.int64)]), dtype=np.float64)


def new_estimator(setup: Setup) -> Estimator:
    """An estimator without any training. Imports only the scikit-learn module that holds it."""
    match setup.kind:
        case "hist_gradient_boosting":
            return _new_boosting(setup)
        case "random_forest" | "extra_trees":
            return _new_forest(setup)
        case "mlp":
            return _new_mlp(setup)
        case _:
            return _new_linear(setup)


def _new_boosting(setup: Setup) -> Estimator:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    make = HistGradientBoostingClassifier if setup.classes else HistGradientBoostingRegressor
    return make(
        learning_rate=setup["boosting.learning_rate"],
        max_leaf_nodes=setup["boosting.max_leaf_nodes"],
        max_depth=setup["boosting.max_depth"],
        min_samples_leaf=setup["boosting.min_samples_leaf"],
        l2_regularization=setup["boosting.l2_regularization"],
        max_features=setup["boosting.max_features"],
        categorical_features=np.array(setup.categorical) if any(setup.categorical) else None,
        early_stopping=False,
        warm_start=True,
        random_state=setup.seed,
    )


def _new_forest(setup: Setup) -> Estimator:
    from sklearn import ensemble

    settings: dict[str, Any] = {
        "max_features": _FOREST_FEATURES[setup["forest.max_features"]],
        "min_samples_leaf": setup["forest.min_samples_leaf"],
        "max_depth": setup["forest.max_depth"],
        "warm_start": True,
        "random_state": setup.seed,
    }
    if setup.kind == "extra_trees":
        return (ensemble.ExtraTreesClassifier if setup.classes else ensemble.ExtraTreesRegressor)(**settings)
    fraction = setup["forest.sample_fraction"]
    settings["max_samples"] = fraction if fraction < 1 else None
    return (ensemble.RandomForestClassifier if setup.classes else ensemble.RandomForestRegressor)(**settings)


def _new_mlp(setup: Setup) -> Estimator:
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    return (MLPClassifier if setup.classes else MLPRegressor)(
        hidden_layer_sizes=(setup["mlp.hidden_width"],) * setup["mlp.hidden_layers"],
        activation=setup["mlp.activation"],
        learning_rate_init=setup["mlp.learning_rate"],
        alpha=setup["mlp.alpha"],
        batch_size=setup["mlp.batch_size"],
        shuffle=False,  # `_advance_mlp` shuffles, by an address and not by a state
        random_state=setup.seed,
    )


def _new_linear(setup: Setup) -> Estimator:
    from sklearn.linear_model import LogisticRegression, Ridge

    if setup.classes:
        return LogisticRegression(C=setup["linear.c"], max_iter=setup["linear.iterations_per_epoch"], warm_start=True)
    return Ridge(alpha=1 / setup["linear.c"], solver="lsqr", tol=1e-10)


def advance(estimator: Estimator, setup: Setup, rows: Rows, epoch: int) -> None:
    """Train `estimator`, which has had `epoch - 1` epochs, for one more. Raises Diverged."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings(), np.errstate(over="ignore", invalid="ignore"):
        warnings.simplefilter("ignore", ConvergenceWarning)  # not converged is the normal state between epochs
        match setup.kind:
            case "hist_gradient_boosting":
                _grow(estimator, rows, max_iter=setup["boosting.iterations_per_epoch"] * epoch)
            case "random_forest" | "extra_trees":
                total = setup["forest.trees_per_epoch"] * epoch
                _grow(estimator, rows, n_estimators=total, n_jobs=setup.threads)
            case "mlp":
                _advance_mlp(estimator, setup, rows, epoch)
            case _:
                _advance_linear(estimator, setup, rows, epoch)


def _grow(estimator: Estimator, rows: Rows, **size: int) -> None:
    """Add what is missing to reach `size`; what is there stays (warm start)."""
    estimator.set_params(**size)
    estimator.fit(rows.x, rows.y, sample_weight=rows.weights)


def _advance_mlp(estimator: Estimator, setup: Setup, rows: Rows, epoch: int) -> None:
    known: dict[str, Any] = {"classes": np.arange(setup.classes)} if setup.classes else {}
    estimator.set_params(batch_size=min(setup["mlp.batch_size"], len(rows.y)))
    for number in range(setup["mlp.passes_per_epoch"]):
        order = np.random.default_rng((setup.seed, epoch, number)).permutation(len(rows.y))
        weights = None if rows.weights is None else rows.weights[order]
        try:
            estimator.partial_fit(rows.x[order], rows.y[order], sample_weight=weights, **known)
        except ValueError as error:
            if "non-finite" in str(error):
                raise Diverged(epoch) from None
            raise


def _advance_linear(estimator: Estimator, setup: Setup, rows: Rows, epoch: int) -> None:
    """Logistic regression goes on from its weights; ridge solves anew with more iterations (LSQR keeps no state)."""
    if not setup.classes:
        estimator.set_params(max_iter=setup["linear.iterations_per_epoch"] * epoch)
    estimator.fit(rows.x, rows.y, sample_weight=rows.weights)


def outputs(estimator: Estimator, x: Floats) -> Floats:
    """Class probabilities (rows by classes), or quantities (rows), in the estimator's unit.

    On one thread: threads would add up a forest's trees in the order in which they happen to finish.
    """
    if hasattr(estimator, "estimators_"):
        estimator.set_params(n_jobs=1)
    predict = estimator.predict_proba if hasattr(estimator, "predict_proba") else estimator.predict
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(predict(x), dtype=np.float64)
