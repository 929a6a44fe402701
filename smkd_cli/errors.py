"""What can go wrong, as a user sees it: one message and one exit code per kind of error.

Every package raises these; ``app.main`` prints the message and exits with the code. A message says what is wrong,
where, and what to do about it. What the caller of a function can mend by other arguments is a ValueError too.
"""

from __future__ import annotations

from typing import ClassVar


class SmkdError(Exception):
    """An error whose message is meant for the user; never shown with a traceback unless ``--debug`` is given."""

    exit_code: ClassVar[int] = 1
    # Prefix of the message; empty where nothing is wrong.
    prefix: ClassVar[str] = "error: "


class UsageError(SmkdError, ValueError):
    """The command line is wrong, or what a function of the Python API is given."""

    exit_code = 2


class UnknownName(UsageError):  # noqa: N818 (the name states the error)
    """There is no usable plug-in of this name; the message says why, and what to write instead."""


class MethodError(UsageError):
    """The code of a method or rule is wrong; the message names it, its hook, what was expected and what it gave."""


class RecipeError(SmkdError, ValueError):
    """The recipe is wrong. The message holds every problem found, one a line, as ``file:line:column: what``."""

    exit_code = 3


class DataError(SmkdError):
    """Data or an artifact (manifest, checkpoint, run directory, scores) is missing, damaged or not what it must be."""

    exit_code = 4


class LabelError(DataError, ValueError):
    """Labels that a function is given are not class numbers."""


class TrainingError(SmkdError):
    """Training failed: a loss that is not finite, a process that was killed, or an unexpected error."""

    exit_code = 5


class StillTrainingError(SmkdError):
    """Nothing went wrong, but another process is training cells of ours; the same command looks at them again."""

    exit_code = 75  # of what passes by itself, by the custom of sysexits.h (EX_TEMPFAIL)
    prefix = ""


class ClosedPipeError(SmkdError):
    """Whoever read our output went away; we stop quietly, with the code that a shell gives for it."""

    exit_code = 141


class InterruptedRunError(SmkdError):
    """A signal stopped the command after everything was saved; the same command goes on from there.

    Args:
        signal_number: the signal that arrived; the exit code is 128 plus it (129 for SIGHUP, 130 for SIGINT, 138 for
            SIGUSR1, 143 for SIGTERM).
    """

    prefix = ""

    def __init__(self, signal_number: int, message: str) -> None:
        super().__init__(message)
        self.signal_number = signal_number
        self.exit_code = 128 + signal_number  # type: ignore[misc]

    def __reduce__(self) -> tuple[type[InterruptedRunError], tuple[int, str]]:
        # Workers send their errors to the parent; an exception of two arguments has to define how it is unpickled.
        return InterruptedRunError, (self.signal_number, str(self))
