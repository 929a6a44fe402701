"""Errors of cells that could not be trained, as reported to the user, and the exit code that follows."""

from __future__ import annotations

import signal
import traceback
from collections.abc import Sequence

from smkd_cli.errors import DataError, SmkdError, TrainingError
from smkd_cli.recipe import Cell
from smkd_cli.registry import where_raised, with_place

Undone = tuple[Cell, SmkdError]

_OUT_OF_MEMORY = {"MemoryError", "OutOfMemoryError"}


def as_error(cell: Cell, error: BaseException) -> SmkdError:
    """What was raised while a cell trained, as an error for the user; with the traceback if it was unexpected."""
    if isinstance(error, SmkdError):
        return error
    kind = type(error).__name__
    if isinstance(error, OSError):
        reported: SmkdError = DataError(f"{cell.slug}: {error}")
    elif kind in _OUT_OF_MEMORY:
        reported = TrainingError(f"{cell.slug}: memory ran out ({str(error) or kind}); lower --jobs or batch_size")
    else:
        text = with_place(error)
        plugins = [name for _, name in cell.plugins]
        beside = f"; the cell uses {', '.join(plugins)}" if plugins and not where_raised(error) else ""
        text = f"{cell.slug}: training ended with {kind}{text and ': '}{text}{beside}"
        reported = TrainingError(f"{text} (smkd --debug shows where)")
    reported.add_note("".join(traceback.format_exception(error)))
    return reported


def lost(cell: Cell, exit_code: int | None) -> TrainingError:
    """The error of a cell whose process has died.

    Args:
        cell: what it trained.
        exit_code: its exit code, or minus the number of the signal that ended it; None or 255 where it is not known.
    """
    advice = "the same command goes on from the last checkpoint"
    if exit_code == -signal.SIGKILL:
        advice = f"memory may have run out: lower --jobs; {advice}"
    return TrainingError(f"{cell.slug}: its process {how_ended(exit_code)}; {advice}")


def how_ended(exit_code: int | None) -> str:
    """How a process ended, as a phrase that follows its name."""
    if exit_code is None or exit_code == 255:  # multiprocessing gives 255 where it cannot know
        return "died"
    if exit_code < 0:
        return f"was killed ({signal_name(-exit_code)})"
    return f"ended by itself (exit code {exit_code})"


def signal_name(number: int) -> str:
    """As SIGTERM."""
    return signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"


def summary(undone: Sequence[Undone], cells: int) -> str:
    """All errors, a line per cell."""
    if cells == 1:
        return str(undone[0][1])
    lines = [str(error) if cell.slug in str(error) else f"{cell.slug}: {error}" for cell, error in undone]
    return "\n".join([f"{len(undone)} of {cells} cells failed:", *lines])


def verdict(undone: Sequence[Undone], cells: int) -> SmkdError:
    """The error that a grid of ``cells`` cells ends with: its exit code is the highest of theirs."""
    worst = max((error for _, error in undone), key=lambda error: error.exit_code)
    # A class of its own may want more than words; what it is derived from has its exit code.
    kind: type[SmkdError] = next(each for each in type(worst).__mro__ if each.__module__ == SmkdError.__module__)
    reported = kind(summary(undone, cells))
    for _, error in undone:
        for note in getattr(error, "__notes__", ()):
            reported.add_note(note)
    return reported
