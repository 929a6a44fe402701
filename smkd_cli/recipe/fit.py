"""Checks before training that the files that a grid names, manifests and teachers, fit its data set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from smkd_cli import console, methods
from smkd_cli.artifacts.manifest import Manifest, read_manifest
from smkd_cli.artifacts.peer import peer_file, read_peer_facts
from smkd_cli.data import DataSet, find
from smkd_cli.data import names as dataset_names
from smkd_cli.errors import DataError
from smkd_cli.methods.asking import answer
from smkd_cli.networks.trained import PRETRAINED, locate
from smkd_cli.recipe.cell import Cell
from smkd_cli.recipe.document import problem_lines
from smkd_cli.recipe.expand import Header, expand, methods_under
from smkd_cli.recipe.schema import MethodEntry, NoiseEntry, Recipe
from smkd_cli.words import shown


@dataclass(frozen=True)
class GivenLabels:
    """A manifest, and what messages call it."""

    name: str
    manifest: Manifest


def fitting_cells(grid: Recipe, data: Path, given: GivenLabels | None = None) -> list[Cell]:
    """The cells of a grid, if every file that it names is there and fits; those on a manifest carry its checksum.

    Where the data set is not here, the names of images cannot be checked, which is reported. It is read only for them.

    Args:
        data: folder of the data sets.
        given: the labels of the grid's manifest, where they have been read already.

    Raises:
        DataError: every manifest and teacher that is missing, damaged, or of other classes or images.
        RecipeError: as :func:`expand`.
    """
    dataset = find(grid.dataset.reference, data)
    problems: list[str] = []
    headers: dict[str, Header] = {}
    ignorant: dict[str, str] = {}
    for entry in grid.noise:
        if entry.manifest is None or entry.manifest in headers:
            continue
        try:
            labels = given or GivenLabels(entry.manifest, _read(entry))
            problems += _misfits_here(labels, dataset)
        except DataError as error:
            problems.append(str(error))
            continue
        manifest = labels.manifest
        headers[entry.manifest] = manifest.kind, manifest.rate, manifest.sha256
        if manifest.clean_labels is None:
            ignorant[entry.manifest] = labels.name
    problems += _unfit_methods(grid, ignorant, dataset)
    problems += _missing_weights(grid, data)
    if problems:
        raise DataError(problem_lines(list(dict.fromkeys(problems))))
    return expand(grid, headers)


def misfits(name: str, manifest: Manifest, dataset: DataSet, images: NDArray[Any] | None = None) -> Iterator[str]:
    """What keeps the labels of a manifest from being those of a data set's training images.

    Args:
        name: what messages call the manifest.
        images: str (n,), the names of the training images, or None where they are not known.
    """
    if manifest.classes != dataset.classes:
        yield (
            f"{name}: has {manifest.classes} classes but {dataset.name} has {dataset.classes}; "
            f"is it the manifest of another data set ({manifest.dataset})?"
        )
    else:
        try:
            manifest.with_classes(dataset.class_names)
        except DataError as error:
            yield f"{name}: its classes are not those of {dataset.name}: {error}"
    if manifest.split == "test":
        yield f"{name}: has the labels of test images; training needs those of the training images"
    elif images is not None:
        try:
            manifest.aligned_to(images)
        except DataError as error:
            yield f"{name}: {error}"
    elif len(manifest.noisy_labels) != dataset.train_size:
        yield f"{name}: has labels of {len(manifest.noisy_labels)} images, but {dataset.name} has {dataset.train_size}"


def _read(entry: NoiseEntry) -> Manifest:
    path = Path(f"{entry.manifest}")
    if path.exists() and not path.is_file():
        raise DataError(f"{shown(path)}: is no file that every cell can read; give a pipe with --manifest")
    manifest = read_manifest(path)
    if entry.sha256 not in {None, manifest.sha256}:
        raise DataError(f"{shown(path)}: is not the manifest that the recipe names; its sha256 is another")
    return manifest


def _misfits_here(labels: GivenLabels, dataset: DataSet) -> list[str]:
    """The misfits of a manifest, as far as they can be found with what of the data set is here."""
    names = labels.manifest.class_names
    if names is not None and names != dataset.class_names and {*names} == {*dataset.class_names}:
        console.info(
            f"{labels.name}: numbers its classes in another order than {dataset.name} does; they are matched by name"
        )
    images = None
    if labels.manifest.image is not None:
        if dataset.missing():
            console.info(f"{labels.name}: the names of its images are not checked, because {dataset.name} is not here")
        else:
            images = dataset.labels("train").image_ids
    return list(misfits(labels.name, labels.manifest, dataset, images))


def _unfit_methods(grid: Recipe, ignorant: Mapping[str, str], dataset: DataSet) -> Iterator[str]:
    """Methods that need clean labels where there are none, and teachers that are not there or of no use.

    Args:
        ignorant: the manifests without clean labels, with their names.
    """
    teachers: set[str] = set()
    for noise, entries in methods_under(grid):
        drawn_from = None if dataset.knows_clean_labels else dataset.name
        name = ignorant.get(noise.manifest) if noise.manifest else drawn_from
        for entry in entries:
            method = methods.build(entry.name, entry.options)
            teachers |= {companion.source for companion in answer(method, "companions") if companion.is_file}
            if name is not None and (needs := sorted(answer(method, "needs"))):
                yield _ignorance(name, entry, needs)
    for teacher in sorted(teachers):
        try:
            cell = read_peer_facts(peer_file(Path(teacher))).cell
        except DataError as error:
            yield f"the teacher {error}"
            continue
        theirs = find(cell.dataset, dataset.root) if cell.dataset in dataset_names() else dataset
        if cell.classes not in (None, dataset.classes) or theirs.image_shape[2] != dataset.image_shape[2]:
            yield (
                f"{shown(teacher)}: is no teacher for {dataset.name} ({dataset.classes} classes):"
                f" it was trained on {cell.dataset:.80}"
            )


def _missing_weights(grid: Recipe, data: Path) -> Iterator[str]:
    """Files of weights that are not there; what would be downloaded is left to training."""
    for network, weights in zip(grid.networks, grid.weights, strict=True):
        try:
            if weights not in {None, PRETRAINED}:
                locate(network, f"{weights}", data)
        except DataError as error:
            yield str(error)


def _ignorance(name: str, entry: MethodEntry, needs: Sequence[str]) -> str:
    return (
        f"{name}: holds no clean labels, and {entry.label or entry.name} needs {' and '.join(needs)}, known from them;"
        f" give it an estimate instead (smkd methods show {entry.name})"
    )
