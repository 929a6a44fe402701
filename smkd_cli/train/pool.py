"""Cells one after another in this process, or several at a time in processes of their own."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait
from typing import Any

from smkd_cli.errors import InterruptedRunError, SmkdError, TrainingError
from smkd_cli.recipe import Cell
from smkd_cli.train import processes
from smkd_cli.train.cell import Place, train_cell
from smkd_cli.train.stopping import StopRequest
from smkd_cli.train.worker import work

Task = tuple[Cell, Place]
Tell = Callable[[Cell, dict[str, Any]], None]

# How long a wait for workers may hide a signal from us.
_GLANCE_SECONDS = 0.2
# How long a worker may take to save and to end.
_PATIENCE_SECONDS = 60.0


def run_cells(tasks: Sequence[Task], jobs: int, tell: Tell) -> None:
    """Train all cells; those whose loss is not finite fail alone.

    Every event of a cell is passed to ``tell``. A cell gives the same bits whatever ``jobs`` is.

    Raises:
        InterruptedRunError: SIGINT or SIGTERM came; everything is saved.
        SmkdError: what stopped the grid; cells that were being trained are saved.
    """
    stop = StopRequest()
    with stop.listening(signal.SIGINT, signal.SIGTERM):
        if jobs == 1:
            _run_here(tasks, stop, tell)
        else:
            _run_in_workers(tasks, jobs, stop, tell)


def _run_here(tasks: Sequence[Task], stop: StopRequest, tell: Tell) -> None:
    for cell, place in tasks:
        try:
            train_cell(cell, place, stop, lambda event, cell=cell: tell(cell, event))  # type: ignore[misc]
        except TrainingError:
            continue
        if stop:
            raise InterruptedRunError(stop.signal_number, "stopped between two cells; the same command goes on")


class _Worker:
    """A worker process and our end of the line to it; ``cell`` is what it is training."""

    def __init__(self) -> None:
        self.process, self.link = processes.start(work)
        self.cell: Cell | None = None

    def train(self, task: Task) -> None:
        self.cell = task[0]
        with suppress(OSError):  # a worker that has died is noticed when we listen to it
            self.link.send(task)

    def receive(self) -> tuple[str, Any]:
        try:
            message: tuple[str, Any] = self.link.recv()
        except (EOFError, OSError):
            self.process.join()
            code = self.process.exitcode
            lost = SmkdError(f"the process that trained {self.cell and self.cell.slug} died (exit code {code})")
            return "done", (lost, "")
        return message


@contextmanager
def _workers(count: int) -> Iterator[list[_Worker]]:
    workers = [_Worker() for _ in range(count)]
    try:
        yield workers
    finally:
        for worker in workers:
            worker.link.close()  # an idle worker waits for a task, and a busy one speaks: both notice, and end
        for worker in workers:
            worker.process.join(_PATIENCE_SECONDS)
            worker.process.kill()


def _run_in_workers(tasks: Sequence[Task], jobs: int, stop: StopRequest, tell: Tell) -> None:
    waiting = list(reversed(tasks))
    errors: list[SmkdError] = []
    told_to_stop = False
    with _workers(min(jobs, len(tasks))) as workers:
        while True:
            for worker in workers:
                if worker.cell is None and waiting and not errors and not stop:
                    worker.train(waiting.pop())
            busy: dict[object, _Worker] = {worker.link: worker for worker in workers if worker.cell is not None}
            if not busy:
                break
            if (stop or errors) and not told_to_stop:
                told_to_stop = True
                for worker in busy.values():
                    worker.process.terminate()
            for link in wait([worker.link for worker in busy.values()], timeout=_GLANCE_SECONDS):
                worker = busy[link]
                try:
                    _hear(worker, tell)
                except SmkdError as error:
                    errors.append(error)
    if errors:
        raise errors[0]
    if stop:
        raise InterruptedRunError(stop.signal_number, "stopped, everything is saved; the same command goes on")


def _hear(worker: _Worker, tell: Tell) -> None:
    """Take one message of a worker; raise the error that ends the grid, if it is one."""
    kind, content = worker.receive()
    assert worker.cell is not None
    if kind == "event":
        tell(worker.cell, content)
        return
    worker.cell = None
    if content is not None and not isinstance(content[0], TrainingError | InterruptedRunError):
        error, trace = content
        if trace:
            error.add_note(trace)
        raise error
