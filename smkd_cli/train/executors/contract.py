"""What an executor is, what it is given beside the cells to train, and what a worker sends to its parent."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import isabstract
from typing import ClassVar, TypeGuard

from smkd_cli.errors import SmkdError
from smkd_cli.recipe import Cell
from smkd_cli.train.events import Event
from smkd_cli.train.machine.signals import StopRequest
from smkd_cli.train.run.task import Task


@dataclass(frozen=True)
class Accepted:
    """The worker has taken its task on."""


@dataclass(frozen=True)
class Ended:
    """Whoever trained a cell is done with it.

    Attributes:
        error: what went wrong; None if the cell is finished, its result on the disk.
    """

    error: SmkdError | None = None


@dataclass(frozen=True)
class Gone:
    """The worker has ended, and sends nothing any more."""


Message = Accepted | Event | Ended | Gone

# Takes what happens to each cell: any number of events, and once how it ended.
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

    def load(self, cells: int) -> None:  # noqa: B027 (by default there is nothing to load)
        """Load what takes a while to load, for so many cells: before signals are saved up, so that Ctrl-C ends it."""

    @abstractmethod
    def run(self, tasks: Sequence[Task], report: ReportCell, stop: StopRequest) -> None:
        """Train all cells, whatever happens to one of them.

        Args:
            tasks: the cells, each with its run directory, the folder of the data sets, and the device that the user
                asks for. The compute configuration (``compute``) is not in them: it is chosen where a cell is trained,
                which :func:`~smkd_cli.train.executors.train_task` does.
            report: takes each cell's events, which may be left out, and once per cell :class:`Ended`, which may not:
                the cell's path is then printed, or its error told at the end. To be called from one thread at a time.
                What it raises ends the grid: save what is being trained, and let it pass.
            stop: true once a signal asked the command to stop; ``stop.signal_number`` says which. ``stop.announcement``
                may be set to what is said then.

        Raises:
            InterruptedRunError: ``stop`` was requested; everything is saved.
            SmkdError: no cell can be trained in this way.
        """


def is_executor(value: object) -> TypeGuard[type[Executor]]:
    """Whether a value is a class of executors with all that it asks for."""
    return (
        isinstance(value, type)
        and issubclass(value, Executor)
        and not isabstract(value)
        and isinstance(getattr(value, "name", None), str)
    )
