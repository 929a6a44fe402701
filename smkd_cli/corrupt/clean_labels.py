"""Where the clean labels come from: a named data set, a CSV of one's own, or another manifest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from smkd_cli.artifacts.csv_columns import name_of, next_fields, next_line, opened, read_columns, rows_of
from smkd_cli.artifacts.manifest import Manifest, read_manifest, read_manifest_csv
from smkd_cli.artifacts.manifest_checks import check_labels
from smkd_cli.errors import DataError, UsageError

_FIRST_LINE = 2  # of the rows: the header is line 1


@dataclass(frozen=True, eq=False)
class CleanLabels:
    """Labels to corrupt.

    Attributes:
        name: what they are called in the manifest and its path.
        split: of the data set.
        dataset: the data set whose classes they are, for asymmetric noise.
        class_names: one per class; their numbers where they have no names.
        label: int64 (n,), each in 0 … C - 1.
        image: str (n,), or None where images have no names.
    """

    name: str
    split: str
    dataset: str
    class_names: Sequence[str | int]
    label: NDArray[np.int64]
    image: NDArray[Any] | None


def from_dataset(name: str, root: Path | None) -> CleanLabels:
    """The training labels of a named data set.

    Raises:
        UsageError: there is no such data set.
        DataError: its files are missing or damaged.
    """
    from smkd_cli.datasets import find

    dataset = find(name, root)
    split = dataset.split("train")
    return CleanLabels(name, "train", name, dataset.class_names, split.labels, split.image_ids)


def from_file(source: str, column: str, classes: int | None, dataset: str) -> CleanLabels:
    """The labels of a CSV file with a header line, or the clean labels of a manifest.

    Args:
        source: path of the file; ``-`` is stdin. Its column ``image``, if it has one, names the images.
        column: the column that holds the labels; a manifest's is ``clean_label`` always.
        classes: number of classes; None for the largest label plus one, or what the manifest says.
        dataset: the data set whose classes they are, for asymmetric noise; a manifest names its own.

    Raises:
        UsageError: the file has no such column.
        DataError: the file cannot be read, or a label is not a class number; the message names the row.
    """
    name = name_of(source)
    if Path(source).suffix == ".parquet":
        return _from_manifest(read_manifest(source), name, classes)
    with opened(source) as stream:
        start = next_line(stream, name)
        stream.seek(0)
        if start.startswith("# schema:"):
            return _from_manifest(read_manifest_csv(stream, name), name, classes)
        label, image = _read(stream, name, column)
    classes = classes or 1 + int(label.max())
    check_labels(label, column, classes, rows_of(name, _FIRST_LINE))
    stem = "stdin" if source == "-" else Path(source).stem
    return CleanLabels(stem, "train", dataset, range(classes), label, image)


def _read(stream: BinaryIO, name: str, column: str) -> tuple[NDArray[np.int64], NDArray[Any] | None]:
    header = [field.strip() for field in next_fields(stream, name)]
    if column not in header:
        close = get_close_matches(column, header, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise UsageError(
            f"{name}: has no column {column!r}: {hint}Its first line names {', '.join(header) or 'none'}."
            " Choose with --column"
        )
    if len(set(header)) < len(header):
        raise DataError(f"{name}: names a column twice in its first line: {','.join(header)}")
    place = rows_of(name, _FIRST_LINE)
    texts = ("image",) if "image" in header else ()
    read = read_columns(stream, name, header, place, labels=(column,), texts=texts)
    label, image = read[column], read.get("image")
    if label is None:
        raise DataError(f"{place(0)}: {column} is empty")
    return label, image if image is not None and any(image) else None


def _from_manifest(manifest: Manifest, name: str, classes: int | None) -> CleanLabels:
    if classes is not None and classes != manifest.classes:
        raise UsageError(f"{name}: is a manifest of {manifest.classes} classes; leave out --classes {classes}")
    if manifest.clean_label is None:
        raise DataError(f"{name}: is a manifest that does not know its clean labels, so there is nothing to corrupt")
    return CleanLabels(
        manifest.dataset,
        manifest.split,
        manifest.dataset,
        range(manifest.classes),
        manifest.clean_label,
        manifest.image,
    )
