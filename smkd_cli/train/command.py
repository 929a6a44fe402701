"""What ``smkd train`` does: the cells of a recipe, and the paths of their run directories on stdout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from smkd_cli import console
from smkd_cli.data import find
from smkd_cli.errors import InterruptedRunError, SmkdError, StillTrainingError
from smkd_cli.recipe import Cell, Recipe
from smkd_cli.train.executors import Executor, Task, failures
from smkd_cli.train.grid import Asked, grid_of
from smkd_cli.train.machine.signals import SIGNALS, StopRequest
from smkd_cli.train.rounds import Rounds, is_finished
from smkd_cli.words import listed


def run(
    asked: Asked,
    *,
    runs: Path,
    device: str,
    executor: Executor,
    data: Path,
) -> None:
    """Train every cell of the grid that is not finished yet.

    Raises:
        RecipeError, UsageError, DataError, InterruptedRunError: as their names say.
        StillTrainingError: another process is training what is left; nothing failed.
        SmkdError: some cells failed, the others are finished; its exit code is the highest of theirs, so that 5 stands
            for a training that failed, and 4 for data or files that are wrong where no training failed.
    """
    with grid_of(asked, data) as (grid, cells):
        _train(grid, cells, runs, device, executor, data)


def _train(grid: Recipe, cells: Sequence[Cell], runs: Path, device: str, executor: Executor, data: Path) -> None:
    dataset = find(grid.dataset, data)
    if dataset.missing():
        dataset.verify()
    folder = runs / grid.name
    tasks, undone = _not_finished([Task(cell, folder / cell.slug, data, device=device) for cell in cells])
    held: list[Task] = []
    if tasks:
        for cell, error in undone:
            console.warn(f"{cell.slug} is left out: {error}")
        try:
            held = _train_cells(tasks, executor, undone)
        except InterruptedRunError as stopped:
            if undone:
                told = f"{stopped}\n{failures.summary(undone, len(cells))}"
                raise InterruptedRunError(stopped.signal_number, told) from None
            raise
    if undone:
        if held:
            console.warn(_still(held))
        raise failures.verdict(undone, len(cells))
    if held:
        raise StillTrainingError(f"{_still(held)}; the same command looks at them again")


def _not_finished(tasks: Sequence[Task]) -> tuple[list[Task], list[failures.Undone]]:
    """Cells that are to be trained, and those that cannot be; paths of finished ones go to stdout."""
    todo: list[Task] = []
    undone: list[failures.Undone] = []
    for task in tasks:
        try:
            finished = is_finished(task)
        except SmkdError as error:
            undone.append((task.cell, error))
            continue
        if finished:
            console.emit(str(task.directory))
        else:
            todo.append(task)
    before = len(tasks) - len(todo) - len(undone)
    if before:
        console.say(f"{before} of {len(tasks)} cells were finished before")
    return todo, undone


def _train_cells(tasks: Sequence[Task], executor: Executor, undone: list[failures.Undone]) -> list[Task]:
    """Have cells trained; what goes wrong with one is added to ``undone``. Gives those that another process trains."""
    from smkd_cli.train.display import watching

    stop = StopRequest()
    with stop.listening(*SIGNALS), watching([task.cell for task in tasks]) as watch:
        rounds = Rounds(executor, stop, watch)
        try:
            rounds.run(tasks)
        finally:
            undone += rounds.undone
    return rounds.held


def _still(held: Sequence[Task]) -> str:
    cells = "1 cell is" if len(held) == 1 else f"{len(held)} cells are"
    return f"{cells} being trained by another process: {listed([task.cell.slug for task in held])}"
