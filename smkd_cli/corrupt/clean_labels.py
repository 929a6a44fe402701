"""Where the clean labels come from: a named data set, a CSV of one's own, or another manifest."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from smkd_cli import console
from smkd_cli.artifacts.class_labels import class_numbers
from smkd_cli.artifacts.foreign import SNIFFED
from smkd_cli.artifacts.manifest import Manifest, read_manifest, read_manifest_csv
from smkd_cli.artifacts.manifest_checks import check_labels
from smkd_cli.artifacts.text_lines import name_of, opened
from smkd_cli.corrupt.label_file import CLEAN, LABEL, NOISY, read_label_file
from smkd_cli.corrupt.remarks import remark, remark_on_columns
from smkd_cli.data import find
from smkd_cli.data.dataset import noise_base
from smkd_cli.errors import DataError, UsageError
from smkd_cli.naming import name_from
from smkd_cli.registry import called
from smkd_cli.words import plain

_SCHEMA = re.compile(rb'(\xef\xbb\xbf)?([\s,;]|"?sep=[^\r\n]*[\r\n])*"?# schema:')


@dataclass(frozen=True, eq=False)
class CleanLabels:
    """Labels to corrupt.

    Attributes:
        name: what they are called in the manifest and its path.
        split: of the data set.
        dataset: the data set's own name whose classes they are, for asymmetric noise.
        class_names: one per class; their numbers where they have no names.
        labels: int64 (n,), each in 0 … C - 1.
        image: str (n,), or None where images have no names.
        clean_labels: int64 (n,), where ``labels`` may be wrong already and the clean ones are known.
        trusted: whether ``labels`` are taken to be clean where nothing else is known.
    """

    name: str
    split: str
    dataset: str
    class_names: Sequence[str | int]
    labels: NDArray[np.int64]
    image: NDArray[Any] | None
    clean_labels: NDArray[np.int64] | None = None
    trusted: bool = True

    @property
    def right(self) -> NDArray[np.int64] | None:
        """int64 (n,), the labels that are taken to be right; None where nobody knows them."""
        return self.labels if self.trusted else self.clean_labels

    def base_of(self, kind: str) -> NDArray[np.int64]:
        """int64 (n,), what noise of a kind is drawn from; see :meth:`smkd_cli.data.Labels.base_of`."""
        return noise_base(kind, self.labels, self.right)


def from_dataset(name: str, root: Path) -> CleanLabels:
    """The training labels of a named data set; its images are read only where its labels cannot be had without.

    Raises:
        UsageError: there is no such data set.
        DataError: its files are missing or damaged.
    """
    dataset = find(name, root)
    train = dataset.labels("train")
    # Its own name, as training writes it too: a path says where its code is today, and not whose labels they are.
    return CleanLabels(
        dataset.name,
        "train",
        dataset.name,
        dataset.class_names,
        train.labels,
        train.image_ids,
        train.verified,
        train.trusted,
    )


def from_file(
    source: str,
    column: str | None,
    classes: int | None,
    dataset: str,
    *,
    separator: str | None = None,
    given: bool = False,
) -> CleanLabels:
    """The labels of a CSV file with a header line, or the clean labels of a manifest.

    Args:
        source: path of the file; ``-`` is stdin. Its column ``image``, if it has one, names the images.
        column: the column that holds the labels, class numbers or names; None for ``label``, or, where that is not
            there, ``noisy_label`` if they are ``given``. A manifest's is ``clean_label`` always.
        classes: number of classes; None for the largest label plus one, for as many as there are names, or for what the
            manifest has.
        dataset: the data set whose classes they are, for asymmetric noise; a manifest names its own.
        separator: see :func:`smkd_cli.corrupt.label_file.read_label_file`.
        given: whether they are noisy labels, to be taken as they are; then a column ``clean_label`` holds the clean
            ones.

    Raises:
        UsageError: the file has no such column, or another number of classes.
        DataError: the file cannot be read, or a label is no class; the message names the row.
    """
    name = name_of(source)
    if Path(source).suffix == ".parquet":
        return _from_manifest(read_manifest(source), name, classes, given)
    with opened(source) as stream:
        if _is_manifest(stream):
            return _from_manifest(read_manifest_csv(stream, name), name, classes, given)
        wanted = (LABEL, NOISY) if given else (LABEL,)
        file = read_label_file(stream, name, wanted if column is None else (column,), separator)
    if given and column is None and {LABEL, NOISY} <= set(file.columns):
        console.warn(f"{name}: its column {NOISY} is not used, {LABEL} is; --column {NOISY} takes it")
    column, clean = file.label.name, file.clean if given else None
    if file.clean is not None and not given:
        console.warn(
            f"{name}: its column {CLEAN} is not used, noise is drawn from {plain(column)} as if those were clean;"
            f" --column {CLEAN} draws from the clean ones, --kind given takes both as they are"
        )
    labels, names = class_numbers([file.label] if clean is None else [file.label, clean], file.place)
    declared = classes is not None
    classes = _number_of_classes(labels, names, classes, name)
    for label, each in zip(labels, (column, CLEAN), strict=False):
        check_labels(label, each, classes, file.place)
    if classes < 2:
        raise UsageError(f"{name}: labels need at least 2 classes, not 1: is {plain(column)} the column of labels?")
    remark_on_columns(name, file, column)
    remark(name, labels, classes, names, declared=declared, images=file.image is not None)
    own, clean_labels = called(dataset), labels[1] if len(labels) > 1 else None
    return CleanLabels(_stem(source), "train", own, names or range(classes), labels[0], file.image, clean_labels)


def _number_of_classes(
    labels: Sequence[NDArray[np.int64]], names: Sequence[str] | None, declared: int | None, name: str
) -> int:
    if names is None:
        return declared or 1 + max(int(label.max()) for label in labels)
    if declared not in (None, len(names)):
        raise UsageError(
            f"{name}: names {len(names)} classes and not the {declared} of --classes; where a class never occurs, the"
            " numbers of the others cannot be known from their names: write class numbers"
        )
    return len(names)


def _is_manifest(stream: BinaryIO) -> bool:
    start = stream.read(SNIFFED)
    stream.seek(0)
    return _SCHEMA.match(start) is not None


def _stem(source: str) -> str:
    """What labels are called that come from a file: its name, if it has one of its own."""
    if source == "-":
        return "stdin"
    path = Path(source)
    return (name_from(path.stem) if path.is_file() else "") or "labels"


def _from_manifest(manifest: Manifest, name: str, classes: int | None, given: bool) -> CleanLabels:
    if given:
        raise UsageError(f"{name}: is a manifest already; train on it as it is with `smkd train --manifest`")
    if classes is not None and classes != manifest.classes:
        raise UsageError(f"{name}: is a manifest of {manifest.classes} classes; leave out --classes {classes}")
    if manifest.clean_labels is None:
        raise DataError(f"{name}: is a manifest that does not know its clean labels, so there is nothing to corrupt")
    return CleanLabels(
        manifest.dataset,
        manifest.split,
        called(manifest.dataset),
        manifest.class_names or range(manifest.classes),
        manifest.clean_labels,
        manifest.image,
    )
