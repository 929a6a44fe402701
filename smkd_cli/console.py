"""Words and data: what people read goes to stderr, what the next program reads goes to stdout.

Everything that a following stage reads is written with :func:`emit` or :func:`data_out`. Messages for people go to
the logger ``smkd`` with :func:`info` and :func:`warn`; a command shows it on stderr, from :func:`open_streams` on, and
a program that imports us configures it as it likes. Tables and progress are a command's own: :func:`people`, where
``NO_COLOR`` and redirection are honoured by rich.
"""

from __future__ import annotations

import io
import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from smkd_cli.errors import ClosedPipeError, DataError, UsageError
from smkd_cli.words import message, quoted

if TYPE_CHECKING:
    import logging

    from rich.console import Console

# ``shown``: whether messages go to stderr, as in a command, or to the logger alone, as in a library.
_settings = {"quiet": False, "data": False, "shown": False}


def be_quiet(quiet: bool) -> None:
    """Switch words on stderr off (warnings and errors stay)."""
    _settings["quiet"] = quiet


def is_quiet() -> bool:
    """Whether ``--quiet`` was given."""
    return _settings["quiet"]


def began_data() -> bool:
    """Whether a command has begun to write data on stdout; help does not count as data."""
    return _settings["data"]


def open_streams() -> None:
    """Make the standard streams of this process fit for work; to be called before anything is opened.

    * A closed one leads to /dev/null: otherwise the next file that is opened would get its number, and its words.
    * Data on stdout and stdin is UTF-8 whatever the locale; bytes of paths that are not come through as they are.
    * Words on stderr are not the work: what cannot be shown is escaped, and what cannot be written is lost.

    Streams that replace the process's own are left as they are. From here on messages are shown.
    """
    _settings["shown"] = True
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


def info(text: str) -> None:
    """A line for people."""
    _log("INFO", text)


def warn(text: str) -> None:
    """A warning; a command shows it even when quiet, because silence could cost a wrong result."""
    _log("WARNING", text)


@dataclass(frozen=True)
class Logged:
    """A message of another process: what it gave to a logger.

    Attributes:
        logger: the logger's name.
        level: as ``logging`` numbers levels.
        text: of the message, with the traceback where it has one.
    """

    logger: str
    level: int
    text: str


def forward(send: Callable[[Logged], None]) -> None:
    """Have ``send`` take all messages of this process, which its parent logs; to be called once, at its start.

    Messages are those of any logger, from level INFO on, and Python's warnings.
    """
    import logging
    import warnings

    class Forward(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            send(Logged(record.name, record.levelno, self.format(record)))

    _settings["shown"] = False
    root = logging.getLogger()
    root.addHandler(Forward())
    root.setLevel(logging.INFO)
    warnings.showwarning = _log_warning


def relay(logged: Logged) -> None:
    """Log a message of another process, as if it were one of ours."""
    _logger(logged.logger).log(logged.level, "%s", message(logged.text))


@contextmanager
def logged_warnings() -> Iterator[None]:
    """Python's warnings are messages, as :func:`warn` gives them; those that are made errors stay errors."""
    import warnings

    with warnings.catch_warnings():
        warnings.showwarning = _log_warning
        yield


def _log_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,  # noqa: ARG001 (the signature is Python's)
    line: str | None = None,  # noqa: ARG001
) -> None:
    """For ``warnings.showwarning``."""
    warn(f"{category.__name__}: {message} ({filename}:{lineno})")


def _log(level: str, text: str) -> None:
    # Imported only where there is a message: a command's help comes at once.
    import logging

    _logger("smkd").log(logging.getLevelNamesMapping()[level], "%s", message(text))


def _logger(name: str) -> logging.Logger:
    import logging

    logger = logging.getLogger(name)
    if name == "smkd":
        if not logger.handlers:  # ours only: without one, Python would write warnings to stderr by itself
            logger.addHandler(_on_stderr())
        if _settings["shown"] and not logger.level:
            logger.setLevel(logging.INFO)
    return logger


def _on_stderr() -> logging.Handler:
    """Shows messages as a command does: those of no concern as they are, others by their kind."""
    import logging

    class OnStderr(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            concern = record.levelno >= logging.WARNING
            if _settings["shown"] and (concern or not _settings["quiet"]):
                kind = f"{record.levelname.lower()}: " if concern else ""
                sys.stderr.write(f"{kind}{record.getMessage()}\n")

    return OnStderr()


def error(text: str) -> None:
    """The message of an error that ends a command; shown even when quiet."""
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


def check_path(path: Path | str, what: str) -> None:
    """Raise a UsageError if a path that is going to be a line of data would be several.

    Args:
        what: names the path, as an option.
    """
    if any(end in str(path) for end in "\n\r"):
        raise UsageError(f"{what} {quoted(path)}: a path is printed on one line, so it may hold no line break")


def emit(line: str) -> None:
    """A line of data on stdout, at once, so that the next stage can start on it."""
    with data_out() as stream:
        stream.write(line + "\n")
