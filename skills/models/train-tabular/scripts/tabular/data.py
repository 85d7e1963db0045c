"""The training data of a spec: read, checked, split into training and validation rows, and turned into matrices."""

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabular.faults import UserFault
from tabular.features import Features, FeatureSettings, fit_features, is_number_like, numbers
from tabular.spec import Spec
from tabular.split import quantile_strata, split_rows
from tabular.tables import listed, read_table, require_columns
from tabular.target import Target, check_target, decide_task, fit_target, texts

Floats = NDArray[np.float64]
TREE_KINDS = ("hist_gradient_boosting", "random_forest", "extra_trees")
_TRAIN, _VALIDATION = "dataset.train_path", "dataset.val_path"
_INDEX_NAMES = ("Unnamed:", "__index_level_")


@dataclass(frozen=True, kw_only=True)
class TrainingTables:
    """Checked tables. `feature_names` are columns of both; `reason` says why the task is what it is."""

    train: pd.DataFrame
    validation: pd.DataFrame
    target: Target
    reason: str
    feature_names: list[str]
    nameless: list[str]


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """Matrices of training and validation rows. Targets are class codes, or values in the target's own unit."""

    x_train: Floats
    y_train: Floats
    x_validation: Floats
    y_validation: Floats
    features: Features
    target: Target

    def sha256(self) -> str:
        """Equal for two runs exactly if every number they would train and validate on is equal."""
        digest = hashlib.sha256()
        for part in (self.x_train, self.y_train, self.x_validation, self.y_validation):
            digest.update(repr(part.shape).encode())
            digest.update(np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()


def load_tables(spec: Spec) -> TrainingTables:
    """Raises UserFault, naming the spec key to change, for anything that would make training fail or mean nothing."""
    table = read_table(spec.required_path(_TRAIN), _TRAIN, spec.names("dataset.categorical_columns"))
    name = spec.text("dataset.target")
    require_columns(table, [name], "dataset.target")
    check_target(table[name], _TRAIN)
    task, reason = decide_task(table[name], spec.text("dataset.task"))
    target = fit_target(table[name], task, _TRAIN)
    feature_names, nameless = _choose_features(table, spec)
    train, validation = _separate(table, target, spec, feature_names)
    return TrainingTables(
        train=train,
        validation=validation,
        target=target,
        reason=reason,
        feature_names=feature_names,
        nameless=nameless,
    )


def _choose_features(table: pd.DataFrame, spec: Spec) -> tuple[list[str], list[str]]:
    """Feature columns, and columns without a name (a row index that some program saved): those are left out."""
    target, row_id = spec.text("dataset.target"), spec.optional("dataset.id_column")
    ignored = spec.names("dataset.ignore_columns")
    require_columns(table, ignored, "dataset.ignore_columns")
    require_columns(table, spec.names("dataset.categorical_columns"), "dataset.categorical_columns")
    require_columns(table, [row_id] if row_id else [], "dataset.id_column")
    if target in (*ignored, row_id):
        raise UserFault(f"dataset.target: {target!r} is also the id column or an ignored one", "a target must be read")
    rest = [name for name in map(str, table.columns) if name not in (target, row_id, *ignored)]
    nameless = [name for name in rest if not name.strip() or name.startswith(_INDEX_NAMES)]
    chosen = [name for name in rest if name not in nameless]
    if not chosen:
        raise UserFault(
            f"{_TRAIN}: no feature columns are left beside the target {target!r}", "check dataset.ignore_columns"
        )
    empty = [name for name in chosen if table[name].isna().all()]
    if empty:
        hint = "fill them, or list them in dataset.ignore_columns"
        raise UserFault(f"{_TRAIN}: columns without a single value: {listed(map(repr, empty))}", hint)
    return chosen, nameless


def _separate(
    table: pd.DataFrame, target: Target, spec: Spec, feature_names: list[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    path = spec.path(_VALIDATION)
    if path is None:
        return _split(table, target, spec)
    text_columns = [name for name in feature_names if not is_number_like(table[name])]
    text_columns += [target.name] if target.spelled else []
    validation = read_table(path, _VALIDATION, text_columns)
    require_columns(validation, [target.name, *feature_names], _VALIDATION)
    target.encode(validation[target.name], _VALIDATION)
    for name in feature_names:
        if is_number_like(table[name]):
            _check_numbers(validation[name])
    return table, validation


def _check_numbers(column: pd.Series) -> None:
    try:
        numbers(column)
    except UserFault as fault:
        raise UserFault(f"{_VALIDATION}: {fault.message}", fault.hint) from None


def _split(table: pd.DataFrame, target: Target, spec: Spec) -> tuple[pd.DataFrame, pd.DataFrame]:
    column = table[target.name]
    values = target.encode(column, _TRAIN)
    if target.is_classification:
        _check_class_sizes(column)
    strata = values.astype(np.int64) if target.is_classification else quantile_strata(values)
    train, validation = split_rows(
        strata, spec.number("dataset.validation_fraction"), spec.integer("dataset.split_seed")
    )
    return table.iloc[train], table.iloc[validation]


def _check_class_sizes(column: pd.Series) -> None:
    counts = pd.Series(texts(column)).value_counts()
    single = [str(name) for name, count in counts.items() if count < 2]
    if single:
        message = f"{_TRAIN}: classes with one row only, in column {column.name!r}: {listed(map(repr, sorted(single)))}"
        hint = "a class needs 2 rows to be in training and validation: add rows, drop it, or give dataset.val_path"
        raise UserFault(message, hint if column.nunique() <= len(column) / 2 else "is it a quantity? set dataset.task")


def feature_settings(spec: Spec) -> FeatureSettings:
    """The preprocessing that the spec's estimator family gets."""
    most = spec.integer("preprocess.max_categories")
    if spec.text("model.kind") in TREE_KINDS:
        onehot = spec.text("preprocess.tree_encoding") == "onehot"
        impute = spec.text("preprocess.tree_missing")
        return FeatureSettings(impute=impute, indicator=False, scale="none", onehot=onehot, max_categories=most)
    return FeatureSettings(
        impute=spec.text("preprocess.dense_impute"),
        indicator=spec.flag("preprocess.missing_indicator"),
        scale=spec.text("preprocess.scale"),
        onehot=True,
        max_categories=most,
    )


def build_matrices(tables: TrainingTables, spec: Spec) -> TrainingData:
    """Learn the preprocessing from the training rows alone, and apply it to both parts."""
    names, target = tables.feature_names, tables.target
    features = fit_features(tables.train[names], spec.names("dataset.categorical_columns"), feature_settings(spec))
    return TrainingData(
        x_train=features.transform(tables.train),
        y_train=target.encode(tables.train[target.name], _TRAIN),
        x_validation=features.transform(tables.validation),
        y_validation=target.encode(tables.validation[target.name], _VALIDATION),
        features=features,
        target=target,
    )


def suspicions(tables: TrainingTables) -> list[str]:
    """Things that are legal and often a mistake, one sentence each, for the launch review."""
    found = [f"column {name!r} has no name, looks like a saved row index: ignored" for name in tables.nameless]
    for name in tables.feature_names:
        found += _column_suspicions(tables.train[name])
    return found


def _column_suspicions(column: pd.Series) -> list[str]:
    name, rows = repr(column.name), len(column)
    distinct, missing = int(column.nunique()), int(column.isna().sum())
    found = []
    if missing > rows / 2:
        found.append(f"column {name} is missing in {missing} of {rows} training rows")
    if distinct <= 1:
        found.append(f"column {name} has the same value in every training row")
    elif is_number_like(column):
        found += _number_suspicions(column, distinct)
    elif distinct > 20 and distinct > 0.9 * (rows - missing):
        found.append(
            f"column {name} has {distinct} distinct texts in {rows} rows; an identifier? "
            "list it in dataset.ignore_columns"
        )
    elif pd.to_numeric(column, errors="coerce").notna().sum() > (rows - missing) / 2:
        found.append(f"column {name} is read as text though most of its values are numbers")
    return found


def _number_suspicions(column: pd.Series, distinct: int) -> list[str]:
    values = numbers(column)
    infinite = int(np.isnan(values).sum() - column.isna().sum())
    found = [f"column {column.name!r} holds {infinite} infinite values: taken as missing"] if infinite else []
    counted = (
        distinct == len(column) > 20 and bool(np.all(np.diff(values) > 0)) and bool(np.all(values == np.round(values)))
    )
    if counted:
        found.append(f"column {column.name!r} counts the rows; an identifier? list it in dataset.ignore_columns")
    return found
