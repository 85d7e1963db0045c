"""From columns to a matrix of numbers. What is learnt from the training rows is plain data, saved as JSON.

One text column becomes codes (most frequent value = 0) or 0/1 columns; values that are rare or were never seen share
one code, or are all zeros. Missing text is a category of its own if training had any.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabular.faults import UserFault
from tabular.target import text_of, texts

Floats = NDArray[np.float64]
_RANK_POINTS = 101
_LARGEST = 1e30  # forests compute in single precision, and variances must not overflow
_UNIFORM_HALF_WIDTH = 3**0.5  # a uniform variable on (-√3, √3) has variance 1, like a standardised one


@dataclass(frozen=True, kw_only=True)
class FeatureSettings:
    """Preprocessing choices, already resolved for one estimator family."""

    impute: str
    """"native" leaves missing numbers as NaN; else "median" or "mean"."""
    indicator: bool
    scale: str
    onehot: bool
    max_categories: int


@dataclass(frozen=True, kw_only=True)
class NumericColumn:
    name: str
    fill: float | None
    indicator: bool
    center: float
    scale: float
    ranks: tuple[float, ...]
    """Quantiles of the training values for rank scaling; empty for any other scaling."""

    @property
    def outputs(self) -> list[str]:
        return [self.name, f"{self.name} is missing"] if self.indicator else [self.name]

    def transform(self, column: pd.Series) -> list[Floats]:
        values = numbers(column)
        missing = np.isnan(values)
        if self.fill is not None:
            values = np.where(missing, self.fill, values)
        scaled = self._rank(values) if self.ranks else (values - self.center) / self.scale
        return [scaled, missing.astype(np.float64)] if self.indicator else [scaled]

    def _rank(self, values: Floats) -> Floats:
        """Rank in (-√3, √3); the mean of both one-sided ranks, so that a frequent value sits mid-step."""
        points, grid = np.array(self.ranks), np.linspace(-_UNIFORM_HALF_WIDTH, _UNIFORM_HALF_WIDTH, _RANK_POINTS)
        upper, lower = np.interp(values, points, grid), -np.interp(-values, -points[::-1], -grid[::-1])
        return np.asarray((upper + lower) / 2, dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class CategoryColumn:
    name: str
    values: tuple[str, ...]
    missing: bool
    onehot: bool

    @property
    def outputs(self) -> list[str]:
        if not self.onehot:
            return [self.name]
        return [f"{self.name}={value}" for value in self.values] + ([f"{self.name} is missing"] if self.missing else [])

    def transform(self, column: pd.Series) -> list[Floats]:
        codes = self._codes(column)
        if not self.onehot:
            return [codes.astype(np.float64)]
        kept = [*range(len(self.values)), *([len(self.values) + 1] if self.missing else [])]
        return [(codes == code).astype(np.float64) for code in kept]

    def _codes(self, column: pd.Series) -> NDArray[np.int64]:
        """Index of the value; len(values) for a rare or unknown one, one more for a missing one."""
        count = len(self.values)
        codes = pd.Index(self.values, dtype=object).get_indexer(pd.Index(texts(column), dtype=object))
        codes = np.where(codes < 0, count, codes)
        return np.where(column.isna(), count + 1 if self.missing else count, codes).astype(np.int64)


Column: TypeAlias = NumericColumn | CategoryColumn


def is_number_like(column: pd.Series) -> bool:
    kinds = pd.api.types
    return kinds.is_numeric_dtype(column) or kinds.is_datetime64_any_dtype(column) or kinds.is_timedelta64_dtype(column)


def numbers(column: pd.Series) -> Floats:
    """The column as floats; within ±1e30; times in days since 1970, infinities missing. Raises UserFault for text."""
    if not is_number_like(column):
        return _parsed(column)
    if pd.api.types.is_datetime64_any_dtype(column):
        naive = pd.to_datetime(column, utc=True).dt.tz_localize(None)
        return _days(naive - pd.Timestamp(0))
    if pd.api.types.is_timedelta64_dtype(column):
        return _days(column)
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.isfinite(values), values.clip(-_LARGEST, _LARGEST), np.nan)


def _days(spans: pd.Series) -> Floats:
    return np.asarray(spans.dt.total_seconds() / 86_400, dtype=np.float64)


def _parsed(column: pd.Series) -> Floats:
    values = pd.to_numeric(column, errors="coerce")
    wrong = column[values.isna() & column.notna()]
    if len(wrong):
        message = f"column {column.name!r} held numbers in the training table, here it holds {text_of(wrong.iloc[0])!r}"
        raise UserFault(message, "make both tables agree on the kind of this column")
    return numbers(values)


@dataclass(frozen=True, kw_only=True)
class Features:
    """The fitted columns, in the order of the training table."""

    columns: tuple[Column, ...]

    @property
    def inputs(self) -> list[str]:
        return [column.name for column in self.columns]

    @property
    def text_inputs(self) -> list[str]:
        return [column.name for column in self.columns if isinstance(column, CategoryColumn)]

    @property
    def outputs(self) -> list[str]:
        return [name for column in self.columns for name in column.outputs]

    @property
    def categorical(self) -> list[bool]:
        """For each column of the matrix, whether it holds category codes."""
        return [isinstance(c, CategoryColumn) and not c.onehot for c in self.columns for _ in c.outputs]

    def transform(self, table: pd.DataFrame) -> Floats:
        """The matrix, rows by outputs, C order."""
        return np.column_stack([part for column in self.columns for part in column.transform(table[column.name])])

    def to_json(self) -> list[dict[str, Any]]:
        kinds = {NumericColumn: "number", CategoryColumn: "category"}
        return [{"kind": kinds[type(column)], **asdict(column)} for column in self.columns]

    @staticmethod
    def from_json(state: Iterable[dict[str, Any]]) -> "Features":
        return Features(columns=tuple(map(_column_from_json, state)))


def _column_from_json(state: dict[str, Any]) -> Column:
    fields: dict[str, Any] = {
        name: tuple(v) if isinstance(v, list) else v for name, v in state.items() if name != "kind"
    }
    return NumericColumn(**fields) if state["kind"] == "number" else CategoryColumn(**fields)


def fit_features(table: pd.DataFrame, categorical: Iterable[str], settings: FeatureSettings) -> Features:
    """Learn every column of `table` from its rows; those in `categorical` are categories whatever they look like."""
    forced = set(categorical)
    return Features(
        columns=tuple(
            _fit_number(table[name], settings)
            if is_number_like(table[name]) and name not in forced
            else _fit_category(table[name], settings)
            for name in table.columns
        )
    )


def _fit_number(column: pd.Series, settings: FeatureSettings) -> NumericColumn:
    values = numbers(column)
    known = values[~np.isnan(values)]
    native = settings.impute == "native" and known.size > 0  # boosting cannot bin a column without a single value
    known = known if known.size else np.zeros(1)
    middle = np.mean(known) if settings.impute == "mean" else np.median(known)
    center, scale = _center_and_scale(known, settings.scale)
    ranks = np.quantile(known, np.linspace(0, 1, _RANK_POINTS)).tolist() if settings.scale == "quantile" else []
    return NumericColumn(
        name=str(column.name),
        fill=None if native else float(middle),
        indicator=settings.indicator and bool(np.isnan(values).any()),
        center=center,
        scale=scale,
        ranks=tuple(ranks),
    )


def _center_and_scale(known: Floats, scaling: str) -> tuple[float, float]:
    """A constant column keeps scale 1."""
    if scaling == "standard":
        center, scale = float(known.mean()), float(known.std())
    elif scaling == "minmax":
        center, scale = float(known.min()), float(known.max() - known.min())
    else:
        return 0.0, 1.0
    return center, scale if scale > 1e-12 * max(1.0, abs(center)) else 1.0


def _fit_category(column: pd.Series, settings: FeatureSettings) -> CategoryColumn:
    spelled = pd.Series(texts(column), dtype=object)
    counts = spelled.value_counts()
    ranked = sorted(counts.index, key=lambda value: (-int(counts[value]), value))
    return CategoryColumn(
        name=str(column.name),
        values=tuple(ranked[: settings.max_categories]),
        missing=bool(spelled.isna().any()),
        onehot=settings.onehot,
    )
