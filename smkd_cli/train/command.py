"""What ``smkd train`` does: the cells of a recipe, and the paths of their run directories on stdout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from smkd_cli import console
from smkd_cli.artifacts.run_directory import RunDirectory
from smkd_cli.data import DataSet, find
from smkd_cli.errors import InterruptedRunError, SmkdError
from smkd_cli.recipe import Cell, Recipe, load_recipe
from smkd_cli.train.events import Failed
from smkd_cli.train.executors import failures
from smkd_cli.train.grid import grid_on
from smkd_cli.train.machine import processes
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
    data: Path,
) -> None:
    """Train every cell of the recipe that is not finished yet.

    Raises:
        RecipeError, UsageError, DataError, InterruptedRunError: as their names say.
        SmkdError: some cells failed, the others are finished; its exit code is the highest of theirs, so that 5 stands
            for a training that failed, and 4 for data or files that are wrong where no training failed.
    """
    with grid_on(manifest, load_recipe(recipe, overrides, profile, data=data), data) as (grid, cells):
        _train(grid, cells, runs, jobs, device, data)


def _train(grid: Recipe, cells: Sequence[Cell], runs: Path, jobs: str, device: str, data: Path) -> None:
    dataset = find(grid.dataset, data)
    if dataset.missing():
        dataset.verify()
    folder = runs / grid.name
    todo, undone = _not_finished(cells, folder)
    if todo:
        for cell, error in undone:
            console.warn(f"{cell.slug} is left out: {error}")
        try:
            _train_cells(todo, folder, jobs, device, dataset, undone)
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


def _train_cells(
    cells: Sequence[Cell],
    folder: Path,
    jobs: str,
    device: str,
    dataset: DataSet,
    undone: list[failures.Undone],
) -> None:
    """Train cells, at most so many at a time; what goes wrong with one is added to ``undone``."""
    if jobs != "1" and len(cells) > 1:
        processes.get_ready()
    # Imported only now: a wrong recipe or absent data is told before torch takes its seconds to load.
    from smkd_cli.train.calibrate import benches, choose_jobs, choose_setup
    from smkd_cli.train.display import watching
    from smkd_cli.train.executors.local import run_cells
    from smkd_cli.train.machine.device import choose_device
    from smkd_cli.train.run.task import Task

    stop = StopRequest()
    with stop.listening(*SIGNALS):
        with benches(stop) as measuring:
            kinds = {_kind(cell): cell.training for cell in reversed(cells)}
            where = choose_device(device)
            setups = {kind: choose_setup(recipe, dataset, where, measuring) for kind, recipe in kinds.items()}
            if jobs == "auto" and len(cells) > 1:
                at_a_time = min(choose_jobs(kinds[kind], dataset, setup, measuring) for kind, setup in setups.items())
            else:
                at_a_time = 1 if jobs == "auto" else int(jobs)
        with watching(cells) as watch:

            def end(cell: Cell, error: SmkdError | None) -> None:
                if error is None:
                    console.emit(str(folder / cell.slug))
                    return
                undone.append((cell, error))
                watch(cell, Failed(str(error).removeprefix(f"{cell.slug}: ")))

            tasks = [Task(cell, folder / cell.slug, dataset.root, setups[_kind(cell)]) for cell in cells]
            run_cells(tasks, min(at_a_time, len(tasks)), stop, watch, end)


def _kind(cell: Cell) -> tuple[tuple[str, str], int]:
    """What the best use of the machine depends on, within a grid."""
    return cell.training.networks, cell.training.batch_size
