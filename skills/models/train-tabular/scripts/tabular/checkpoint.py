"""The checkpoint file: one line of magic, one line of JSON that says everything but the weights, and the estimator.

The estimator is a pickle that is read with an allow-list: nothing is looked up but the scikit-learn and numpy names
below, so a foreign file cannot run code by naming it. The JSON line holds the pickle's length and SHA-256, so a cut or
altered file is refused before it is read. See "Restricting Globals" in the documentation of Python's pickle.
"""

import hashlib
import io
import json
import os
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tabular.faults import UserFault
from tabular.features import Features
from tabular.scoring import Metrics
from tabular.target import Target

_MAGIC = b"train-tabular checkpoint 1\n"
_LOSSES = (
    "CyHalfBinomialLoss CyHalfMultinomialLoss CyHalfSquaredError "
    "__pyx_unpickle_CyHalfBinomialLoss __pyx_unpickle_CyHalfMultinomialLoss __pyx_unpickle_CyHalfSquaredError"
)
_ALLOWED = {
    "builtins": "slice",
    "functools": "partial",
    "numpy": "dtype float64 ndarray",
    "numpy._core.multiarray": "scalar _reconstruct",
    "numpy._core.numeric": "_frombuffer",
    "numpy.random._mt19937": "MT19937",
    "numpy.random._pcg64": "PCG64",
    "numpy.random._pickle": "__bit_generator_ctor __generator_ctor __randomstate_ctor",
    "numpy.random.bit_generator": "SeedSequence __pyx_unpickle_SeedSequence",
    "_loss": _LOSSES,  # where scikit-learn 1.7 has what later versions have in sklearn._loss._loss
    "sklearn._loss._loss": _LOSSES,
    "sklearn._loss.link": "IdentityLink Interval LogitLink MultinomialLogit",
    "sklearn._loss.loss": "HalfBinomialLoss HalfMultinomialLoss HalfSquaredError",
    "sklearn.compose._column_transformer": "ColumnTransformer",
    "sklearn.ensemble._forest": "ExtraTreesClassifier ExtraTreesRegressor RandomForestClassifier RandomForestRegressor",
    "sklearn.ensemble._hist_gradient_boosting.binning": "_BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting": "HistGradientBoostingClassifier "
    "HistGradientBoostingRegressor",
    "sklearn.ensemble._hist_gradient_boosting.predictor": "TreePredictor",
    "sklearn.linear_model._logistic": "LogisticRegression",
    "sklearn.linear_model._ridge": "Ridge",
    "sklearn.neural_network._multilayer_perceptron": "MLPClassifier MLPRegressor",
    "sklearn.neural_network._stochastic_optimizers": "AdamOptimizer",
    "sklearn.preprocessing._encoders": "OrdinalEncoder",
    "sklearn.preprocessing._function_transformer": "FunctionTransformer",
    "sklearn.preprocessing._label": "LabelBinarizer LabelEncoder",
    "sklearn.tree._classes": "DecisionTreeClassifier DecisionTreeRegressor ExtraTreeClassifier ExtraTreeRegressor",
    "sklearn.tree._tree": "Tree",
    "sklearn.utils.validation": "check_array",
}


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A model after `epoch` epochs, with all that is needed to go on, to predict and to describe it."""

    epoch: int
    configuration: dict[str, Any]
    """The settings that decide the outcome, by dotted name; a resumed run must have the same."""
    data_sha256: str
    rows: dict[str, int]
    features: Features
    target: Target
    metrics: Metrics
    estimator: Any

    @property
    def kind(self) -> str:
        return str(self.configuration["model.kind"])


def versions() -> dict[str, str]:
    """What wrote the file. Estimators of another scikit-learn minor version are not guaranteed to load."""
    import numpy
    import sklearn

    return {"numpy": numpy.__version__, "scikit-learn": sklearn.__version__}


def save(path: Path, trained: Trained) -> None:
    """Write atomically and durably: at `path` there is nothing, the former file, or all of this one."""
    payload = pickle.dumps(trained.estimator, protocol=5)
    header = {
        **{name: getattr(trained, name) for name in ("epoch", "configuration", "data_sha256", "rows", "metrics")},
        "features": trained.features.to_json(),
        "target": trained.target.to_json(),
        "versions": versions(),
        "bytes": len(payload),
        "sha256": hashlib.sha256(payload).hexdigest(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.parent / f".writing-{path.name}"
    with part.open("wb") as file:
        file.writelines([_MAGIC, json.dumps(header).encode(), b"\n", payload])
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def load(path: Path, role: str) -> Trained:
    """Read a checkpoint; raises UserFault, beginning with `role`, for a file that is not one or does not fit."""
    header, payload = _parts(path, role)
    _check_version(header["versions"]["scikit-learn"], path, role)
    return Trained(
        epoch=header["epoch"],
        configuration=header["configuration"],
        data_sha256=header["data_sha256"],
        rows=header["rows"],
        features=Features.from_json(header["features"]),
        target=Target.from_json(header["target"]),
        metrics=header["metrics"],
        estimator=_unpickle(payload, path, role),
    )


def _parts(path: Path, role: str) -> tuple[dict[str, Any], bytes]:
    """Header and pickle, once length and digest agree."""
    if not path.is_file():
        raise UserFault(
            f"{role}: no such file: {path}", "a training writes checkpoints/epoch_<N>.ckpt below results_dir"
        )
    with path.open("rb") as file:
        if file.readline(len(_MAGIC)) != _MAGIC:
            raise UserFault(f"{role}: is not a checkpoint of train-tabular: {path}")
        line, payload = file.readline(), file.read()
    try:
        header = json.loads(line)
        intact = header["bytes"] == len(payload) and header["sha256"] == hashlib.sha256(payload).hexdigest()
    except (ValueError, KeyError):
        intact = False
    if not intact:
        raise UserFault(f"{role}: the checkpoint is damaged: {path}", "its length or SHA-256 is not what was written")
    return header, payload


def _check_version(written: str, path: Path, role: str) -> None:
    import sklearn

    if written.split(".")[:2] != sklearn.__version__.split(".")[:2]:
        message = f"{role}: written with scikit-learn {written}, this is {sklearn.__version__}: {path}"
        raise UserFault(message, f"pip install scikit-learn=={written}")


class _AllowListUnpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str) -> Any:
        if global_name not in _ALLOWED.get(module_name, "").split():
            raise pickle.UnpicklingError(f"{module_name}.{global_name} is not allowed in a checkpoint")
        return super().find_class(module_name, global_name)


def _unpickle(payload: bytes, path: Path, role: str) -> Any:
    try:
        return _AllowListUnpickler(io.BytesIO(payload)).load()
    except pickle.UnpicklingError as error:
        raise UserFault(
            f"{role}: refused to load {path}: {error}", "load only checkpoints of your own trainings"
        ) from None
