"""``smkd train --dry-run``: the cells of a recipe and what they cost, without torch and without training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from smkd_cli import console, methods, networks
from smkd_cli.artifacts.run_directory import RunDirectory
from smkd_cli.data import DataSet, opened_once
from smkd_cli.data.hold_out import held_out_count
from smkd_cli.features import dataset_of
from smkd_cli.recipe import Cell
from smkd_cli.train.grid import GridRequest, grid_of
from smkd_cli.train.step.schedule import steps_per_epoch
from smkd_cli.train.step.stages import StageSchedule
from smkd_cli.words import printable


@dataclass(frozen=True)
class Cost:
    """What training costs; measuring accuracy on the side is not counted.

    Attributes:
        steps: optimisation steps of each peer.
        images: training images that go through the pair.
        operations: floating-point operations of both peers, forward and backward.
    """

    steps: int = 0
    images: int = 0
    operations: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.steps + other.steps, self.images + other.images, self.operations + other.operations)


def cost_of(cell: Cell, dataset: DataSet) -> Cost:
    """What one cell costs, on its data set."""
    recipe = cell.training
    images = dataset.train_size - held_out_count(dataset, recipe.validation.fraction)
    per_image = sum(
        networks.facts(name).training_operations(
            dataset.seen_by(peer, recipe.seen(dataset.image_shape)), dataset.classes
        )
        for peer, name in enumerate(recipe.trained)
    )
    steps = steps_per_epoch(images, recipe.batch_size)
    epochs = StageSchedule(methods.build(cell.method, cell.options), recipe.epochs).epochs
    seen = min(images, steps * recipe.batch_size) * epochs
    return Cost(steps * epochs, seen, per_image * seen)


def run(request: GridRequest, *, runs: Path, data: Path) -> None:
    """Print a line per cell: name, steps, images, and ``finished`` or ``to train``, with tabs between.

    A table of what is finished and what is left goes to stderr.

    Raises:
        RecipeError: the recipe is wrong.
        UsageError: no cell matches ``cells``.
        DataError: a manifest, a teacher or a result is missing, damaged or does not fit.
    """
    totals: dict[str, list[Cost]] = {"finished": [], "to train": []}
    with opened_once(), grid_of(request, data) as (grid, cells):
        folder, dataset = runs / grid.name, dataset_of(grid.dataset.reference, grid.frozen, data)
        for cell in cells:
            cost = cost_of(cell, dataset)
            state = "to train" if RunDirectory(folder / cell.slug).finished() is None else "finished"
            totals[state].append(cost)
            console.emit(f"{cell.slug}\t{cost.steps}\t{cost.images}\t{state}")
        used = dict.fromkeys(name for cell in cells for name in cell.recipe.networks)
        _show(f"{grid.name}: {grid.dataset.title}, {' and '.join(used)}, in {folder}", totals)


def _show(title: str, totals: dict[str, list[Cost]]) -> None:
    from rich.table import Table

    table = Table(title=printable(title), title_justify="left")
    table.add_column("")
    for heading in ("cells", "steps", "images through the pair", "PFLOP"):
        table.add_column(heading, justify="right")
    for state, costs in {**totals, "all": [*totals["finished"], *totals["to train"]]}.items():
        total = sum(costs, Cost())
        table.add_row(
            state, f"{len(costs)}", f"{total.steps:,}", f"{total.images:,}", _three_digits(total.operations / 1e15)
        )
    console.people().print(table)


def _three_digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
