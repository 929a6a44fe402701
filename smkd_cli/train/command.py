"""What ``smkd train`` does: the cells of a recipe, and the paths of their run directories on stdout."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from smkd_cli import console, datasets
from smkd_cli.artifacts.manifest import Manifest, read_manifest, write_manifest
from smkd_cli.artifacts.run_directory import RunDirectory
from smkd_cli.errors import TrainingError
from smkd_cli.recipe import Cell, Recipe, expand, load_recipe
from smkd_cli.train.labels import same_labels


def run(
    *,
    recipe: str,
    overrides: Sequence[str],
    profile: str | None,
    manifest: str | None,
    runs: Path,
    jobs: int,
    device: str,
    data: Path | None,
) -> None:
    """Train every cell of the recipe that is not finished yet.

    Raises:
        RecipeError, UsageError, DataError, InterruptedRunError: as their names say.
        TrainingError: some cells failed; the others are finished.
    """
    grid = load_recipe(recipe, overrides, profile)
    with tempfile.TemporaryDirectory(prefix="smkd-") as scratch:
        if manifest is not None:
            labels = read_manifest(manifest)
            if manifest == "-":
                # Worker processes have no part in our stdin.
                manifest = str(Path(scratch) / "stdin.csv")
                write_manifest(Path(manifest), labels)
            grid = grid.with_labels_from(manifest, labels.kind, labels.rate)
        _train(grid, runs, jobs, device, data)


def _train(grid: Recipe, runs: Path, jobs: int, device: str, data: Path | None) -> None:
    given = {entry.manifest: read_manifest(entry.manifest) for entry in grid.noise if entry.manifest}
    cells = expand(grid, {path: (manifest.kind, manifest.rate) for path, manifest in given.items()})
    dataset = datasets.find(grid.dataset, data)
    if dataset.missing():
        dataset.verify()
    folder = runs / grid.name
    todo = [cell for cell in cells if not _is_finished(RunDirectory(folder / cell.slug), cell, given)]
    for cell in cells:
        if cell not in todo:
            console.emit(str(folder / cell.slug))
    if len(todo) < len(cells):
        console.say(f"{len(cells) - len(todo)} of {len(cells)} cells were finished before")
    if todo:
        _train_cells(todo, folder, jobs, device, data)


def _is_finished(directory: RunDirectory, cell: Cell, given: Mapping[str, Manifest]) -> bool:
    if directory.finished() is None:
        return False
    directory.claim(cell.to_yaml())
    if cell.noise.manifest:
        same_labels(directory.manifest, given[cell.noise.manifest])
    return True


def _train_cells(cells: Sequence[Cell], folder: Path, jobs: int, device: str, data: Path | None) -> None:
    # Imported only now: a wrong recipe or absent data is told before torch takes its seconds to load.
    from smkd_cli.train.cell import Place
    from smkd_cli.train.display import watching
    from smkd_cli.train.pool import run_cells
    from smkd_cli.train.site import choose_device, choose_threads, cores

    where = choose_device(device).type
    compute, epochs = cells[0].recipe.compute, cells[0].recipe.epochs
    if jobs == 0:
        jobs = 1 if where == "cuda" else max(1, cores() // choose_threads(compute.threads))
    failed: list[str] = []
    with watching(cells, epochs) as watch:

        def tell(cell: Cell, event: dict[str, Any]) -> None:
            watch(cell, event)
            if event["event"] in {"finished", "skipped"}:
                console.emit(str(folder / cell.slug))
            elif event["event"] == "failed":
                failed.append(event["error"])

        tasks = [(cell, Place(folder / cell.slug, data, where)) for cell in cells]
        run_cells(tasks, min(jobs, len(tasks)), tell)
    if failed:
        raise TrainingError(
            "\n".join([f"{len(failed)} of {len(cells)} cells failed, the others are finished:", *failed])
        )
