"""Trains cells on this machine: one after another in this process, or several at a time in worker processes.

What goes wrong with a cell (its data, its training, its process) is reported of that cell, and the others are trained.
Only a signal, or a stdout that cannot be written to any more, ends the grid early.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from smkd_cli.errors import InterruptedRunError
from smkd_cli.train.executors.compute import ComputeChooser
from smkd_cli.train.executors.contract import Executor, ReportCell
from smkd_cli.train.executors.one_task import train_task
from smkd_cli.train.executors.worker_pool import WorkerPool
from smkd_cli.train.machine import processes
from smkd_cli.train.machine.signals import StopRequest, is_second_signal
from smkd_cli.train.run.task import Task


class LocalExecutor(Executor):
    """Trains on this machine; a cell gives the same bits however many are trained at a time."""

    name = "local"

    def __init__(self, jobs: int | None) -> None:
        super().__init__(jobs)
        self._compute_chooser = ComputeChooser()

    def load(self, cells: int) -> None:
        """Load torch, here and where workers come from."""
        if self.jobs != 1 and cells > 1:
            processes.get_ready()
        import smkd_cli.train.calibrate
        import smkd_cli.train.run.loop  # noqa: F401

    def run(self, tasks: Sequence[Task], report: ReportCell, stop: StopRequest) -> None:
        """Train all cells; how the machine is used is measured once, before the first begins."""
        ready, at_a_time = self._compute_chooser.choose(tasks, self.jobs, stop)
        if at_a_time == 1:
            _run_here(ready, report, stop)
        else:
            _run_in_workers(ready, at_a_time, report, stop)


def _run_here(tasks: Sequence[Task], report: ReportCell, stop: StopRequest) -> None:
    stop.announcement = lambda: _announcement(1)
    for task in tasks:
        report(task.cell, train_task(task, partial(report, task.cell), stop))
    if stop:
        raise InterruptedRunError(stop.signal_number, "stopped between two cells; the same command goes on")


def _run_in_workers(tasks: Sequence[Task], jobs: int, report: ReportCell, stop: StopRequest) -> None:
    pool = WorkerPool(tasks, jobs, stop, report)
    stop.announcement = lambda: _announcement(len(pool.busy()))
    try:
        try:
            pool.run()
        except BaseException as error:
            if not is_second_signal(error, stop):
                pool.shut_down()
            raise
        pool.shut_down()
    finally:  # after a second signal, this is all
        pool.kill()
    if stop:
        raise InterruptedRunError(stop.signal_number, pool.summary_of_stop())


def _announcement(count: int) -> str:
    return f"stopping: saving {count} cell{'s' if count != 1 else ''}; press again to end now"
