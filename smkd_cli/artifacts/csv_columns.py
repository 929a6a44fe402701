"""Columns of a CSV file with labels: read fast, and every fault named by its row."""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from smkd_cli.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Place = Callable[[int], str]
"""Names a row, counted from 0, the way a user finds it in the file."""

_INTEGER = re.compile(r"\s*[+-]?[0-9]{1,18}\s*", re.ASCII)


@contextmanager
def opened(source: Path | str) -> Iterator[BinaryIO]:
    """The bytes of a file, or of stdin for ``-``, as a stream that can be read twice.

    Raises:
        DataError: there is no such file, or it cannot be read.
    """
    if str(source) == "-":
        yield io.BytesIO(sys.stdin.buffer.read())
        return
    try:
        with Path(source).open("rb") as stream:
            yield stream if stream.seekable() else io.BytesIO(stream.read())
    except OSError as error:
        raise DataError(f"{source}: cannot be read: {error.strerror or error}") from error


def name_of(source: Path | str) -> str:
    """What messages call a source."""
    return "stdin" if str(source) == "-" else str(source)


def next_line(stream: BinaryIO, name: str) -> str:
    """The next line without its end and without a byte-order mark; empty at the end of the file.

    Raises:
        DataError: the line is not UTF-8.
    """
    try:
        return stream.readline().decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{name}: is not a CSV file: it is not UTF-8 text") from error


def next_fields(stream: BinaryIO, name: str) -> list[str]:
    """The fields of the next line; none at the end of the file.

    Raises:
        DataError: the line is not UTF-8, or so long that it cannot be CSV.
    """
    try:
        return next(csv.reader([next_line(stream, name)]), [])
    except csv.Error as error:
        raise DataError(f"{name}: is not a CSV file: {error}") from error


def rows_of(name: str, first_line: int) -> Place:
    """Names the rows of a file whose first row is on line ``first_line``."""
    return lambda row: f"{name}: row {row + 1} (line {first_line + row})"


def read_columns(
    stream: BinaryIO,
    name: str,
    columns: Sequence[str],
    place: Place,
    *,
    labels: Sequence[str] = (),
    texts: Sequence[str] = (),
    counters: Sequence[str] = (),
) -> dict[str, NDArray[Any] | None]:
    """Read some columns of the rows that follow the header line.

    Args:
        stream: seekable, standing at the first row.
        name: names the file in messages.
        columns: the names in the header line, in order.
        place: names a row in messages.
        labels: columns of integers with few different values.
        texts: columns of text.
        counters: columns of integers that are all different.

    Returns:
        Arrays (n,) by name: int64 for integers, object for texts; None for labels that are empty in all rows.

    Raises:
        DataError: a field is not an integer, a row has too many fields, or the file has no rows or is not UTF-8.
    """
    import pandas as pd

    start = stream.tell()
    first = next_fields(stream, name)
    if not first:
        raise DataError(f"{name}: has no rows")
    if len(first) != len(columns):
        raise DataError(f"{place(0)}: has {len(first)} fields, but the header has {len(columns)}")

    def parse(dtypes: dict[str, Any]) -> pd.DataFrame:
        stream.seek(start)
        try:
            # Columns that nobody wants are read all the same: with usecols pandas overlooks rows that are too long.
            return pd.read_csv(
                stream,
                header=None,
                names=list(columns),
                dtype=dict.fromkeys(columns, "object") | dtypes,
                na_filter=False,
                skip_blank_lines=False,
            )
        except pd.errors.ParserError as error:
            line = re.search(r"in line (\d+)", str(error))
            if line:
                raise DataError(
                    f"{place(int(line[1]) - 1)}: has more fields than the header's {len(columns)}"
                ) from error
            raise DataError(f"{name}: is not a CSV file: {str(error).strip()}") from error
        except UnicodeDecodeError as error:
            raise DataError(f"{name}: is not UTF-8 text") from error

    try:
        table = parse(dict.fromkeys(counters, "int64"))
    except (ValueError, OverflowError):
        for counter in counters:
            _refuse_text(parse({})[counter], counter, place)
        raise
    arrays = {name: table[name].to_numpy() for name in (*labels, *texts, *counters)}
    return arrays | {label: _integers(arrays[label], label, place) for label in labels}


def _integers(fields: NDArray[Any], name: str, place: Place) -> NDArray[np.int64] | None:
    """Text (n,) as integers, each different text looked at once; None where all of it is empty.

    Parsing as numbers would be no faster and, in some versions of pandas, take 1e3 or 2.0 for integers.
    """
    import pandas as pd

    codes, values = pd.factorize(fields)
    if list(values) == [""]:
        return None
    wrong = [code for code, value in enumerate(values) if not _INTEGER.fullmatch(value)]
    if wrong:
        row = int(np.isin(codes, wrong).argmax())
        raise DataError(_not_integer(fields[row], name, place(row)))
    return np.array([int(value) for value in values], np.int64)[codes]


def _refuse_text(column: pd.Series[Any], name: str, place: Place) -> None:
    for row, value in enumerate(column):
        if not _INTEGER.fullmatch(value):
            raise DataError(_not_integer(value, name, place(row)))


def _not_integer(value: str, name: str, where: str) -> str:
    return f"{where}: {name} {value!r} is not an integer" if value else f"{where}: {name} is empty"
