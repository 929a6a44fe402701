"""Which code and files a training goes by besides the package, so that it goes on with the same alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from smkd_cli import methods
from smkd_cli.artifacts.files import sha256_of
from smkd_cli.artifacts.peer import peer_file
from smkd_cli.data import REGISTRY as DATA
from smkd_cli.data.augmentation import REGISTRY as AUGMENTATION
from smkd_cli.methods import Method
from smkd_cli.networks import library_of
from smkd_cli.networks.catalogue import REGISTRY as NETWORKS
from smkd_cli.networks.trained import locate
from smkd_cli.noise.catalogue import REGISTRY as NOISE
from smkd_cli.recipe import Cell
from smkd_cli.registry import Registry, file_of, imported_by, path_of
from smkd_cli.train.run.oracle import teachers_of


def files_of(cell: Cell, method: Method, data: Path) -> dict[str, str]:
    """SHA-256 of the files that a cell names: of code that is not the package's, of weights, and of teachers.

    With the code are the files beside it that it imports. Of code that another package offers, the package's version.

    Args:
        data: folder of the data sets.
    """
    noise = [cell.noise.kind] if cell.noise.kind and not cell.noise.manifest else []
    rules = [rule.name for rule in cell.training.augmentation.rules]
    dataset = [cell.recipe.dataset.name] if cell.recipe.dataset.name else []
    networks = [name for name in cell.recipe.networks if library_of(name) is None]
    kinds: list[tuple[Registry[Any], Sequence[str]]] = [
        (methods.REGISTRY, methods.parts_of(cell.method)),
        (NETWORKS, networks),
        (NOISE, noise),
        (DATA, dataset),
        (AUGMENTATION, rules),
    ]
    packages = dict(found for registry, each in kinds for name in each if (found := registry.package_of(name)))
    names = [name for _, each in kinds for name in each]
    paths = [path for name in names if (path := file_of(name))]
    paths += [str(beside) for path in paths for beside in imported_by(path_of(path))]
    weights = zip(cell.recipe.networks, cell.recipe.weights, strict=True)
    paths += [str(locate(network, path, data)) for network, path in weights if path]
    files = {path: path_of(path) for path in paths} | {name: peer_file(Path(name)) for name in teachers_of(method)}
    return {name: sha256_of(path) for name, path in files.items() if path.is_file()} | packages
