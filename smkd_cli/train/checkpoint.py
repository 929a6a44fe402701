"""What a checkpoint says beside its tensors."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, TypeAdapter
from torch import Tensor

from smkd_cli.artifacts.run_directory import CHECKPOINT_SCHEMA
from smkd_cli.artifacts.tensors import load_as
from smkd_cli.train.metrics_file import COLUMNS
from smkd_cli.train.session import Progress
from smkd_cli.train.setup import Setup

# What is said of an epoch that has ended, whatever the method.
_KNOWN = ("epoch", "test_accuracy_a", "test_accuracy_b", "test_accuracy_ensemble")


def _with_whole_rows(progress: Progress) -> Progress:
    """A row of metrics.csv for every epoch that has ended."""
    # The lengths first: the number may be enormous.
    if len(progress.rows) != progress.epoch - 1 or any(
        row.get("epoch") != epoch for epoch, row in enumerate(progress.rows, start=1)
    ):
        raise ValueError(f"the rows are not those of the epochs before {progress.epoch}")
    for row in progress.rows:
        if not _is_row(row):
            raise ValueError(f"the row of epoch {row['epoch']} is not one of metrics.csv")
    return progress


def _is_row(row: Mapping[str, Any]) -> bool:
    numbers = {name: value for name, value in row.items() if name != "stage" and value is not None}
    return (
        row.keys() <= set(COLUMNS)
        and isinstance(row.get("stage"), str)
        and numbers.keys() >= set(_KNOWN)
        and all(isinstance(value, Real) for value in numbers.values())
    )


class Checkpoint(BaseModel):
    """What a checkpoint says.

    Attributes:
        recipe_sha256: of the cell's recipe.
        setup: that the run began with.
        method_files: SHA-256 of the files of code that the cell names and of its teachers, by path.
    """

    progress: Annotated[Progress, AfterValidator(_with_whole_rows)]
    recipe_sha256: str
    setup: Setup
    method_files: dict[str, str] = {}


_FACTS = TypeAdapter(Checkpoint)


def load_checkpoint(path: Path) -> tuple[dict[str, Tensor], Checkpoint]:
    """The tensors by name, on the CPU, and what is said beside them.

    Raises:
        DataError: the file is missing, damaged or no checkpoint.
    """
    return load_as(path, CHECKPOINT_SCHEMA, _FACTS)
