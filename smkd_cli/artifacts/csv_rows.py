"""Rows of a CSV file, made even before anything parses them: each has the header's fields and stands on one line."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from smkd_cli.artifacts.text_lines import Lines
from smkd_cli.errors import DataError
from smkd_cli.words import plain

Place = Callable[[int], str]
"""Names a row, counted from 0, the way a user finds it in the file."""

_MOST_BLANK = 1 << 24


class Rows:
    """The rest of a file as rows, for a parser that calls :meth:`read`.

    Blank lines are left out. A row may lack fields at its end, which are empty then; further fields are a fault, but
    for empty ones where the rows need not be ``exact``. A field on two lines is a fault always.

    Args:
        lines: stands at the first row.
        columns: number of fields in the header.
        separator: one ASCII character.
        exact: whether separators at the end of a row are a fault.
        blank: whether a row of nothing but separators is a blank line, as spreadsheets write it.
    """

    def __init__(
        self, lines: Lines, columns: int, separator: str = ",", *, exact: bool = True, blank: bool = True
    ) -> None:
        self._lines, self._columns, self._separator, self._exact = lines, columns, separator, exact
        self._start = lines.tell()
        self._row = (separator * (columns - 1) + "\n").encode()
        self._not_structure = bytes(byte for byte in range(256) if byte not in f'{separator}\n"'.encode())
        space = " " if separator == "\t" else " \t"
        empty = re.escape(separator) if blank and columns > 1 else ""
        self._blank_line = re.compile(f"^[{space}{empty}]*\r?\n".encode(), re.MULTILINE)
        # Such a row is even too, and has to be looked for.
        self._empty_rows = [(separator * (columns - 1) + end).encode() for end in ("\n", "\r\n") if empty]
        self.rewind()

    def rewind(self) -> None:
        """Start again with the first row."""
        self._lines.seek(self._start)
        self._blank: list[NDArray[np.int64]] = []
        self._rows = 0

    def read(self, size: int = -1) -> bytes:  # noqa: ARG002 (a parser requests a size and takes what it gets)
        """The next rows, even; empty at the end.

        Raises:
            DataError: a row is not as it must be; the message names it.
        """
        while block := self._lines.next_block():
            first = self._lines.number + 1
            count = self._even_rows(block)
            if count and not self._may_hold_blank_lines(block):
                self._lines.number += count
                self._rows += count
                return block
            self._lines.number += block.count(b"\n")
            if kept := self._without_blank_lines(block, first):
                return self._made_even(kept)
        return b""

    def __iter__(self) -> Iterator[bytes]:  # pandas takes nothing for a file that cannot be iterated over
        return iter(self.read, b"")

    def place(self, row: int) -> str:
        """Names a row that was read."""
        blank = self.blank_lines
        line = self._start[1] + 1 + row
        line += int(np.searchsorted(blank - np.arange(len(blank)), line, side="right"))
        return f"{self._lines.name}: row {row + 1} (line {line})"

    @property
    def blank_lines(self) -> NDArray[np.int64]:
        """The numbers of the lines that were left out so far."""
        return np.concatenate(self._blank) if self._blank else np.empty(0, np.int64)

    def place_of_gap(self) -> str | None:
        """Names the first blank line that has a row after it, if there is one; to be called after the last row."""
        last = self._start[1] + self._rows + len(self.blank_lines)
        blank = self.blank_lines
        after = np.arange(last - len(blank) + 1, last + 1)
        inside = blank[blank != after]
        if not len(inside):
            return None
        row = int(inside[0]) - self._start[1]
        return f"{self._lines.name}: row {row} (line {inside[0]})"

    def _even_rows(self, block: bytes) -> int:
        """How many rows the lines are; 0 where one has quotes or another number of fields."""
        structure = block.translate(None, self._not_structure)
        count = len(structure) // self._columns
        return count if structure == self._row * count else 0

    def _may_hold_blank_lines(self, block: bytes) -> bool:
        """Whether to look for them in even rows."""
        if self._columns == 1:
            return _may_hold_blank_lines(block)
        return any(block.startswith(row) or b"\n" + row in block for row in self._empty_rows)

    def _without_blank_lines(self, block: bytes, first: int) -> bytes:
        starts = [found.start() for found in self._blank_line.finditer(block)]
        if starts:
            ends = np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n"))
            self._blank.append(first + np.searchsorted(ends, starts))
            if sum(map(len, self._blank)) > _MOST_BLANK:
                raise DataError(f"{self._lines.name}: holds more than {_MOST_BLANK:,} blank lines")
        return self._blank_line.sub(b"", block)

    def _made_even(self, block: bytes) -> bytes:
        if count := self._even_rows(block):
            self._rows += count
            return block
        text = io.StringIO()
        write = csv.writer(text, delimiter=self._separator, lineterminator="\n").writerow
        for fields in self._parsed(block.decode().replace("\r\n", "\n").split("\n")[:-1]):
            write(self._fitted(fields))
            self._rows += 1
        return text.getvalue().encode()

    def _parsed(self, lines: list[str]) -> Iterator[list[str]]:
        """The fields of each line; the reader is a row behind ``_rows`` whenever it finds a fault."""
        reader = csv.reader(lines, delimiter=self._separator, strict=True)
        start = self._rows
        try:
            for fields in reader:
                if reader.line_num > self._rows - start + 1:
                    # A quote too many is seldom closed where the number of fields is right again.
                    raise DataError(f"{self.place(self._rows)}: {_BREAK if len(fields) == self._columns else _BROKEN}")
                yield fields
        except csv.Error as error:
            broken = reader.line_num > self._rows - start + 1
            fault = _OPEN if "unexpected end" in str(error) else _BROKEN if broken else f"is not CSV: {plain(error)}"
            raise DataError(f"{self.place(self._rows)}: {fault}") from error

    def _fitted(self, fields: list[str]) -> list[str]:
        wanted = self._columns
        if len(fields) > wanted and (self._exact or any(fields[wanted:])):
            raise DataError(f"{self.place(self._rows)}: has {len(fields)} fields, but the header has {wanted}")
        return fields[:wanted] + [""] * (wanted - len(fields))


_BREAK = "a field in quotes holds a line break; write each row on one line"
_BROKEN = 'a field in quotes holds a line break, or a quote (") is opened and not closed; write each row on one line'
_OPEN = 'a quote (") is opened and not closed on its line'


def _may_hold_blank_lines(block: bytes) -> bool:
    beside = b"\n\n" in block or (b"\r" in block and b"\n\r" in block)
    return beside or block[:1] in b"\r\n" or b" " in block or b"\t" in block
