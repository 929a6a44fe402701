"""``metrics.csv`` of a run directory, read."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from smkd_cli.errors import DataError
from smkd_cli.words import shortened

# A row of ours is some hundred bytes, and one that a disk has filled with zeros may be as long as the file.
_LONGEST_ROW = 1 << 16
# Sums and squares of such numbers are numbers too.
_LARGEST = 1e100


def has_metrics(run_directory: Path) -> bool:
    """Whether there are metrics to read."""
    try:
        return (run_directory / "metrics.csv").is_file()
    except OSError:  # a name longer than the system allows
        return False


def read_metrics(run_directory: Path, *columns: str) -> list[tuple[float, ...]]:
    """The named columns of ``metrics.csv``, a tuple per epoch; an empty field is NaN, and every other value is finite.

    Raises:
        DataError: the file is missing or damaged (cut in a row, epochs that are not 1, 2, 3 …), or lacks a column.
    """
    path = run_directory / "metrics.csv"
    number = 1
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            lines = iter(lambda: stream.readline(_LONGEST_ROW), "")
            header = next(csv.reader([next(lines, "")]), [])
            if missing := [column for column in ("epoch", *columns) if column not in header]:
                raise DataError(f"{path}: there is no column {missing[0]!r}; train the cell again")
            rows = []
            for number, line in enumerate(lines, start=2):
                values = _row(line, header)
                if float(values["epoch"]) != number - 1:
                    raise ValueError(f"is of epoch {shortened(values['epoch'])!r} instead of {number - 1}")
                rows.append(tuple(_number(values[column]) for column in columns))
            return rows
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, csv.Error) as error:
        raise DataError(f"{path}: line {number}: {error}; train the cell again") from error


def _row(line: str, header: Iterable[str]) -> dict[str, str]:
    if not line.endswith("\n"):
        raise ValueError("is cut")
    try:
        return dict(zip(header, next(csv.reader([line]), []), strict=True))
    except ValueError as error:
        raise ValueError("has another number of fields than the header") from error


def _number(text: str) -> float:
    value = float(text or "nan")
    if text and not abs(value) < _LARGEST:
        raise ValueError(f"{shortened(text)} is no number that is measured here")
    return value
