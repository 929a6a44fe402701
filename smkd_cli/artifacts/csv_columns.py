"""Columns of a CSV file with labels: read fast, in bounded memory, and every fault named by its row."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from smkd_cli.artifacts.csv_rows import Place, Rows
from smkd_cli.errors import DataError
from smkd_cli.limits import MAX_CLASSES
from smkd_cli.words import plain, quoted

if TYPE_CHECKING:
    import pandas as pd

MOST_COLUMNS = 256
# At a time; what is parsed then stays in the cache, and a wide file in memory.
_FIELDS = 1 << 17

_INTEGER = re.compile(r"\s*[+-]?[0-9]{1,18}\s*", re.ASCII)


@dataclass(frozen=True, eq=False)
class Texts:
    """A column of few different texts: row i holds ``values[codes[i]]``."""

    name: str
    codes: NDArray[np.int32]
    values: list[str]

    def first_row(self, *values: int) -> int:
        """The first row that holds one of these values, which are given by their codes."""
        return int(np.isin(self.codes, values).argmax())


def fields_of(line: str, name: str, separator: str = ",") -> list[str]:
    """The fields of one line.

    Raises:
        DataError: a quote is opened in it and not closed.
    """
    try:
        return next(csv.reader([line], delimiter=separator, strict=True), [])
    except csv.Error as error:
        raise DataError(
            f"{name}: is not a CSV file: its line {quoted(line)} has a wrong quote: {plain(error)}"
        ) from error


def read_columns(
    rows: Rows,
    name: str,
    columns: Sequence[str],
    *,
    separator: str = ",",
    labels: Sequence[str] = (),
    texts: Sequence[str] = (),
    counters: Sequence[str] = (),
    most: int | None = None,
) -> tuple[dict[str, Texts], dict[str, NDArray[Any]]]:
    """Read some columns of the rows that follow the header line.

    Args:
        rows: the rows, with as many fields as there are ``columns``.
        name: names the file in messages.
        columns: the names in the header line, in order; those that are read stand there once.
        separator: one ASCII character.
        labels: columns with few different values.
        texts: columns of text.
        counters: columns of integers that are all different.
        most: rows after this many need not be read.

    Returns:
        The label columns, and arrays (n,) of the others, int64 for counters and object for texts, each by its name.

    Raises:
        DataError: a counter is not an integer, a label column has more than ``MAX_CLASSES`` different values, a row is
            broken, or the file has no rows or too many columns.
    """
    if len(columns) > MOST_COLUMNS:
        raise DataError(
            f"{name}: has {len(columns):,} columns, and at most {MOST_COLUMNS} are read; leave out the others"
        )
    order = list(columns)
    wanted = {order.index(column): column for column in (*labels, *texts, *counters)}
    known: dict[str, dict[str, int]] = {column: {} for column in labels}
    parts: dict[str, list[NDArray[Any]]] = {column: [] for column in wanted.values()}
    count = 0
    for chunk in _chunks(rows, name, len(order), separator, {order.index(counter): counter for counter in counters}):
        for number, column in wanted.items():
            array = chunk[number].to_numpy()
            parts[column].append(_codes(array, known[column], column, name) if column in known else array)
        count += len(chunk)
        if most is not None and count > most:
            break
    if not count:
        raise DataError(f"{name}: has no rows")
    joined = {column: np.concatenate(arrays) for column, arrays in parts.items()}
    found = {column: Texts(column, joined.pop(column), list(known[column])) for column in labels}
    return found, joined


def integers(column: Texts, place: Place) -> NDArray[np.int64] | None:
    """A label column as integers (n,), each different text looked at once; None where all of it is empty.

    Parsing as numbers would be no faster and, in some versions of pandas, take 1e3 or 2.0 for integers.

    Raises:
        DataError: a text is not an integer; the message names its row.
    """
    if column.values == [""]:
        return None
    wrong = [code for code, value in enumerate(column.values) if not _INTEGER.fullmatch(value)]
    if wrong:
        row = column.first_row(*wrong)
        raise DataError(not_integer(column.values[column.codes[row]], column.name, place(row)))
    return np.array([int(value) for value in column.values], np.int64)[column.codes]


def not_integer(value: str, name: str, where: str) -> str:
    """The message about a field that should be an integer."""
    if not value:
        return f"{where}: {plain(name)} is empty"
    large = " of at most 18 digits" if value.strip().isdecimal() and value.isascii() else ""
    return f"{where}: {plain(name)} {quoted(value)} is not an integer{large}"


def _chunks(rows: Rows, name: str, columns: int, separator: str, counters: dict[int, str]) -> Iterator[pd.DataFrame]:
    """Some rows at a time, all fields as text but for the counters."""
    import pandas as pd

    def parse(texts: Iterable[int]) -> Iterator[pd.DataFrame]:
        with pd.read_csv(
            rows,  # type: ignore[call-overload]
            header=None,
            names=range(columns),
            sep=separator,
            dtype=dict.fromkeys(texts, "object"),
            na_filter=False,
            skip_blank_lines=False,
            low_memory=False,  # chunks of its own within ours cost a third more time
            chunksize=max(1, _FIELDS // columns),
        ) as reader:
            yield from reader

    try:
        for chunk in parse(number for number in range(columns) if number not in counters):
            # With an integer dtype, pandas would take 1.0 for one, and infinity with a warning.
            if len(chunk) and any(chunk[number].dtype != np.int64 for number in counters):
                break
            yield chunk
        else:
            return
    except pd.errors.EmptyDataError:
        return
    rows.rewind()
    first = 0
    for chunk in parse(range(columns)):
        for number, counter in counters.items():
            _refuse_text(chunk[number], counter, first, rows.place)
        first += len(chunk)
    raise DataError(f"{name}: the column {', '.join(counters.values())} does not hold integers")


def _codes(fields: NDArray[Any], known: dict[str, int], column: str, name: str) -> NDArray[np.int32]:
    """Text (n,) as numbers of the different texts, new ones of which are added to ``known``."""
    import pandas as pd

    codes, values = pd.factorize(fields)
    numbers = np.array([known.setdefault(value, len(known)) for value in values], np.int32)
    if len(known) > MAX_CLASSES:
        raise DataError(
            f"{name}: column {plain(column)} holds more than {MAX_CLASSES:,} different values, so it names no classes"
        )
    return numbers[codes]


def _refuse_text(column: pd.Series[Any], name: str, first: int, place: Place) -> None:
    for row, value in enumerate(column, first):
        if not _INTEGER.fullmatch(value):
            raise DataError(not_integer(value, name, place(row)))
