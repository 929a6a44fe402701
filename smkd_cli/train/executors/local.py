"""Cells one after another in this process, or several at a time in processes of their own.

What goes wrong with a cell (its data, its training, its process) is told of that cell, and the others are trained. Only
a signal, or an output that nobody can write to any more, ends the grid before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from multiprocessing.connection import wait
from typing import Any

from smkd_cli import console
from smkd_cli.errors import InterruptedRunError, SmkdError, TrainingError
from smkd_cli.recipe import Cell
from smkd_cli.train.executors.failures import as_error, how_ended, lost, signal_name
from smkd_cli.train.executors.worker_process import Task, WorkerLine
from smkd_cli.train.machine.signals import StopRequest
from smkd_cli.train.run.loop import train_cell

Tell = Callable[[Cell, dict[str, Any]], None]
Done = Callable[[Cell, SmkdError | None], None]

# How long a wait for workers may hide a signal from us.
_GLANCE_SECONDS = 0.2
# How many processes a cell may lose by no fault of its own.
_ATTEMPTS = 3


def run_cells(tasks: Sequence[Task], jobs: int, stop: StopRequest, tell: Tell, done: Done) -> None:
    """Train all cells, whatever happens to one of them.

    Every event of a cell is passed to ``tell``; ``done`` gets each cell once, with what went wrong, None if it is
    finished. What ``done`` raises ends the grid; the cells that are being trained are saved first. A cell gives the
    same bits whatever ``jobs`` is.

    Raises:
        InterruptedRunError: ``stop`` was requested; everything is saved.
    """
    if jobs == 1:
        _run_here(tasks, stop, tell, done)
    else:
        _run_in_workers(tasks, jobs, stop, tell, done)


def _run_here(tasks: Sequence[Task], stop: StopRequest, tell: Tell, done: Done) -> None:
    stop.announcement = lambda: _stopping(1)
    for cell, place in tasks:
        problem: SmkdError | None = None
        try:
            train_cell(cell, place, stop, lambda event, cell=cell: tell(cell, event))  # type: ignore[misc]
        except InterruptedRunError:
            raise
        except (Exception, SystemExit) as error:
            problem = as_error(cell, error)
        done(cell, problem)
        if stop:
            raise InterruptedRunError(stop.signal_number, "stopped between two cells; the same command goes on")


def _run_in_workers(tasks: Sequence[Task], jobs: int, stop: StopRequest, tell: Tell, done: Done) -> None:
    pool = _Pool(tasks, jobs, stop, tell, done)
    stop.announcement = lambda: _stopping(len(pool.busy()))
    try:
        try:
            pool.run()
        except Exception:
            pool.send_home()
            raise
        pool.send_home()
    finally:  # after a second signal, this is all
        pool.kill()
    if stop:
        raise InterruptedRunError(stop.signal_number, pool.farewell())


def _stopping(count: int) -> str:
    return f"stopping: saving {count} cell{'s' if count != 1 else ''}; press again to end now"


class _Pool:
    """Workers, as many as are needed, and the cells that wait for them."""

    def __init__(self, tasks: Sequence[Task], jobs: int, stop: StopRequest, tell: Tell, done: Done) -> None:
        self._waiting = list(reversed(tasks))
        self._jobs, self._stop, self._tell, self._done = jobs, stop, tell, done
        self._workers: list[WorkerLine] = []
        self._lost: Counter[str] = Counter()
        self._stuck: list[str] = []

    def busy(self) -> list[WorkerLine]:
        """Those that have a cell."""
        return [worker for worker in self._workers if worker.task is not None]

    def run(self) -> None:
        """Until every cell is done, or, after a signal, saved."""
        while True:
            if self._stop:
                self._ask_to_stop(self.busy())
            else:
                self._assign()
            if not self.busy():
                return
            for worker in self._speaking():
                self._hear(worker)

    def send_home(self) -> None:
        """Have all workers end; those that still train save first."""
        while self._workers:
            self._ask_to_stop(self._workers)
            for worker in self._speaking():
                worker.receive()
            self._forget_the_gone()

    def kill(self) -> None:
        """End what is still there."""
        for worker in self._workers:
            worker.kill()

    def farewell(self) -> str:
        """What is said when a signal has stopped us."""
        if not self._stuck:
            return "stopped, everything is saved; the same command goes on"
        cells = ", ".join(self._stuck)
        return f"stopped; {cells}: did not answer, so the same command goes on from the last checkpoint there"

    def _speaking(self) -> list[WorkerLine]:
        by_link: dict[object, WorkerLine] = {worker.link: worker for worker in self._workers}
        return [by_link[link] for link in wait([worker.link for worker in self._workers], timeout=_GLANCE_SECONDS)]

    def _ask_to_stop(self, workers: Sequence[WorkerLine]) -> None:
        for worker in workers:
            worker.ask_to_stop()
            if worker.is_stuck():
                if worker.task is not None:
                    self._stuck.append(worker.task[0].slug)
                worker.kill()
        self._forget_the_gone()

    def _forget_the_gone(self) -> None:
        self._workers = [worker for worker in self._workers if not worker.gone]

    def _staying(self) -> list[WorkerLine]:
        return [worker for worker in self._workers if not worker.leaving]

    def _assign(self) -> None:
        for worker in self._staying():
            if self._waiting and worker.task is None:
                worker.train(self._waiting.pop())
        while self._waiting and len(self._staying()) < self._jobs:
            try:
                worker = WorkerLine()
            except TrainingError as error:
                self._do_with_fewer(error)
                return
            self._workers.append(worker)
            worker.train(self._waiting.pop())

    def _do_with_fewer(self, error: TrainingError) -> None:
        if staying := self._staying():
            console.warn(f"{error}; going on with {len(staying)} at a time")
            self._jobs = len(staying)
            return
        while self._waiting:
            cell, _ = self._waiting.pop()
            self._done(cell, TrainingError(f"{cell.slug}: {error}"))

    def _hear(self, worker: WorkerLine) -> None:
        task = worker.task
        kind, content = worker.receive()
        self._forget_the_gone()
        if task is None:
            return
        cell = task[0]
        if kind == "event":
            self._tell(cell, content)
        elif kind == "done" and isinstance(content, InterruptedRunError):
            worker.ask_to_stop()
            self._queue_again(task, f"was stopped ({signal_name(content.signal_number)})")
        elif kind == "done":
            self._done(cell, content)
        elif kind == "gone" and worker.begun:
            self._done(cell, lost(cell, worker.exit_code()))
        elif kind == "gone":
            self._queue_again(task, f"{how_ended(worker.exit_code())} before it began")

    def _queue_again(self, task: Task, what: str) -> None:
        """A cell lost its worker and nothing else: it is saved, or was not begun."""
        if self._stop:
            return
        cell = task[0]
        self._tell(cell, {"event": "interrupted"})
        self._lost[cell.slug] += 1
        if self._lost[cell.slug] < _ATTEMPTS:
            console.warn(f"{cell.slug}: its process {what}; the cell goes on in another")
            self._waiting.append(task)
        else:
            again = "the same command goes on"
            self._done(cell, TrainingError(f"{cell.slug}: its process {what}, {_ATTEMPTS} times; {again}"))
