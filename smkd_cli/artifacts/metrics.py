"""``metrics.csv`` of a run directory, read."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from smkd_cli.errors import DataError
from smkd_cli.words import shortened

# What columns were called in files of earlier versions.
EARLIER = {f"precision_{way}": f"right_{way}" for way in ("a_to_b", "b_to_a")}
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
    """The named columns of ``metrics.csv``, a tuple per epoch; an empty field is NaN, every other value finite.

    Raises:
        DataError: the file is missing or damaged (cut in a row, epochs that are not 1, 2, 3 …), or lacks a column.
    """
    path = run_directory / "metrics.csv"
    number = 1
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            lines = iter(lambda: stream.readline(_LONGEST_ROW), "")
            header = _fields(next(lines, "\n"))
            columns = tuple(EARLIER.get(name, name) if name not in header else name for name in columns)
            if missing := [column for column in ("epoch", *columns) if column not in header]:
                raise ValueError(f"there is no column {missing[0]!r}")
            rows = []
            for number, line in enumerate(lines, start=2):
                values = _row(line, header)
                if values["epoch"] != str(number - 1):
                    raise ValueError(f"it is not the row of epoch {number - 1}")
                rows.append(tuple(_number(column, values[column]) for column in columns))
            return rows
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, csv.Error) as error:
        raise DataError(f"{path}: line {number}: {error}; train the cell again") from error


def _fields(line: str) -> list[str]:
    if not line.endswith("\n"):
        raise ValueError("it has no end, so the row was torn")
    return next(csv.reader([line], strict=True), [])


def _row(line: str, header: Sequence[str]) -> dict[str, str]:
    fields = _fields(line)
    if len(fields) != len(header):
        raise ValueError(f"it has {len(fields)} fields, but the header has {len(header)}")
    return dict(zip(header, fields, strict=True))


def _number(column: str, text: str) -> float:
    value = float(text or "nan")
    if text and not abs(value) < _LARGEST:
        raise ValueError(f"{column} is {shortened(text)}")
    return value
