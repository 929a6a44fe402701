"""What an executor is given beside the cells to train, and what a worker sends to its parent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from smkd_cli.errors import SmkdError
from smkd_cli.recipe import Cell
from smkd_cli.train.events import Event

# Takes every event of every cell.
ReportEvent = Callable[[Cell, Event], None]
# Takes each cell once, with what went wrong; None if it is finished.
ReportEnd = Callable[[Cell, SmkdError | None], None]


@dataclass(frozen=True)
class Accepted:
    """The worker has taken its task on."""


@dataclass(frozen=True)
class Ended:
    """The worker is done with its task.

    Attributes:
        error: what went wrong; None if the cell is finished.
    """

    error: SmkdError | None


@dataclass(frozen=True)
class Gone:
    """The worker has ended, and sends nothing any more."""


Message = Accepted | Event | Ended | Gone
