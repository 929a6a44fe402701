"""The interface of executors, and the messages that a worker process sends to its parent."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import isabstract
from typing import ClassVar, TypeGuard

from smkd_cli.console import Logged
from smkd_cli.errors import SmkdError
from smkd_cli.recipe import Cell
from smkd_cli.train.events import Event
from smkd_cli.train.machine.signals import StopRequest
from smkd_cli.train.run.task import Task


@dataclass(frozen=True)
class Accepted:
    """The worker has begun its task."""


@dataclass(frozen=True)
class Ended:
    """The training of a cell has ended.

    Attributes:
        error: what went wrong; None if the cell is finished, its result on the disk.
    """

    error: SmkdError | None = None


@dataclass(frozen=True)
class WorkerExited:
    """The worker process has exited; no message follows."""


Message = Accepted | Event | Logged | Ended | WorkerExited

# Takes the events of each cell, any number of them, and once how its training ended.
ReportCell = Callable[[Cell, Event | Ended], None]


class Executor(ABC):
    """Where the cells of a grid are trained.

    Attributes:
        name: what ``smkd train --executor`` calls it.

    Args:
        jobs: how many cells at a time, as ``--jobs`` says; None for as many as are fastest.
    """

    name: ClassVar[str]

    def __init__(self, jobs: int | None) -> None:
        self.jobs = jobs

    def load(self, cells: int) -> None:  # noqa: B027 (nothing to load by default)
        """Do slow imports for a grid of ``cells``. Called before signals are handled, so Ctrl-C ends it at once."""

    @abstractmethod
    def run(self, tasks: Sequence[Task], report: ReportCell, stop: StopRequest) -> None:
        """Train all cells, whatever happens to one of them.

        Args:
            tasks: the cells, each with its run directory, the folder of the data sets, and the device that the user
                asks for. The compute configuration (``compute``) is not in them: it is chosen where a cell is trained,
                which :func:`~smkd_cli.train.executors.train_task` does.
            report: to be called with each cell's events (optional) and once per cell with :class:`Ended` (required):
                the cell's path is then printed, or its error reported at the end. Call it from one thread at a time.
                What it raises ends the grid: save the cells in training, and let the exception pass.
            stop: true once the command received a signal to stop, ``stop.signal_number``. ``stop.announcement`` may be
                set to the message that is shown then.

        Raises:
            InterruptedRunError: ``stop`` was requested; everything is saved.
            SmkdError: no cell can be trained in this way.
        """


def is_executor(value: object) -> TypeGuard[type[Executor]]:
    """Whether a value is a concrete subclass of :class:`Executor` with a name."""
    return (
        isinstance(value, type)
        and issubclass(value, Executor)
        and not isabstract(value)
        and isinstance(getattr(value, "name", None), str)
    )
