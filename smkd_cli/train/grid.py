"""The cells of a recipe whose noise may come from manifests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from smkd_cli.artifacts.manifest import read_manifest, write_manifest
from smkd_cli.artifacts.text_lines import name_of
from smkd_cli.recipe import Cell, Recipe, fitting_cells
from smkd_cli.recipe.fit import GivenLabels


@contextmanager
def grid_on(manifest: str | None, grid: Recipe, data: Path) -> Iterator[tuple[Recipe, list[Cell]]]:
    """The grid, on the labels of ``--manifest`` instead of its own noise if there is one, and its cells.

    Labels from stdin (``-``) or a pipe lie in a file as long as the block runs: they are read more than once, and
    worker processes have no part in what our shell has opened.

    Raises:
        DataError: a manifest or a teacher cannot be read, or does not fit the data set; see :func:`fitting_cells`.
    """
    if manifest is None:
        yield grid, fitting_cells(grid, data)
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
        yield on_labels, cells
