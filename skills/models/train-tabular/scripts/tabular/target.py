"""The column to predict: whether it holds classes or a quantity, and its numbers."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabular.faults import UserFault
from tabular.tables import listed

Floats = NDArray[np.float64]
MOST_CLASSES_OF_NUMBERS = 20
"""A target of whole numbers with more distinct values than this is a quantity."""
_LARGEST = 1e100  # squared errors of larger targets could overflow
CLASSIFICATION, REGRESSION = "classification", "regression"


def text_of(value: object) -> str:
    """One spelling per category, whether a file gave it as 3, 3.0 or "3"."""
    if isinstance(value, float | np.floating) and math.isfinite(value) and float(value).is_integer():
        return str(int(value))
    return str(value)


def texts(column: pd.Series) -> NDArray[np.object_]:
    """The column's values as categories; missing ones are None."""
    codes, distinct = pd.factorize(column)
    spelled = np.array([text_of(value) for value in distinct] + [None], dtype=object)
    return spelled[codes]


def decide_task(column: pd.Series, asked: str) -> tuple[str, str]:
    """The task and the reason for it. `column` has no missing values."""
    distinct = int(column.nunique())
    if asked != "auto":
        return asked, "as set by dataset.task"
    if pd.api.types.is_bool_dtype(column) or not pd.api.types.is_numeric_dtype(column):
        return CLASSIFICATION, f"the target holds {distinct} distinct labels"
    values = column.to_numpy(dtype=np.float64)
    if not np.array_equal(values, np.round(values)):
        return REGRESSION, "the target holds numbers with fractions"
    if distinct <= MOST_CLASSES_OF_NUMBERS:
        return CLASSIFICATION, f"the target holds {distinct} distinct whole numbers"
    return REGRESSION, f"the target holds {distinct} distinct whole numbers, more than {MOST_CLASSES_OF_NUMBERS}"


def check_target(column: pd.Series, role: str) -> None:
    """Raises UserFault for missing, infinite and absurdly large targets."""
    missing = int(column.isna().sum())
    if missing:
        hint = 'remove these rows; in a CSV "NA", "None", "null" and "nan" mean missing: no class can be named so'
        raise UserFault(f"{role}: {missing} of {len(column)} rows have no target in column {column.name!r}", hint)
    if pd.api.types.is_numeric_dtype(column):
        endless = int((np.abs(column.to_numpy(dtype=np.float64)) > _LARGEST).sum())
        if endless:
            message = f"{role}: {endless} targets in column {column.name!r} are infinite or beyond {_LARGEST:g}"
            raise UserFault(message, "remove these rows, or scale the target")


@dataclass(frozen=True, kw_only=True)
class Target:
    """How targets become numbers and back: class codes 0..K-1, or (value - center) / scale."""

    name: str
    task: str
    classes: tuple[str, ...] = ()
    spelled: bool = False
    """The classes were text in the training table: read them as text everywhere (01 is not 1)."""
    center: float = 0.0
    scale: float = 1.0

    @property
    def is_classification(self) -> bool:
        return self.task == CLASSIFICATION

    def encode(self, column: pd.Series, role: str) -> Floats:
        """Class codes, or values in the target's own unit. Raises UserFault for what training has not seen."""
        check_target(column, role)
        return self._codes(column, role) if self.is_classification else quantities(column, role)

    def _codes(self, column: pd.Series, role: str) -> Floats:
        codes = pd.Index(self.classes).get_indexer(pd.Index(texts(column)))
        if (codes < 0).any():
            strange = listed(map(repr, dict.fromkeys(texts(column)[codes < 0])))
            raise UserFault(
                f"{role}: classes without a training row: {strange}", f"known classes: {listed(self.classes)}"
            )
        return codes.astype(np.float64)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(state: dict[str, Any]) -> "Target":
        return Target(**{**state, "classes": tuple(state["classes"])})


def quantities(column: pd.Series, role: str) -> Floats:
    """The column as numbers; raises UserFault with the first value that is none."""
    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        example = column.iloc[int(wrong[0])]
        message = f"{role}: regression needs numbers in column {column.name!r}, got {text_of(example)!r}"
        raise UserFault(message, "set dataset.task: classification if the column holds labels")
    return values


def fit_target(column: pd.Series, task: str, role: str) -> Target:
    """The target of a training column. Raises UserFault if there is nothing to learn: one class, one value."""
    if column.nunique() < 2:
        only = text_of(column.iloc[0])
        raise UserFault(
            f"{role}: every row has the same target {only!r} in column {column.name!r}", "check dataset.target"
        )
    if task == REGRESSION:
        quantities(column, role)
        return Target(name=str(column.name), task=task)
    spelled = not pd.api.types.is_numeric_dtype(column)
    distinct = sorted(pd.unique(column), key=str if spelled else None)
    return Target(name=str(column.name), task=task, classes=tuple(map(text_of, distinct)), spelled=spelled)
