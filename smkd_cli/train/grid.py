"""The cells of a recipe whose noise may come from manifests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from smkd_cli.artifacts.manifest import read_manifest, write_manifest
from smkd_cli.errors import DataError
from smkd_cli.recipe import Cell, Recipe, expand


@contextmanager
def grid_on(manifest: str | None, grid: Recipe) -> Iterator[Recipe]:
    """The grid on the labels of ``--manifest`` instead of its own noise, if there is one.

    Labels from stdin (``-``) lie in a file as long as the block runs: they are read more than once, and worker
    processes have no part in our stdin.

    Raises:
        DataError: the manifest cannot be read.
    """
    if manifest is None:
        yield grid
        return
    labels = read_manifest(manifest)
    with tempfile.TemporaryDirectory(prefix="smkd-") as scratch:
        if manifest == "-":
            manifest = str(Path(scratch) / "stdin.csv")
            write_manifest(Path(manifest), labels)
        yield grid.with_labels_from(manifest, labels.kind, labels.rate)


def cells_of(grid: Recipe) -> list[Cell]:
    """The cells, those on a manifest named by its noise and its checksum.

    Raises:
        DataError: a manifest cannot be read, or is not the one that the recipe names.
    """
    headers = {}
    for entry in grid.noise:
        if entry.manifest is not None:
            manifest = read_manifest(entry.manifest)
            if entry.sha256 not in {None, manifest.sha256}:
                raise DataError(f"{entry.manifest}: is not the manifest that the recipe names; its sha256 is another")
            headers[entry.manifest] = manifest.kind, manifest.rate, manifest.sha256
    return expand(grid, headers)
