"""The labels that a cell trains on: drawn by its recipe, or taken from a manifest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from smkd_cli import noise
from smkd_cli.artifacts.class_names import named
from smkd_cli.artifacts.manifest import Manifest, read_manifest, write_manifest
from smkd_cli.data import DataSet, Labels
from smkd_cli.data.hold_out import held_out_of
from smkd_cli.errors import DataError
from smkd_cli.recipe import Cell
from smkd_cli.recipe.fit import misfits


@dataclass(frozen=True)
class TrainingLabels:
    """Labels of the training images, in the order of the data set, and which samples are held out.

    Attributes:
        noisy_labels: (n,) int64, the labels to train on.
        clean_labels: (n,) int64, or None where they are not known; for statistics only.
        train_indices: (m,) int64, of the training samples, without those held out.
        held_out_indices: (h,) int64, of the noisy validation split; empty without one.
        noise: the noise entry of the result.
        manifest_rows: (n,) int64, where each image stands in the published manifest.
    """

    noisy_labels: np.ndarray
    clean_labels: np.ndarray | None
    train_indices: np.ndarray
    held_out_indices: np.ndarray
    noise: dict[str, Any]
    manifest_rows: np.ndarray


def labels_for(cell: Cell, dataset: DataSet, train: Labels, published: Path) -> TrainingLabels:
    """The labels of a cell; their manifest is written to ``published``, or compared with the one that is there.

    Args:
        train: the clean labels of its training images.

    Raises:
        DataError: a manifest is damaged, does not fit the data set, or is not that of an earlier part of this run.
    """
    manifest = read_manifest(cell.noise.manifest) if cell.noise.manifest else draw(cell, dataset, train)
    for misfit in misfits(cell.noise.manifest, manifest, dataset) if cell.noise.manifest else ():
        raise DataError(misfit)
    noisy_labels, clean_labels = manifest.with_classes(dataset.class_names).aligned_to(train.image_ids)
    if not published.exists():
        write_manifest(published, manifest)
    elif not _same(read_manifest(published), manifest):
        raise DataError(
            f"{published.parent}: was trained on other labels (see {published.name} in it); "
            "name another --runs, or move the directory away"
        )
    train_indices, held_out_indices = held_out_of(dataset, cell.recipe.validation.fraction, cell.seed)
    about = {
        "kind": manifest.kind,
        "rate": manifest.rate,
        "sampling": manifest.sampling,
        "seed": manifest.seed,
        "realised_rate": manifest.realised_rate,
        "manifest": None if cell.noise.manifest is None else manifest.sha256[:8],
    }
    rows = manifest.rows_of(train.image_ids)
    return TrainingLabels(noisy_labels, clean_labels, train_indices, held_out_indices, about, rows)


def _same(begun: Manifest, manifest: Manifest) -> bool:
    """Whether a run that began with one manifest may go on with the other; earlier ones do not name the classes."""
    named = None not in {begun.class_names, manifest.class_names}
    return begun.sha256 == manifest.sha256 and not (named and begun.class_names != manifest.class_names)


def draw(cell: Cell, dataset: DataSet, train: Labels) -> Manifest:
    """The manifest that ``smkd corrupt`` writes with the options of the cell's noise."""
    entry = cell.noise
    assert entry.kind is not None
    assert entry.sampling is not None
    is_drawn = entry.kind != noise.GIVEN
    rate, seed = entry.rate or 0.0, entry.seed or 0
    noisy_labels = noise.corrupt_labels(
        train.base_of(entry.kind),
        kind=entry.kind,
        rate=rate,
        classes=dataset.classes,
        seed=seed,
        sampling=entry.sampling,
        dataset=dataset.name,
    )
    return Manifest(
        dataset=dataset.name,
        split="train",
        classes=dataset.classes,
        kind=entry.kind,
        rate=rate if is_drawn else None,
        seed=seed if is_drawn else None,
        sampling=entry.sampling if is_drawn else None,
        transition_matrix=entry.kind if is_drawn else None,
        noisy_labels=noisy_labels,
        clean_labels=train.clean_labels,
        image=train.image_ids,
        class_names=named(dataset.class_names),
    )
