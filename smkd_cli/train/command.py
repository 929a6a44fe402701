"""What ``smkd train`` does: the cells of a recipe, and the paths of their run directories on stdout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from smkd_cli import console
from smkd_cli.artifacts.run_directory import RunDirectory
from smkd_cli.data import find
from smkd_cli.errors import InterruptedRunError, SmkdError, TrainingError
from smkd_cli.recipe import Cell, Recipe, load_recipe
from smkd_cli.train.events import Event, Failed
from smkd_cli.train.executors import Ended, Executor, Task, failures
from smkd_cli.train.executors import find as find_executor
from smkd_cli.train.grid import grid_on
from smkd_cli.train.machine.signals import SIGNALS, StopRequest


def run(
    *,
    recipe: str,
    overrides: Sequence[str],
    profile: str | None,
    manifest: str | None,
    runs: Path,
    jobs: str,
    device: str,
    executor: str,
    data: Path,
) -> None:
    """Train every cell of the recipe that is not finished yet.

    Raises:
        RecipeError, UsageError, DataError, InterruptedRunError: as their names say.
        SmkdError: some cells failed, the others are finished; its exit code is the highest of theirs, so that 5 stands
            for a training that failed, and 4 for data or files that are wrong where no training failed.
    """
    where = find_executor(executor, None if jobs == "auto" else int(jobs))
    with grid_on(manifest, load_recipe(recipe, overrides, profile, data=data), data) as (grid, cells):
        _train(grid, cells, runs, device, where, data)


def _train(grid: Recipe, cells: Sequence[Cell], runs: Path, device: str, executor: Executor, data: Path) -> None:
    dataset = find(grid.dataset, data)
    if dataset.missing():
        dataset.verify()
    folder = runs / grid.name
    todo, undone = _not_finished(cells, folder)
    if todo:
        for cell, error in undone:
            console.warn(f"{cell.slug} is left out: {error}")
        try:
            _train_cells([Task(cell, folder / cell.slug, data, device=device) for cell in todo], executor, undone)
        except InterruptedRunError as stopped:
            if undone:
                told = f"{stopped}\n{failures.summary(undone, len(cells))}"
                raise InterruptedRunError(stopped.signal_number, told) from None
            raise
    if undone:
        raise failures.verdict(undone, len(cells))


def _not_finished(cells: Sequence[Cell], folder: Path) -> tuple[list[Cell], list[failures.Undone]]:
    """Cells that are to be trained, and those that cannot be; paths of finished ones go to stdout."""
    todo: list[Cell] = []
    undone: list[failures.Undone] = []
    for cell in cells:
        try:
            finished = _is_finished(RunDirectory(folder / cell.slug), cell)
        except SmkdError as error:
            undone.append((cell, error))
            continue
        if finished:
            console.emit(str(folder / cell.slug))
        else:
            todo.append(cell)
    before = len(cells) - len(todo) - len(undone)
    if before:
        console.say(f"{before} of {len(cells)} cells were finished before")
    return todo, undone


def _is_finished(directory: RunDirectory, cell: Cell) -> bool:
    if directory.finished() is None:
        return False
    directory.claim(cell.to_yaml())
    return True


def _train_cells(tasks: Sequence[Task], executor: Executor, undone: list[failures.Undone]) -> None:
    """Have cells trained; what goes wrong with one is added to ``undone``."""
    from smkd_cli.train.display import watching

    waiting = {task.cell.slug: task for task in tasks}
    stop = StopRequest()
    with stop.listening(*SIGNALS), watching([task.cell for task in tasks]) as watch:

        def report(cell: Cell, what: Event | Ended) -> None:
            if not isinstance(what, Ended):
                watch(cell, what)
            elif (task := waiting.pop(cell.slug, None)) is None:
                return  # it was told before
            elif what.error is None:
                console.emit(str(task.directory))
            else:
                undone.append((cell, what.error))
                watch(cell, Failed(str(what.error).removeprefix(f"{cell.slug}: ")))

        executor.run(tasks, report, stop)
    if stop and waiting:
        raise InterruptedRunError(stop.signal_number, "stopped; the same command goes on")
    untold = "the executor did not say what became of it"
    undone += [(task.cell, TrainingError(f"{task.cell.slug}: {untold}")) for task in waiting.values()]
