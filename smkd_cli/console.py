"""Data on stdout, words on stderr.

A stage writes what the next stage reads with :func:`emit` or :func:`data_out`, and everything for people with
:func:`say`, :func:`warn` or :func:`people`. ``NO_COLOR`` and redirection are honoured by rich.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from smkd_cli.errors import ClosedPipeError, DataError

if TYPE_CHECKING:
    from rich.console import Console

_settings = {"quiet": False}


def be_quiet(quiet: bool) -> None:
    """Switch words on stderr off (errors stay)."""
    _settings["quiet"] = quiet


def is_quiet() -> bool:
    """Whether ``--quiet`` was given."""
    return _settings["quiet"]


def people() -> Console:
    """The rich console on stderr, for tables and progress that people read."""
    from rich.console import Console

    return Console(stderr=True, quiet=is_quiet())


def say(text: str) -> None:
    """A line for people, on stderr."""
    if not is_quiet():
        sys.stderr.write(f"{text}\n")


def warn(text: str) -> None:
    """A warning on stderr; shown even when quiet, because silence could cost a wrong result."""
    sys.stderr.write(f"warning: {text}\n")


@contextmanager
def data_out() -> Iterator[TextIO]:
    """Stdout as a stream for data; a reader that goes away ends the command quietly.

    Raises:
        ClosedPipeError: the reader closed the pipe.
        DataError: stdout cannot be written (a full disk).
    """
    try:
        yield sys.stdout
        sys.stdout.flush()
    except OSError as error:
        # The interpreter flushes stdout once more when it ends; give it somewhere to flush to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if isinstance(error, BrokenPipeError):
            raise ClosedPipeError("the reader of our output went away") from error
        raise DataError(f"stdout: cannot be written: {error.strerror or error}") from error


def emit(line: str) -> None:
    """A line of data on stdout, at once, so that the next stage can start on it."""
    with data_out() as stream:
        stream.write(line + "\n")
