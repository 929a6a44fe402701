"""What a cell's training needs to be told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from smkd_cli.recipe import Cell
from smkd_cli.train.machine.setup import Setup


@dataclass(frozen=True)
class Task:
    """A cell to train: what, where, and how.

    Attributes:
        cell: what is trained.
        directory: the cell's run directory.
        data: folder of the data sets.
        setup: how the machine is used; None where that is not chosen yet (``train_cell`` then takes the usual way on a
            CPU).
        device: for whom it is not chosen yet: what ``--device`` asks for, auto, cpu or cuda.
    """

    cell: Cell
    directory: Path
    data: Path
    setup: Setup | None = None
    device: str = "auto"
