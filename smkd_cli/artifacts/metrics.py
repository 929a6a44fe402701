"""``metrics.csv`` of a run directory, read."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from smkd_cli.artifacts.foreign import pointer_in
from smkd_cli.errors import DataError
from smkd_cli.words import plain, shown

# What columns were called in files of earlier versions.
EARLIER = {f"precision_{way}": f"right_{way}" for way in ("a_to_b", "b_to_a")}
# A row of ours is some hundred bytes, and one that a disk has filled with zeros may be as long as the file.
_LONGEST_ROW = 1 << 16
# A recipe has up to a million epochs, and a method may train in a second stage.
_MOST_ROWS = 2_000_000
# Sums and squares of such numbers are numbers too.
_LARGEST = 1e100
# float takes more, such as 1_000.
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?(e[-+]?[0-9]+)?")


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
    with _opened(run_directory) as rows:
        columns = tuple(EARLIER.get(name, name) if name not in rows.header else name for name in columns)
        rows.require(*columns)
        return [tuple(_number(column, values[column]) for column in columns) for values in rows]


def read_table(run_directory: Path) -> dict[str, list[Any]]:
    """All columns of ``metrics.csv`` as this version calls them, each with a value per epoch: the epoch an integer,
    the stage a text, every other a number, which is finite or, where the field is empty, NaN.

    Raises:
        DataError: the file is missing or damaged.
    """
    with _opened(run_directory) as rows:
        read: dict[str, Callable[[str], Any]] = {name: partial(_number, name) for name in rows.header}
        read |= {"epoch": int, "stage": str}
        table: dict[str, list[Any]] = {name: [] for name in rows.header}
        for values in rows:
            for name, text in values.items():
                table[name].append(read[name](text))
    now = {earlier: name for name, earlier in EARLIER.items()}
    return {now.get(name, name): column for name, column in table.items()}


class _Rows:
    """The rows of the file; what is wrong in one is a ValueError, and ``number`` is that of its line."""

    def __init__(self, stream: TextIO) -> None:
        self.number = 1
        self._lines = iter(lambda: stream.readline(_LONGEST_ROW), "")
        first = next(self._lines, "\n")
        if what := pointer_in(first.encode()):
            raise DataError(what)
        self.header = _fields(first)
        if len(set(self.header)) < len(self.header):
            raise ValueError("it names a column twice")
        self.require("epoch")

    def require(self, *columns: str) -> None:
        if missing := [column for column in columns if column not in self.header]:
            raise ValueError(f"there is no column {missing[0]!r:.80}")

    def __iter__(self) -> Iterator[dict[str, str]]:
        for line in self._lines:
            self.number += 1
            values = _row(line, self.header)
            if values["epoch"] != str(self.number - 1):
                raise ValueError(f"it is not the row of epoch {self.number - 1}")
            if self.number - 1 > _MOST_ROWS:
                raise ValueError("no training has so many epochs")
            yield values


@contextmanager
def _opened(run_directory: Path) -> Iterator[_Rows]:
    path = run_directory / "metrics.csv"
    rows = None
    try:
        if path.exists() and not path.is_file():
            raise DataError(f"{path}: cannot be read: it is no regular file")
        with path.open(encoding="utf-8", newline="") as stream:
            rows = _Rows(stream)
            yield rows
    except DataError as error:
        raise DataError(f"{shown(path)}: {error}") from error
    except OSError as error:
        raise DataError(f"{shown(path)}: cannot be read: {error.strerror or error}") from error
    except (ValueError, csv.Error) as error:
        number = 1 if rows is None else rows.number
        raise DataError(f"{shown(path)}: line {number}: {error}; train the cell again") from error


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
    if not text:
        return float("nan")
    if not _NUMBER.fullmatch(text) or abs(value := float(text)) >= _LARGEST:
        raise ValueError(f"{plain(column)} is {plain(text)}")
    return value
