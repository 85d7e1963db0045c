"""Predictions of a trained model for a table."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabular.checkpoint import Trained
from tabular.faults import UserFault
from tabular.learners import Estimator, outputs
from tabular.tables import read_table, require_columns
from tabular.target import Target, texts

Floats = NDArray[np.float64]


def predict_matrix(estimator: Estimator, target: Target, x: Floats) -> Floats:
    """Probabilities (rows by classes), or quantities in the target's own unit."""
    raw = outputs(estimator, x)
    return raw if target.is_classification else np.asarray(raw * target.scale + target.center, dtype=np.float64)


def read_for(trained: Trained, path: Path, role: str, extra: str | None, extra_as_text: bool = True) -> pd.DataFrame:
    """A table with the model's input columns and the column `extra`, read as the training table was."""
    others = [extra] if extra else []
    table = read_table(path, role, trained.features.text_inputs + (others if extra_as_text else []))
    require_columns(table, [*others, *trained.features.inputs], role)
    return table


def predict_table(trained: Trained, table: pd.DataFrame, role: str) -> Floats:
    """As predict_matrix, for a table from `read_for`."""
    try:
        x = trained.features.transform(table)
    except UserFault as fault:
        raise UserFault(f"{role}: {fault.message}", fault.hint) from None
    return predict_matrix(trained.estimator, trained.target, x)


def predictions(trained: Trained, predicted: Floats, table: pd.DataFrame, id_column: str | None) -> pd.DataFrame:
    """One row per row of `table`: the id, the prediction and, for classes, every class's probability."""
    ids = {id_column: texts(table[id_column])} if id_column else {}
    if not trained.target.is_classification:
        return pd.DataFrame({**ids, "prediction": predicted})
    classes = np.array(trained.target.classes, dtype=object)
    probabilities = {f"probability_{name}": predicted[:, code] for code, name in enumerate(classes)}
    return pd.DataFrame({**ids, "prediction": classes[predicted.argmax(axis=1)], **probabilities})
