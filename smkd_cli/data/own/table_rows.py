"""The columns of a table of images, as texts, whatever kind of file it is: CSV, Parquet or JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smkd_cli.artifacts.csv_columns import Texts, fields_of, read_columns
from smkd_cli.artifacts.csv_rows import Place, Rows
from smkd_cli.artifacts.text_lines import Lines, name_of, opened
from smkd_cli.errors import DataError
from smkd_cli.limits import MAX_CLASSES, MAX_SAMPLES
from smkd_cli.words import plain, quoted

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Of a role, as :class:`~smkd_cli.data.own.options.Columns` names them, the column that holds it.
Roles = Mapping[str, str]
Choose = Callable[[Sequence[str]], Roles]
_SEPARATORS = ",;\t|"
# Columns with few different values; the others, of as many as there are rows.
_FEW = ("label", "clean_label", "split")
# Numbers in order take next to nothing, but paths cannot be compressed for ever.
_MOST_ROWS_A_BYTE = 32


@dataclass(frozen=True, eq=False)
class TableRows:
    """What stands in a table.

    Attributes:
        few: by role, the columns of few different texts.
        many: by role, object (n,) of str, the others.
        place: names a row in messages.
    """

    few: Mapping[str, Texts]
    many: Mapping[str, NDArray[Any]]
    place: Place


def read_rows(path: Path, choose: Choose) -> TableRows:
    """Read those columns of a table that play a role.

    Args:
        choose: the role's columns, given the names of all; raises a DataError where one is missing.

    Raises:
        DataError: the file cannot be read, is no table, or has too many rows; the message names the row.
    """
    name = name_of(path)
    if path.exists() and not path.is_file():
        raise DataError(f"{name}: is no regular file, as a table of images has to be: it is read more than once")
    kind = path.suffix.lower()
    if kind == ".parquet":
        return _of_parquet(path, name, choose)
    with opened(path) as stream:
        is_csv = kind in {".csv", ".tsv"}
        lines = Lines(stream, name, table=is_csv)
        return _of_csv(lines, choose) if is_csv else _of_json(lines, choose)


def _of_csv(lines: Lines, choose: Choose) -> TableRows:
    header = next((line for line in iter(lines.next_line, None) if line.strip()), None)
    if header is None:
        raise DataError(f"{lines.name}: is empty; it needs a line that names its columns, and a row for each image")
    names, separator, roles = _split_header(header, lines.name, choose)
    rows = Rows(lines, len(names), separator, exact=False)
    of = {column: role for role, column in roles.items()}
    few = [column for role, column in roles.items() if role in _FEW]
    texts = [column for role, column in roles.items() if role not in _FEW]
    labels, others = read_columns(
        rows, lines.name, names, separator=separator, labels=few, texts=texts, most=MAX_SAMPLES
    )
    _check_count(len(next(iter(others.values()))), lines.name)
    return TableRows(
        {of[column]: found for column, found in labels.items()},
        {of[column]: array for column, array in others.items()},
        rows.place,
    )


def _split_header(line: str, name: str, choose: Choose) -> tuple[list[str], str, Roles]:
    """The names of the columns by the separator that makes sense of them; a fault is told by that of most fields."""
    faults: list[tuple[int, DataError]] = []
    for separator in _SEPARATORS:
        try:
            names = [field.strip() for field in fields_of(line, name, separator)]
        except DataError as error:
            faults.append((0, error))
            continue
        try:
            return names, separator, choose(names)
        except DataError as error:
            faults.append((len(names), error))
    raise max(faults, key=lambda fault: fault[0])[1]


def _of_json(lines: Lines, choose: Choose) -> TableRows:
    roles: Roles | None = None
    values: dict[str, list[str]] = {}
    numbers: list[int] = []
    for line in iter(lines.next_line, None):
        if not line.strip():
            continue
        place = f"{lines.name}: row {len(numbers) + 1} (line {lines.number})"
        record = _record(line, place)
        if roles is None:
            roles = choose(list(record))
            values = {role: [] for role in roles}
        for role, column in roles.items():
            values[role].append(_text(record.get(column), column, place))
        numbers.append(lines.number)
        _check_count(len(numbers), lines.name)
    if roles is None:
        raise DataError(f"{lines.name}: is empty; it needs a JSON object on a line for each image")
    return _made(values, lines.name, lambda row: f"{lines.name}: row {row + 1} (line {numbers[row]})")


def _record(line: str, place: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{place}: is not JSON: {plain(error)}") from error
    if not isinstance(record, dict):
        raise DataError(f'{place}: is not a JSON object, as {{"image": "a.jpg", "label": "cat"}} is')
    return record


def _text(value: Any, column: str, place: str) -> str:
    """A value as CSV would have it."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DataError(f"{place}: {plain(column)} is neither text nor a number: {quoted(json.dumps(value)[:200])}")
    return str(value)


def _of_parquet(path: Path, name: str, choose: Choose) -> TableRows:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise DataError(f"{name}: Parquet needs pyarrow: pip install 'smkd[parquet]', or use .csv") from error
    try:
        with path.open("rb") as stream, parquet.ParquetFile(stream) as file:
            _check_count(file.metadata.num_rows, name)
            if file.metadata.num_rows > max(10_000_000, _MOST_ROWS_A_BYTE * path.stat().st_size):
                raise DataError(f"{name}: has more rows than a file of its size can hold")
            roles = choose(file.schema_arrow.names)
            values = {}
            for role, column in roles.items():
                texts = file.read(columns=[column]).column(column).cast(pyarrow.string())
                values[role] = texts.fill_null("").to_numpy()
    except DataError:
        raise
    except (OSError, ValueError, LookupError, MemoryError, pyarrow.ArrowException) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else plain(error)
        raise DataError(f"{name}: cannot be read as Parquet: {reason}") from error
    return _made(values, name, lambda row: f"{name}: row {row + 1}")


def _made(values: Mapping[str, Any], name: str, place: Place) -> TableRows:
    import numpy as np
    import pandas as pd

    few, many = {}, {}
    for role, texts in values.items():
        array = np.empty(len(texts), object)
        array[:] = texts
        if not len(array):
            raise DataError(f"{name}: has no rows")
        if role not in _FEW:
            many[role] = array
            continue
        codes, different = pd.factorize(array)
        if len(different) > MAX_CLASSES:
            raise DataError(f"{name}: its column of the {role} holds more than {MAX_CLASSES:,} different values")
        few[role] = Texts(role, codes.astype(np.int32), list(different))
    return TableRows(few, many, place)


def _check_count(count: int, name: str) -> None:
    if count > MAX_SAMPLES:
        raise DataError(f"{name}: has more than the {MAX_SAMPLES:,} rows that are read")
