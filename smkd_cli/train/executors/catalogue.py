"""The executors by name, and how those of other packages are run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout

from smkd_cli.artifacts.run_directory import RunDirectory
from smkd_cli.errors import SmkdError, TrainingError, UsageError
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
    if EXECUTORS.is_own(name):
        return made(jobs)
    title = f"the {REGISTRY.title(name)}"
    inner = used(title, lambda: made(jobs))
    if not isinstance(inner, Executor):
        raise UsageError(f"{title} is no Executor, but {type(inner).__name__}")
    return _Guarded(title, inner, jobs)


class _Guarded(Executor):
    """An executor of another package: what it prints goes to stderr; unexpected errors are reported as its own."""

    def __init__(self, title: str, inner: Executor, jobs: int | None) -> None:
        super().__init__(jobs)
        self._title, self._inner = title, inner

    def load(self, cells: int) -> None:
        used(self._title, lambda: self._inner.load(cells), "load")

    def run(self, tasks: Sequence[Task], report: ReportCell, stop: StopRequest) -> None:
        stdout, by_name = sys.stdout, {task.cell.slug: task for task in tasks}

        def report_to_stdout(cell: Cell, what: Event | Ended) -> None:
            task = by_name.get(cell.slug) if isinstance(cell, Cell) else None
            if task is None:
                raise UsageError(f"{self._title} reports a cell that it was not given")
            checked = self._checked(task, what)
            with redirect_stdout(stdout):
                report(cell, checked)

        used(self._title, lambda: self._inner.run(tasks, report_to_stdout, stop), "run")

    def _checked(self, task: Task, what: Event | Ended) -> Event | Ended:
        """What an executor reports of a cell, if it can be so; one is finished if its result is there."""
        slug = task.cell.slug
        if isinstance(what, Event):
            return what
        if not isinstance(what, Ended):
            raise UsageError(f"{self._title} should report events or Ended, not {type(what).__name__}")
        if what.error is None and RunDirectory(task.directory).finished() is None:
            return Ended(TrainingError(f"{slug}: {self._title} reports it as finished, and it has no result"))
        if what.error is not None and not isinstance(what.error, SmkdError):
            kind = type(what.error).__name__
            return Ended(TrainingError(f"{slug}: {self._title} reports an error that is {kind}, not SmkdError"))
        return what
