"""What is told of cells that could not be trained, and the exit code that comes of it."""

from __future__ import annotations

import signal
import traceback
from collections.abc import Sequence

from smkd_cli.errors import DataError, SmkdError, TrainingError
from smkd_cli.recipe import Cell

Undone = tuple[Cell, SmkdError]

_OUT_OF_MEMORY = {"MemoryError", "OutOfMemoryError"}


def as_error(cell: Cell, error: BaseException) -> SmkdError:
    """What was raised while a cell trained, as an error for the user, with the traceback if nobody foresaw it."""
    if isinstance(error, SmkdError):
        return error
    kind = type(error).__name__
    if isinstance(error, OSError):
        told: SmkdError = DataError(f"{cell.slug}: {error}")
    elif kind in _OUT_OF_MEMORY:
        told = TrainingError(f"{cell.slug}: memory ran out ({str(error) or kind}); lower --jobs or batch_size")
    else:
        told = TrainingError(f"{cell.slug}: training ended with {kind}: {error} (smkd --debug shows where)")
    told.add_note("".join(traceback.format_exception(error)))
    return told


def lost(cell: Cell, exit_code: int | None) -> TrainingError:
    """The process that trained a cell is gone.

    Args:
        cell: what it trained.
        exit_code: its exit code, or minus the number of the signal that ended it; None or 255 where nobody knows.
    """
    advice = "the same command goes on from the last checkpoint"
    if exit_code == -signal.SIGKILL:
        advice = f"memory may have run out: lower --jobs; {advice}"
    return TrainingError(f"{cell.slug}: its process {how_ended(exit_code)}; {advice}")


def how_ended(exit_code: int | None) -> str:
    """How a process ended, in words that follow its name."""
    if exit_code is None or exit_code == 255:  # the latter is what multiprocessing says when it cannot know
        return "died"
    if exit_code < 0:
        return f"was killed ({signal_name(-exit_code)})"
    return f"ended by itself (exit code {exit_code})"


def signal_name(number: int) -> str:
    """As SIGTERM."""
    return signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"


def summary(undone: Sequence[Undone], cells: int) -> str:
    """All that happened, a cell at a time."""
    if cells == 1:
        return str(undone[0][1])
    lines = [str(error) if cell.slug in str(error) else f"{cell.slug}: {error}" for cell, error in undone]
    return "\n".join([f"{len(undone)} of {cells} cells failed:", *lines])


def verdict(undone: Sequence[Undone], cells: int) -> SmkdError:
    """The error that a grid of so many cells ends with: its exit code is the highest of theirs."""
    worst = max((error for _, error in undone), key=lambda error: error.exit_code)
    told = type(worst)(summary(undone, cells))
    for _, error in undone:
        for note in getattr(error, "__notes__", ()):
            told.add_note(note)
    return told
