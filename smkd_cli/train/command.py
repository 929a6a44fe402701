"""What ``smkd train`` does: the cells of a recipe, and the paths of their run directories on stdout."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from smkd_cli import console, datasets
from smkd_cli.artifacts.run_directory import RunDirectory
from smkd_cli.errors import TrainingError, UsageError
from smkd_cli.recipe import Cell, Recipe, load_recipe
from smkd_cli.train import processes
from smkd_cli.train.grid import grid_on


def run(
    *,
    recipe: str,
    overrides: Sequence[str],
    profile: str | None,
    manifest: str | None,
    runs: Path,
    jobs: str,
    device: str,
    data: Path | None,
) -> None:
    """Train every cell of the recipe that is not finished yet.

    Raises:
        RecipeError, UsageError, DataError, InterruptedRunError: as their names say.
        TrainingError: some cells failed; the others are finished.
    """
    if jobs != "auto" and not (jobs.isdecimal() and int(jobs) > 0):
        raise UsageError(f"--jobs {jobs}: must be auto or a whole number from 1 on")
    with grid_on(manifest, load_recipe(recipe, overrides, profile), data) as (grid, cells):
        _train(grid, cells, runs, jobs, device, data)


def _train(grid: Recipe, cells: Sequence[Cell], runs: Path, jobs: str, device: str, data: Path | None) -> None:
    dataset = datasets.find(grid.dataset, data)
    if dataset.missing():
        dataset.verify()
    folder = runs / grid.name
    finished = [_is_finished(RunDirectory(folder / cell.slug), cell) for cell in cells]
    todo = [cell for cell, done in zip(cells, finished, strict=True) if not done]
    for cell, done in zip(cells, finished, strict=True):
        if done:
            console.emit(str(folder / cell.slug))
    if len(todo) < len(cells):
        console.say(f"{len(cells) - len(todo)} of {len(cells)} cells were finished before")
    if todo:
        _train_cells(todo, folder, jobs, device, data)


def _is_finished(directory: RunDirectory, cell: Cell) -> bool:
    if directory.finished() is None:
        return False
    directory.claim(cell.to_yaml())
    return True


def _train_cells(cells: Sequence[Cell], folder: Path, jobs: str, device: str, data: Path | None) -> None:
    if jobs != "1" and len(cells) > 1:
        processes.get_ready()
    # Imported only now: a wrong recipe or absent data is told before torch takes its seconds to load.
    from smkd_cli.train.calibrate import benches, choose_jobs, choose_setup
    from smkd_cli.train.cell import Place
    from smkd_cli.train.display import watching
    from smkd_cli.train.pool import run_cells
    from smkd_cli.train.site import choose_device
    from smkd_cli.train.stopping import StopRequest

    stop = StopRequest()
    with stop.listening(signal.SIGINT, signal.SIGTERM), benches(stop) as measuring:
        where, setups = choose_device(device), {}
        for cell in cells:
            if _kind(cell) not in setups:
                setups[_kind(cell)] = choose_setup(cell.training, where, measuring)
        if jobs == "auto":
            kinds = {_kind(cell): cell.training for cell in cells}
            most = (
                min(choose_jobs(kinds[kind], setup, measuring) for kind, setup in setups.items())
                if len(cells) > 1
                else 1
            )
            jobs = str(most)
    failed: list[str] = []
    with watching(cells) as watch:

        def tell(cell: Cell, event: dict[str, Any]) -> None:
            watch(cell, event)
            if event["event"] in {"finished", "skipped"}:
                console.emit(str(folder / cell.slug))
            elif event["event"] == "failed":
                failed.append(event["error"])

        tasks = [(cell, Place(folder / cell.slug, data, setups[_kind(cell)])) for cell in cells]
        run_cells(tasks, min(int(jobs), len(tasks)), tell)
    if failed:
        raise TrainingError(
            "\n".join([f"{len(failed)} of {len(cells)} cells failed, the others are finished:", *failed])
        )


def _kind(cell: Cell) -> tuple[tuple[str, str], int]:
    """What the best use of the machine depends on, within a grid."""
    return cell.training.networks, cell.training.batch_size
