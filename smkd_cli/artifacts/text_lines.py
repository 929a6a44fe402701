"""Lines of a text file that may be anything: bounded, and what is no text is named by its line."""

from __future__ import annotations

import io
import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from smkd_cli.artifacts.foreign import SNIFFED, refuse_foreign
from smkd_cli.errors import DataError
from smkd_cli.words import printable

LONGEST_LINE = 1 << 17
"""Bytes; Python's csv takes no longer field."""

_MEBIBYTE = 1 << 20
_MOST_OF_A_PIPE = 1 << 30  # it is kept in memory, because it may be read twice
_LONE_CR = re.compile(rb"\r(?!\n)")
_BOM = b"\xef\xbb\xbf"


@contextmanager
def opened(source: Path | str) -> Iterator[BinaryIO]:
    """The bytes of a file, of a pipe, or of stdin for ``-``, as a stream that can be read twice.

    Raises:
        DataError: there is no such file, it cannot be read, or a pipe holds what is no text or too much of it.
    """
    name = name_of(source)
    if str(source) == "-":
        if sys.stdin is None:
            raise DataError("stdin: cannot be read: it is closed")
        yield _kept(sys.stdin.buffer, name)
        return
    if "\0" in str(source):
        raise DataError(f"{name}: is not the path of a file")
    try:
        with Path(source).open("rb") as stream:
            yield stream if stat.S_ISREG(os.fstat(stream.fileno()).st_mode) else _kept(stream, name)
    except OSError as error:
        raise DataError(f"{name}: cannot be read: {error.strerror or error}") from error


def name_of(source: Path | str) -> str:
    """What messages call a source."""
    return "stdin" if str(source) == "-" else printable(str(source))


def _kept(stream: BinaryIO, name: str) -> BinaryIO:
    """All that a pipe or device holds, unless it begins to look endless."""
    content = io.BytesIO()
    while chunk := stream.read(_MEBIBYTE):
        if not content.tell():
            refuse_foreign(chunk[:SNIFFED], name)
        if b"\0" in chunk or (len(chunk) == _MEBIBYTE and b"\n" not in chunk):
            raise DataError(f"{name}: is not a CSV file: it holds null bytes, or a mebibyte without the end of a line")
        content.write(chunk)
        if content.tell() > _MOST_OF_A_PIPE:
            raise DataError(f"{name}: is longer than a gibibyte; write it to a file and name that")
    content.seek(0)
    return content


class Lines:
    """The lines of a file from its top, and then its rest in blocks of whole lines.

    Args:
        stream: seekable, at its start.
        name: names the file in messages.
        table: whether it should be CSV, so that files of other kinds are refused by their first bytes.

    Attributes:
        number: how many lines were read.

    Raises:
        DataError: the first bytes are those of another kind of file.
    """

    def __init__(self, stream: BinaryIO, name: str, *, table: bool = True) -> None:
        self.name = name
        self.number = 0
        self._stream = stream
        if table:
            refuse_foreign(stream.read(SNIFFED), name)
        stream.seek(0)
        if stream.read(len(_BOM)) != _BOM:
            stream.seek(0)

    def next_line(self) -> str | None:
        """The next line without its end; None at the end of the file.

        Raises:
            DataError: it is too long or not text.
        """
        line = self._stream.readline(LONGEST_LINE + 1)
        if not line:
            return None
        self._check(line)
        self.number += 1
        return line.decode().rstrip("\r\n")

    def next_block(self) -> bytes:
        """Some 256 KiB of whole lines, each ending in a line feed; empty at the end of the file.

        The caller counts them and adds them to ``number``.

        Raises:
            DataError: a line is too long or not text.
        """
        block = self._stream.read(2 * LONGEST_LINE)
        if block and not block.endswith(b"\n"):
            block += self._stream.readline(LONGEST_LINE + 1)
        self._check(block)
        if block and not block.endswith(b"\n"):
            block += b"\n"
        return block

    def tell(self) -> tuple[int, int]:
        """The current position; see :meth:`seek`."""
        return self._stream.tell(), self.number

    def seek(self, position: tuple[int, int]) -> None:
        """Go back to a position that :meth:`tell` gave."""
        self._stream.seek(position[0])
        self.number = position[1]

    def _check(self, block: bytes) -> None:
        half = LONGEST_LINE // 2
        # A line that is too long fills one of these windows; in all others the first line feed is near.
        if any(block.find(b"\n", at, at + half) < 0 for at in range(0, len(block) - half + 1, half)):
            start = 0
            for line in block.splitlines(keepends=True):
                if len(line.rstrip(b"\r\n")) > LONGEST_LINE:
                    self._refuse(block, start, f"is longer than {LONGEST_LINE:,} bytes")
                start += len(line)
        if (at := block.find(b"\0")) >= 0:
            self._refuse(block, at, "holds a null byte; text in UTF-16 must be saved as UTF-8")
        if b"\r" in block and block.count(b"\r") != block.count(b"\r\n") and (alone := _LONE_CR.search(block)):
            self._refuse(
                block,
                alone.start(),
                "holds a carriage return (CR) that is not followed by a line feed (LF), which must end lines",
            )
        if not block.isascii():
            try:
                block.decode()
            except UnicodeDecodeError as error:
                self._refuse(block, error.start, f"is not UTF-8 text: byte {block[error.start]:#04x}")

    def _refuse(self, block: bytes, at: int, why: str) -> None:
        line = self.number + 1 + block.count(b"\n", 0, at)
        raise DataError(f"{self.name}: is not a CSV file: line {line} {why}")
