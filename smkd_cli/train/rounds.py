"""A grid that other processes may be training too: an executor gets cells in rounds, until none is left but theirs."""

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

# A process that was just killed may take a moment to let go of its cells, and one that ends to write its results.
_PATIENCE_SECONDS = 3.0
_GLANCE_SECONDS = 0.1
# Between two looks at what is waited for.
_LONG_GLANCE_SECONDS = 1.0


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
        done: takes the run directory of each cell that is finished, whoever trained it.

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
        """Train cells; those that another process holds are passed over, and looked at again at the end.

        What the other has finished by then is told as finished, and what it has left is trained here.

        Raises:
            InterruptedRunError: a signal came; everything is saved.
        """
        while tasks:
            self._round(tasks)
            tasks = self._left_by_others()

    def _round(self, tasks: Sequence[Task]) -> None:
        waiting = {task.cell.slug: task for task in tasks}

        def report(cell: Cell, what: Event | Ended) -> None:
            if not isinstance(what, Ended):
                self._watch(cell, what)
            elif task := waiting.pop(cell.slug, None):  # otherwise it was told before
                self._end(task, what.error)

        self._executor.run(tasks, report, self._stop)
        if waiting:
            self._check_signals()
        for task in waiting.values():
            self._end(task, TrainingError(f"{task.cell.slug}: the executor did not say what became of it"))

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

    def _left_by_others(self) -> list[Task]:
        """The cells among those held that nobody trains any more; it is waited for one, some moments or as it takes."""
        give_up, told = time.monotonic() + _PATIENCE_SECONDS, False
        while self.held:
            self._check_signals()
            free: list[Task] = []
            held, self.held = self.held, []
            for task in held:
                left = not RunDirectory(task.directory).is_held()  # before the result, which may come just now
                if self._is_done(task):
                    continue
                (free if left else self.held).append(task)
            impatient = time.monotonic() > give_up
            if free or (impatient and not self._wait):
                return free
            if impatient and self.held and not told:
                console.info(f"waiting for {still_held(self.held)}; Ctrl-C ends this command alone")
                told = True
            time.sleep(_LONG_GLANCE_SECONDS if told else _GLANCE_SECONDS)
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
