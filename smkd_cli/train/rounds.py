"""Trains a grid in rounds, because other processes may be training its cells too."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from smkd_cli import console
from smkd_cli.artifacts.run_directory import LockedError, RunDirectory
from smkd_cli.errors import InterruptedRunError, SmkdError, TrainingError
from smkd_cli.recipe import Cell
from smkd_cli.train.events import Event, Failed, PassedOver, Skipped
from smkd_cli.train.executors import Ended, Executor, StopRequest, Task
from smkd_cli.train.executors.failures import Undone
from smkd_cli.words import listed

# A killed process may take a moment to release its cells, and one that ends to write its results.
_GRACE_SECONDS = 3.0
_POLL_SECONDS = 0.1
# Between two checks of cells that are waited for.
_LONG_POLL_SECONDS = 1.0


def is_finished(task: Task) -> bool:
    """Whether the cell has been trained before, here or by another process.

    Raises:
        DataError: its run directory is damaged, or that of another recipe.
    """
    directory = RunDirectory(task.directory)
    if directory.finished() is None:
        return False
    directory.claim(task.cell.to_yaml())
    return True


def still_held(tasks: Sequence[Task]) -> str:
    """How many cells other processes are training, and which."""
    cells = "1 cell that is" if len(tasks) == 1 else f"{len(tasks)} cells that are"
    return f"{cells} being trained by another process: {listed([task.cell.slug for task in tasks])}"


class Rounds:
    """Has cells trained.

    Args:
        wait: whether to wait for what another process trains, or only for some moments.
        done: called with the run directory of each cell that is finished, also of one that others trained.

    Attributes:
        undone: what went wrong, by cell.
        held: cells that another process is training.
    """

    def __init__(
        self,
        executor: Executor,
        stop: StopRequest,
        watch: Callable[[Cell, Event], None],
        wait: bool,
        done: Callable[[Path], None],
    ) -> None:
        self.undone: list[Undone] = []
        self.held: list[Task] = []
        self._executor, self._stop, self._watch = executor, stop, watch
        self._wait, self._done = wait, done

    def run(self, tasks: Sequence[Task]) -> None:
        """Train cells; those that another process holds are passed over, and checked again at the end.

        Those that it has finished by then are reported as finished, and those that it has released are trained here.

        Raises:
            InterruptedRunError: a signal came; everything is saved.
        """
        while tasks:
            self._round(tasks)
            tasks = self._released_cells()

    def _round(self, tasks: Sequence[Task]) -> None:
        waiting = {task.cell.slug: task for task in tasks}

        def report(cell: Cell, what: Event | Ended) -> None:
            if not isinstance(what, Ended):
                self._watch(cell, what)
            elif task := waiting.pop(cell.slug, None):  # otherwise it was reported before
                self._end(task, what.error)

        self._executor.run(tasks, report, self._stop)
        if waiting:
            self._check_signals()
        for task in waiting.values():
            self._end(task, TrainingError(f"{task.cell.slug}: the executor did not report how it ended"))

    def _end(self, task: Task, error: SmkdError | None) -> None:
        if error is None:
            self._done(task.directory)
        elif isinstance(error, InterruptedRunError):
            raise error
        elif isinstance(error, LockedError):
            self.held.append(task)
            self._watch(task.cell, PassedOver())
        else:
            self.undone.append((task.cell, error))
            self._watch(task.cell, Failed(str(error).removeprefix(f"{task.cell.slug}: ")))

    def _released_cells(self) -> list[Task]:
        """The held cells that no process trains any more. Waits for one: for a grace period, or as long as it takes."""
        give_up, announced = time.monotonic() + _GRACE_SECONDS, False
        while self.held:
            self._check_signals()
            free: list[Task] = []
            held, self.held = self.held, []
            for task in held:
                released = not RunDirectory(task.directory).is_held()  # before the result, which may come now
                if self._is_done(task):
                    continue
                (free if released else self.held).append(task)
            overdue = time.monotonic() > give_up
            if free or (overdue and not self._wait):
                return free
            if overdue and self.held and not announced:
                console.info(f"waiting for {still_held(self.held)}; Ctrl-C ends this command alone")
                announced = True
            time.sleep(_LONG_POLL_SECONDS if announced else _POLL_SECONDS)
        return []

    def _is_done(self, task: Task) -> bool:
        try:
            if not is_finished(task):
                return False
        except SmkdError as error:
            self._end(task, error)
        else:
            self._watch(task.cell, Skipped())
            self._end(task, None)
        return True

    def _check_signals(self) -> None:
        if self._stop:
            raise InterruptedRunError(self._stop.signal_number, "stopped between two cells; the same command goes on")
