"""The cells of a recipe whose noise may come from manifests."""

from __future__ import annotations

import fnmatch
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smkd_cli.artifacts.manifest import read_manifest, write_manifest
from smkd_cli.artifacts.text_lines import name_of
from smkd_cli.errors import UsageError
from smkd_cli.recipe import Cell, Recipe, fitting_cells, load_recipe
from smkd_cli.recipe.fit import GivenLabels
from smkd_cli.suggestions import nearest
from smkd_cli.words import listed, shortened, shown


@dataclass(frozen=True)
class GridRequest:
    """Which cells of which recipe to train, as given on the command line or by a Python program.

    Attributes:
        recipe: a file, the name of a shipped recipe, or ``-``; or a recipe, as data or read before.
        overrides: of ``--set``.
        profile: of ``--profile``.
        manifest: labels instead of the recipe's noise.
        dataset: of ``--dataset``.
        cells: patterns of the names of cells, of which one must match; empty for all cells.
    """

    recipe: str | Mapping[str, Any] | Recipe
    overrides: Sequence[str] = ()
    profile: str | None = None
    manifest: str | None = None
    cells: Sequence[str] = ()
    dataset: str | None = None


@contextmanager
def grid_of(request: GridRequest, data: Path) -> Iterator[tuple[Recipe, list[Cell]]]:
    """The recipe and the cells of a request.

    Labels from stdin (``-``) or a pipe are kept in a file while the block runs: they are read more than once, and
    worker processes cannot read our stdin.

    Raises:
        RecipeError: the recipe is wrong.
        UsageError: no cell matches a pattern.
        DataError: a manifest or a teacher cannot be read, or does not fit the data set; see :func:`fitting_cells`.
    """
    grid = load_recipe(request.recipe, request.overrides, request.profile, data=data, dataset=request.dataset)
    manifest = request.manifest
    if manifest is None:
        yield grid, _matching(fitting_cells(grid, data), request.cells)
        return
    labels = read_manifest(manifest)
    with tempfile.TemporaryDirectory(prefix="smkd-") as scratch:
        path = manifest
        if not Path(manifest).is_file():
            path = str(Path(scratch) / "labels.csv")
            write_manifest(Path(path), labels)
        on_labels = grid.with_labels_from(path, labels.kind, labels.rate)
        cells = fitting_cells(on_labels, data, GivenLabels(name_of(manifest), labels))
        del labels  # there may be millions, and each cell reads them for itself
        yield on_labels, _matching(cells, request.cells)


def _matching(cells: list[Cell], patterns: Sequence[str]) -> list[Cell]:
    """Cells whose name one of the patterns matches, as a shell does, whatever its case."""
    if not patterns:
        return cells
    names = [cell.slug for cell in cells]
    chosen: set[str] = set()
    for pattern in patterns:
        matches = fnmatch.filter(names, pattern.lower())  # names have no capitals
        if not matches:
            near = listed(nearest(pattern.strip("*"), names))
            raise UsageError(f"--cells {shown(shortened(pattern))}: no cell is called so; the nearest are {near}")
        chosen.update(matches)
    return [cell for cell in cells if cell.slug in chosen]
