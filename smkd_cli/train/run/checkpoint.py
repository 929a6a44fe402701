"""A cell's checkpoint: the facts beside its tensors, and how it is written and read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from numbers import Real
from typing import Annotated, Any

from pydantic import AfterValidator, AliasChoices, BaseModel, Field, TypeAdapter
from torch import Tensor

from smkd_cli.artifacts.files import sha256_of
from smkd_cli.artifacts.run_directory import CHECKPOINT_SCHEMA, EARLIER_CHECKPOINT_SCHEMA, RunDirectory
from smkd_cli.artifacts.tensors import load_as, save_tensors
from smkd_cli.errors import DataError
from smkd_cli.train.machine.compute import ComputeConfig
from smkd_cli.train.run.metrics_file import COLUMNS
from smkd_cli.train.run.state import Progress, TrainingState
from smkd_cli.words import shown

# Columns with a value in every row, whatever the method.
_ALWAYS_KNOWN = ("epoch", "test_accuracy_a", "test_accuracy_b", "test_accuracy_ensemble")


def _with_whole_rows(progress: Progress) -> Progress:
    """Check that there is a row of metrics.csv for every epoch that has ended."""
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
        and numbers.keys() >= set(_ALWAYS_KNOWN)
        and all(isinstance(value, Real) for value in numbers.values())
    )


class Checkpoint(BaseModel):
    """The facts of a checkpoint.

    Attributes:
        recipe_sha256: of the cell's recipe.
        compute: that the run began with.
        method_files: SHA-256 of the files of code that the cell names and of its teachers, by path.
    """

    progress: Annotated[Progress, AfterValidator(_with_whole_rows)]
    recipe_sha256: str
    compute: Annotated[ComputeConfig, Field(validation_alias=AliasChoices("compute", "setup"))]
    method_files: dict[str, str] = {}


_FACTS = TypeAdapter(Checkpoint)


def save_checkpoint(directory: RunDirectory, state: TrainingState, method_files: dict[str, str]) -> None:
    """Write all that resuming needs.

    Raises:
        DataError: the file cannot be written.
    """
    facts = {
        "progress": asdict(state.progress),
        "recipe_sha256": sha256_of(directory.recipe),
        "compute": state.pair.machine.compute.record(),
        "method_files": method_files,
    }
    save_tensors(directory.checkpoint, state.tensors(), CHECKPOINT_SCHEMA, facts)


def load_checkpoint(
    directory: RunDirectory, method_files: dict[str, str]
) -> tuple[dict[str, Tensor], Checkpoint] | None:
    """The tensors by name, on the CPU, and the facts beside them; None where there is no checkpoint.

    Raises:
        DataError: the file is damaged, no checkpoint, or that of another cell or method.
    """
    path = directory.checkpoint
    if not path.exists():
        return None
    tensors, facts = load_as(path, CHECKPOINT_SCHEMA, _FACTS, EARLIER_CHECKPOINT_SCHEMA)
    if facts.recipe_sha256 != sha256_of(directory.recipe):
        raise DataError(f"{shown(path)}: is the checkpoint of another cell; remove it to start again")
    # The recipe is the same, so what was not recorded then is a file beside these, which earlier versions left out.
    changed = [name for name, checksum in facts.method_files.items() if method_files.get(name) != checksum]
    if changed:
        raise DataError(f"{shown(path)}: {', '.join(changed)} has changed since; remove it to start again")
    return tensors, facts
