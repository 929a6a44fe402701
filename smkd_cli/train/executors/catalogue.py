"""The executors by name, and how those of other packages are run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout

from smkd_cli.recipe import Cell
from smkd_cli.registry import EXECUTORS, Registry, used
from smkd_cli.train.events import Event
from smkd_cli.train.executors.contract import Ended, Executor, ReportCell, is_executor
from smkd_cli.train.machine.signals import StopRequest
from smkd_cli.train.run.task import Task

REGISTRY: Registry[type[Executor]] = Registry(EXECUTORS, is_executor, "concrete subclass of Executor with a name")


def find(name: str, jobs: int | None) -> Executor:
    """The executor of that name, or of ``FILE.py:NAME``, for ``jobs`` cells at a time.

    Raises:
        UnknownName: there is none.
        UsageError: it is not ours, and cannot be made.
    """
    made = REGISTRY.find(name)
    return made(jobs) if EXECUTORS.is_own(name) else _Guarded(name, used(_called(name), lambda: made(jobs)))


class _Guarded(Executor):
    """An executor of another package: what it prints goes to stderr; unexpected errors are reported as its own."""

    def __init__(self, name: str, inner: Executor) -> None:
        super().__init__(inner.jobs)
        self._called, self._inner = _called(name), inner

    def load(self, cells: int) -> None:
        used(self._called, lambda: self._inner.load(cells))

    def run(self, tasks: Sequence[Task], report: ReportCell, stop: StopRequest) -> None:
        stdout = sys.stdout

        def report_to_stdout(cell: Cell, what: Event | Ended) -> None:
            with redirect_stdout(stdout):
                report(cell, what)

        used(self._called, lambda: self._inner.run(tasks, report_to_stdout, stop))


def _called(name: str) -> str:
    return f"the executor {name}"
