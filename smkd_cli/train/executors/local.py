"""Cells on this machine: one after another in this process, or several at a time in processes of their own.

What goes wrong with a cell (its data, its training, its process) is reported of that cell, and the others are trained.
Only a signal, or an output that nobody can write to any more, ends the grid before.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from smkd_cli.errors import InterruptedRunError, SmkdError
from smkd_cli.train.executors.contract import ReportEnd, ReportEvent
from smkd_cli.train.executors.failures import as_error
from smkd_cli.train.executors.worker_pool import WorkerPool
from smkd_cli.train.machine.signals import StopRequest
from smkd_cli.train.run.loop import train_cell
from smkd_cli.train.run.task import Task


def run_cells(tasks: Sequence[Task], jobs: int, stop: StopRequest, report: ReportEvent, end: ReportEnd) -> None:
    """Train all cells, whatever happens to one of them.

    What ``end`` raises ends the grid; the cells that are being trained are saved first. A cell gives the same bits
    whatever ``jobs`` is.

    Raises:
        InterruptedRunError: ``stop`` was requested; everything is saved.
    """
    if jobs == 1:
        _run_here(tasks, stop, report, end)
    else:
        _run_in_workers(tasks, jobs, stop, report, end)


def _run_here(tasks: Sequence[Task], stop: StopRequest, report: ReportEvent, end: ReportEnd) -> None:
    stop.announcement = lambda: _announcement(1)
    for task in tasks:
        problem: SmkdError | None = None
        try:
            train_cell(task, stop, partial(report, task.cell))
        except InterruptedRunError:
            raise
        except (Exception, SystemExit) as error:
            problem = as_error(task.cell, error)
        end(task.cell, problem)
        if stop:
            raise InterruptedRunError(stop.signal_number, "stopped between two cells; the same command goes on")


def _run_in_workers(tasks: Sequence[Task], jobs: int, stop: StopRequest, report: ReportEvent, end: ReportEnd) -> None:
    pool = WorkerPool(tasks, jobs, stop, report, end)
    stop.announcement = lambda: _announcement(len(pool.busy()))
    try:
        try:
            pool.run()
        except Exception:
            pool.shut_down()
            raise
        pool.shut_down()
    finally:  # after a second signal, this is all
        pool.kill()
    if stop:
        raise InterruptedRunError(stop.signal_number, pool.summary_of_stop())


def _announcement(count: int) -> str:
    return f"stopping: saving {count} cell{'s' if count != 1 else ''}; press again to end now"
