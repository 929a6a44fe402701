"""Words and data: what people read goes to stderr, what the next program reads goes to stdout.

Everything that a following stage reads is written with :func:`emit` or :func:`data_out`, and everything for people with
:func:`say`, :func:`warn` or :func:`people`. ``NO_COLOR`` and redirection are honoured by rich.
"""

from __future__ import annotations

import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TextIO

from smkd_cli.errors import ClosedPipeError, DataError
from smkd_cli.words import message

if TYPE_CHECKING:
    from rich.console import Console

_settings = {"quiet": False, "data": False}


def be_quiet(quiet: bool) -> None:
    """Switch words on stderr off (errors stay)."""
    _settings["quiet"] = quiet


def is_quiet() -> bool:
    """Whether ``--quiet`` was given."""
    return _settings["quiet"]


def began_data() -> bool:
    """Whether a command has begun to write data on stdout; help is none."""
    return _settings["data"]


def open_streams() -> None:
    """Make the standard streams of this process fit for work; to be called before anything is opened.

    * A closed one leads to /dev/null: otherwise the next file that is opened would get its number, and its words.
    * Data on stdout and stdin is UTF-8 whatever the locale; bytes of paths that are not come through as they are.
    * Words on stderr are not the work: what cannot be shown is escaped, and what cannot be written is lost.

    Streams that somebody has put in the place of the process's own keep what they are.
    """
    _settings["data"] = False
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    if sys.stdin is sys.__stdin__:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)), "utf-8", "surrogateescape")
    if sys.stdout is sys.__stdout__:
        sys.stdout = _writer(_Data(1, "w", closefd=False), "utf-8", "surrogateescape")
    if sys.stderr is sys.__stderr__:
        encoding = "utf-8" if sys.stderr is None else sys.stderr.encoding
        sys.stderr = _writer(_Words(2, "w", closefd=False), encoding, "backslashreplace")


def _writer(raw: io.FileIO, encoding: str, errors: str) -> io.TextIOWrapper:
    lines = raw.isatty() or isinstance(raw, _Words)
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, errors, newline="\n", line_buffering=lines)


class _Patient(io.FileIO):
    """Waits where another program has made our end non-blocking and it is full."""

    def write(self, data: Any) -> int:
        while (written := super().write(data)) is None:
            select.select([], [self], [])
        return written


class _Words(_Patient):
    """Loses what cannot be written."""

    def write(self, data: Any) -> int:
        with suppress(OSError):
            return super().write(data)
        return len(data)


class _Data(_Patient):
    """Raises our errors where data cannot be written, and loses what is written afterwards."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._failed = False

    def write(self, data: Any) -> int:
        if self._failed:
            return len(data)
        try:
            return super().write(data)
        except OSError as error:
            self._failed = True
            if isinstance(error, BrokenPipeError):
                raise ClosedPipeError("the reader of our output went away") from error
            raise DataError(f"stdout: cannot be written: {error.strerror or error}") from error


def people() -> Console:
    """The rich console on stderr, for tables and progress that people read."""
    from rich.console import Console

    return Console(stderr=True, quiet=is_quiet(), markup=False, emoji=False, highlight=False)


def say(text: str) -> None:
    """A line for people, on stderr."""
    if not is_quiet():
        sys.stderr.write(f"{message(text)}\n")


def warn(text: str) -> None:
    """A warning on stderr; shown even when quiet, because silence could cost a wrong result."""
    sys.stderr.write(f"warning: {message(text)}\n")


def complain(text: str) -> None:
    """The line that says why a command ends; shown even when quiet."""
    sys.stderr.write(f"{text}\n")


@contextmanager
def data_out() -> Iterator[TextIO]:
    """Stdout as a stream for data; a reader that goes away ends the command quietly.

    Raises:
        ClosedPipeError: the reader closed the pipe.
        DataError: stdout cannot be written (a full disk).
    """
    _settings["data"] = True
    yield sys.stdout
    sys.stdout.flush()


def emit(line: str) -> None:
    """A line of data on stdout, at once, so that the next stage can start on it."""
    with data_out() as stream:
        stream.write(line + "\n")
