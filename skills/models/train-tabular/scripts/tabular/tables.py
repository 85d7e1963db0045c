"""Reading a table from a file, and everything that can be wrong with the file itself."""

import gzip
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from tabular.faults import UserFault, nearest

_SEPARATORS = {".csv": ",", ".tsv": "\t", ".csv.gz": ",", ".tsv.gz": "\t"}
_OTHER_SEPARATORS = ",;\t|"
_SHOWN = 12


def read_table(path: Path, role: str, text_columns: Collection[str] = ()) -> pd.DataFrame:
    """The table at `path` with unique column names and at least one row.

    `role` (a spec key) opens every message. `text_columns` are kept as they are spelled (007 stays 007) instead of
    being read as numbers. Raises UserFault for whatever is wrong with the file.
    """
    if not path.is_file():
        fault = "is a folder, not a file" if path.is_dir() else "no such file"
        raise UserFault(f"{role}: {fault}: {path}", _tables_near(path))
    if path.stat().st_size == 0:
        raise UserFault(f"{role}: the file is empty: {path}", "the first row must hold the column names")
    if path.suffix.lower() in (".parquet", ".pq"):
        table = _read_parquet(path, role)
    else:
        table = _read_text(path, role, text_columns)
    if table.empty:
        raise UserFault(f"{role}: the table has column names but no rows: {path}")
    return table


def require_columns(table: pd.DataFrame, needed: Iterable[str], role: str) -> None:
    """Raises UserFault for the first missing column, with the nearest name and what the table has."""
    columns = list(map(str, table.columns))
    for name in needed:
        if name not in columns:
            hint = f"the columns are: {listed(columns)}"
            raise UserFault(f"{role}: no column {name!r}{nearest(name, columns)}", hint)


def listed(names: Iterable[str]) -> str:
    """The first names, and how many more there are."""
    every = [str(name) for name in names]
    more = len(every) - _SHOWN
    return ", ".join(every[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _tables_near(path: Path) -> str:
    folder = path if path.is_dir() else path.parent
    if not folder.is_dir():
        return f"there is no folder {folder}"
    found = sorted(p.name for p in folder.iterdir() if p.suffix.lower() in (".csv", ".tsv", ".parquet", ".pq", ".gz"))
    return f"tables in {folder}: {listed(found)}" if found else f"there is no table in {folder}"


def _read_text(path: Path, role: str, text_columns: Collection[str]) -> pd.DataFrame:
    endings = [ending for ending in _SEPARATORS if path.name.lower().endswith(ending)]
    if not endings:
        known = ", ".join([*_SEPARATORS, ".parquet"])
        raise UserFault(f"{role}: unknown kind of file: {path}", f"the name must end in one of {known}")
    separator = _SEPARATORS[endings[-1]]

    def read(**options: Any) -> pd.DataFrame:
        table: pd.DataFrame = pd.read_csv(path, sep=separator, encoding="utf-8-sig", low_memory=False, **options)
        return table

    header = _explained(lambda: read(header=None, nrows=1, dtype=str, keep_default_na=False), path, role)
    names = [str(name) for name in header.iloc[0]]
    _check_names(names, path, role)
    if len(names) == 1 and any(mark in names[0] for mark in _OTHER_SEPARATORS):
        raise UserFault(f"{role}: cells are not separated by {separator!r}: {path}: the first row is {names[0]!r}")
    # The names are given and the header skipped, or pandas would rename what it finds odd (a second "x", an empty one).
    as_text: Mapping[str, type[str]] = {name: str for name in text_columns if name in names}
    return _explained(lambda: read(header=0, names=names, dtype=as_text, index_col=False), path, role)


def _read_parquet(path: Path, role: str) -> pd.DataFrame:
    try:
        import pyarrow.parquet as parquet  # type: ignore[import-untyped]  # ships no types
    except ImportError:
        raise UserFault(f"{role}: pyarrow is needed to read {path}", "pip install pyarrow, or save as CSV") from None
    try:
        content = parquet.read_table(path)
    except (ValueError, OSError) as error:
        raise UserFault(f"{role}: is not a readable Parquet file: {path}: {error}") from None
    _check_names(content.column_names, path, role)
    nested = [field.name for field in content.schema if field.type.num_fields]
    if nested:
        message = f"{role}: columns that hold lists or records: {listed(map(repr, nested))}: {path}"
        raise UserFault(message, "flatten them, or drop them from the file")
    table: pd.DataFrame = content.to_pandas(ignore_metadata=True)
    return table


def _check_names(names: list[str], path: Path, role: str) -> None:
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        message = f"{role}: repeated column names: {listed(map(repr, repeated))}: {path}"
        raise UserFault(message, "give each column its own name")


def _explained(read: Callable[[], pd.DataFrame], path: Path, role: str) -> pd.DataFrame:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows longer than the header would lose cells
            return read()
    except UnicodeError:
        raise UserFault(f"{role}: is not UTF-8 text: {path}", "save it again as UTF-8") from None
    except pd.errors.EmptyDataError:
        raise UserFault(f"{role}: the file is empty: {path}", "the first row must hold the column names") from None
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise UserFault(f"{role}: is not a readable table: {path}: {error}") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserFault(f"{role}: is not a readable gzip file: {path}: {error}") from None
    except OSError as error:
        raise UserFault(f"{role}: cannot be read: {path}: {error.strerror}") from None
