"""Cells one after another in this process, or several at a time in processes of their own."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from typing import Any

from smkd_cli.errors import InterruptedRunError, SmkdError, TrainingError
from smkd_cli.recipe import Cell
from smkd_cli.train.cell import Place, train_cell
from smkd_cli.train.stopping import StopRequest
from smkd_cli.train.worker import work

Task = tuple[Cell, Place]
Tell = Callable[[Cell, dict[str, Any]], None]

# How long a wait for workers may hide a signal from us.
_GLANCE_SECONDS = 0.2
# How long an idle worker may take to end by itself.
_PATIENCE_SECONDS = 5.0


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
        context = multiprocessing.get_context("spawn")
        self.link, theirs = context.Pipe()
        self.process = context.Process(target=work, args=(theirs, os.getpid()), daemon=True)
        self.process.start()
        theirs.close()
        self.cell: Cell | None = None

    def train(self, task: Task) -> None:
        self.cell = task[0]
        self.link.send(task)

    def receive(self) -> tuple[str, Any]:
        try:
            message: tuple[str, Any] = self.link.recv()
        except EOFError:
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
            worker.link.close()  # an idle worker waits for a task; this ends its wait
        for worker in workers:
            worker.process.join(_PATIENCE_SECONDS)
            worker.process.kill()


def _run_in_workers(tasks: Sequence[Task], jobs: int, stop: StopRequest, tell: Tell) -> None:
    waiting = list(reversed(tasks))
    error: SmkdError | None = None
    told_to_stop = False
    with _workers(min(jobs, len(tasks))) as workers:
        while True:
            for worker in workers:
                if worker.cell is None and waiting and error is None and not stop:
                    worker.train(waiting.pop())
            busy: dict[Connection, _Worker] = {worker.link: worker for worker in workers if worker.cell is not None}
            if not busy:
                break
            if (stop or error) and not told_to_stop:
                told_to_stop = True
                for worker in busy.values():
                    worker.process.terminate()
            for link in wait(list(busy), timeout=_GLANCE_SECONDS):
                worker = busy[link]  # type: ignore[index]
                kind, content = worker.receive()
                assert worker.cell is not None
                if kind == "event":
                    tell(worker.cell, content)
                    continue
                worker.cell = None
                if content is not None and not (told_to_stop or isinstance(content[0], TrainingError)):
                    error = content[0]
                    if content[1]:
                        error.add_note(content[1])
    if stop:
        raise InterruptedRunError(stop.signal_number, "stopped, everything is saved; the same command goes on")
    if error is not None:
        raise error
