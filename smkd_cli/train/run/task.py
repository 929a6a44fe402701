"""The input of a cell's training."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from smkd_cli.data.images.loading import Loading
from smkd_cli.recipe import Cell
from smkd_cli.train.machine.compute import ComputeConfig


@dataclass(frozen=True)
class Task:
    """A cell to train: what, where, and how.

    Attributes:
        cell: what is trained.
        directory: the cell's run directory.
        data: folder of the data sets.
        compute: the compute configuration; None where it is not chosen yet (``train_cell`` then takes the usual one of
            a CPU).
        device: what ``--device`` asks for (auto, cpu or cuda), where it is not chosen yet.
        loading: where images are kept, and how many threads decode them.
    """

    cell: Cell
    directory: Path
    data: Path
    compute: ComputeConfig | None = None
    device: str = "auto"
    loading: Loading = field(default_factory=Loading)
