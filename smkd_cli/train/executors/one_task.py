"""Trains one cell in this process; every executor does this in the end, on whatever machine."""

from __future__ import annotations

import signal
import sys
from contextlib import redirect_stdout

from smkd_cli.errors import InterruptedRunError
from smkd_cli.train.events import Event, Report
from smkd_cli.train.executors.compute import ComputeChooser
from smkd_cli.train.executors.contract import Ended
from smkd_cli.train.executors.failures import as_error
from smkd_cli.train.machine.signals import StopRequest, is_second_signal
from smkd_cli.train.run.task import Task

_compute_chooser = ComputeChooser()


def train_task(task: Task, report: Report, stop: StopRequest) -> Ended:
    """Train a cell in this process, or go on with it from its last checkpoint.

    A task without a compute configuration gets the fastest one, measured the first time (docs/performance.md).

    Args:
        task: the cell, its run directory, and the folder of the data sets; it can be pickled, for another process.
        report: takes the cell's events. What it raises is raised here, once what was trained is saved.
        stop: may be requested while the cell is trained.

    Returns:
        How the training ended, for the executor to report: finished, or with any error.

    Raises:
        InterruptedRunError: ``stop`` was requested; everything is saved.
    """
    if stop:
        raise InterruptedRunError(stop.signal_number, "stopped between two cells; the same command goes on")
    raised: list[BaseException] = []
    signal_number = 0

    stdout = sys.stdout

    def forward(event: Event) -> None:
        nonlocal signal_number
        try:
            if not raised:
                with redirect_stdout(stdout):
                    report(event)
        except BaseException as error:  # not the cell's fault: it is saved, as after a signal
            if is_second_signal(error, stop):
                raise
            raised.append(error)
            signal_number, stop.signal_number = stop.signal_number, stop.signal_number or signal.SIGTERM

    failure: BaseException | None = None
    try:
        with redirect_stdout(sys.stderr):  # what a plug-in prints is no data
            if task.compute is None:
                (task,), _ = _compute_chooser.choose([task], 1, stop)
            from smkd_cli.train.run.loop import train_cell

            train_cell(task, stop, forward)
    except InterruptedRunError:
        if not raised:
            raise
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plug-in may raise anything, and exit
        if is_second_signal(error, stop):
            raise
        failure = error
    if raised:
        stop.signal_number = signal_number
        raise raised[0] from failure
    return Ended(None if failure is None else as_error(task.cell, failure))
