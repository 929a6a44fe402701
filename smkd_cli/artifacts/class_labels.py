"""From what stands in a column of labels to class numbers: numbers as they are, names in their order."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from smkd_cli.artifacts.csv_columns import Texts, not_integer
from smkd_cli.artifacts.csv_rows import Place
from smkd_cli.errors import DataError, UsageError
from smkd_cli.limits import MAX_CLASSES
from smkd_cli.words import plain, quoted

# A column of integers that once had a gap is written as 3.0 by pandas.
_INTEGER = re.compile(r"\s*([+-]?[0-9]{1,18})(\.0*)?\s*", re.ASCII)
# What was meant as a number, even where it is no class number: 3.5, 1e3, 1,000, 10 %.
_NUMBER = re.compile(r"[+-]?(\d[\d.,'_\s]*(e[+-]?\d+)?%?|\.\d+|inf(inity)?)", re.IGNORECASE)
_INVISIBLE = re.compile("[\\s\u200b\u200c\u200d\u2060\ufeff\u00ad]+")
_MISSING = frozenset(("", "nan", "NaN", "-nan", "NA", "N/A", "n/a", "#N/A", "#NA", "<NA>", "null", "NULL", "None"))

Numbers = NDArray[np.int64]


def class_numbers(columns: Sequence[Texts], place: Place) -> tuple[list[Numbers], list[str] | None]:
    """Labels as class numbers.

    Args:
        columns: of one file, all with the same classes.
        place: names a row of the file in messages.

    Returns:
        Integers (n,) of each column, not yet checked for negative values, and the names of the
        classes, sorted, by number; None where the labels are numbers.

    Raises:
        DataError: a label is missing, is a number but no integer, or there are numbers and names; the message names
            the row.
        UsageError: a number is too large for a class.
    """
    for column in columns:
        _refuse_missing(column, place)
    if any(_is_number(value) for column in columns for value in column.values):
        return [_numbers(column, place) for column in columns], None
    names = sorted({value.strip() for column in columns for value in column.values})
    if len(names) > MAX_CLASSES:
        raise UsageError(f"{len(names):,} classes are too many (at most {MAX_CLASSES:,}): choose with --column")
    number = {name: place for place, name in enumerate(names)}
    return [
        np.array([number[value.strip()] for value in column.values], np.int64)[column.codes] for column in columns
    ], names


def _is_number(value: str) -> bool:
    return _NUMBER.fullmatch(_INVISIBLE.sub("", value)) is not None


def _numbers(column: Texts, place: Place) -> Numbers:
    """A column in which some value is a number, so that all must be."""
    found = [_INTEGER.fullmatch(value) for value in column.values]
    if wrong := [code for code, match in enumerate(found) if not match]:
        row = column.first_row(*wrong)
        value = column.values[column.codes[row]]
        other = "" if _is_number(value) else "; classes must all be numbers or all be names"
        raise DataError(not_integer(value, column.name, place(row)) + other)
    values = np.array([int(match[1]) for match in found if match], np.int64)
    if values.max() >= MAX_CLASSES:
        row, most = column.first_row(int(values.argmax())), int(values.max())
        raise UsageError(
            f"{place(row)}: {plain(column.name)} {most} is no class: {most + 1} classes are too many (at most"
            f" {MAX_CLASSES}); choose the column that holds class numbers from 0 on with --column"
        )
    return values[column.codes]


def _refuse_missing(column: Texts, place: Place) -> None:
    missing = [code for code, value in enumerate(column.values) if value.strip() in _MISSING]
    if not missing:
        return
    row, count = column.first_row(*missing), int(np.isin(column.codes, missing).sum())
    value = column.values[column.codes[row]].strip()
    what = f"is missing ({quoted(value)})" if value else "is empty"
    more = f", and so in {count - 1:,} more rows" if count > 1 else ""
    raise DataError(f"{place(row)}: {plain(column.name)} {what}{more}: remove such rows, or write their labels")
