"""Workers, as many as are needed, and the cells that wait for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from multiprocessing.connection import wait

from smkd_cli import console
from smkd_cli.errors import InterruptedRunError, TrainingError
from smkd_cli.train.events import Interrupted
from smkd_cli.train.executors.contract import Accepted, Ended, ReportCell, WorkerExited
from smkd_cli.train.executors.failures import how_ended, lost, signal_name
from smkd_cli.train.executors.worker_process import WorkerProcess
from smkd_cli.train.machine.signals import StopRequest
from smkd_cli.train.run.task import Task

# How often signals are checked while waiting for workers.
_POLL_SECONDS = 0.2
# How many processes a cell may lose without being at fault.
_ATTEMPTS = 3


class WorkerPool:
    """Trains tasks in at most ``jobs`` processes at a time."""

    def __init__(self, tasks: Sequence[Task], jobs: int, stop: StopRequest, report: ReportCell) -> None:
        self._waiting = list(reversed(tasks))
        self._jobs, self._stop, self._report = jobs, stop, report
        self._workers: list[WorkerProcess] = []
        self._lost: Counter[str] = Counter()
        self._stuck: list[str] = []

    def busy(self) -> list[WorkerProcess]:
        """Those that have a cell."""
        return [worker for worker in self._workers if worker.task is not None]

    def run(self) -> None:
        """Until every cell is done, or, after a signal, saved."""
        while True:
            if self._stop:
                self._request_stop(self.busy())
            else:
                self._assign()
            if not self.busy():
                return
            for worker in self._ready():
                self._receive(worker)

    def shut_down(self) -> None:
        """Stop all workers; those that still train save first."""
        while self._workers:
            self._request_stop(self._workers)
            for worker in self._ready():
                worker.receive()
            self._remove_exited()

    def kill(self) -> None:
        """Kill all workers that are left."""
        for worker in self._workers:
            worker.kill()

    def summary_of_stop(self) -> str:
        """The message after a signal has stopped the pool."""
        if not self._stuck:
            return "stopped, everything is saved; the same command goes on"
        cells = ", ".join(self._stuck)
        return f"stopped; {cells}: did not answer, so the same command goes on from the last checkpoint there"

    def _ready(self) -> list[WorkerProcess]:
        """Those that have sent something."""
        workers: dict[object, WorkerProcess] = {worker.connection: worker for worker in self._workers}
        return [workers[each] for each in wait([worker.connection for worker in self._workers], timeout=_POLL_SECONDS)]

    def _request_stop(self, workers: Sequence[WorkerProcess]) -> None:
        for worker in workers:
            worker.request_stop()
            if worker.is_stuck():
                if worker.task is not None:
                    self._stuck.append(worker.task.cell.slug)
                worker.kill()
        self._remove_exited()

    def _remove_exited(self) -> None:
        self._workers = [worker for worker in self._workers if not worker.exited]

    def _staying(self) -> list[WorkerProcess]:
        return [worker for worker in self._workers if not worker.leaving]

    def _assign(self) -> None:
        for worker in self._staying():
            if self._waiting and worker.task is None:
                worker.train(self._waiting.pop())
        while self._waiting and len(self._staying()) < self._jobs:
            try:
                worker = WorkerProcess()
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
            cell = self._waiting.pop().cell
            self._report(cell, Ended(TrainingError(f"{cell.slug}: {error}")))

    def _receive(self, worker: WorkerProcess) -> None:
        task = worker.task
        message = worker.receive()
        self._remove_exited()
        if task is None:
            return
        match message:
            case Accepted() | console.Logged():
                pass
            case Ended(InterruptedRunError() as stopped):
                worker.request_stop()
                self._queue_again(task, f"was stopped ({signal_name(stopped.signal_number)})")
            case Ended():
                self._report(task.cell, message)
            case WorkerExited() if worker.accepted:
                self._report(task.cell, Ended(lost(task.cell, worker.exit_code())))
            case WorkerExited():
                self._queue_again(task, f"{how_ended(worker.exit_code())} before it began")
            case event:
                self._report(task.cell, event)

    def _queue_again(self, task: Task, what: str) -> None:
        """Try a cell again whose worker has exited; it is saved, or was not begun."""
        if self._stop:
            return
        cell = task.cell
        self._report(cell, Interrupted())
        self._lost[cell.slug] += 1
        if self._lost[cell.slug] < _ATTEMPTS:
            console.warn(f"{cell.slug}: its process {what}; the cell goes on in another")
            self._waiting.append(task)
        else:
            again = "the same command goes on"
            self._report(cell, Ended(TrainingError(f"{cell.slug}: its process {what}, {_ATTEMPTS} times; {again}")))
