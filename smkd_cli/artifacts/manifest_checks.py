"""What must hold in a manifest; each fault is named by its row."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smkd_cli.artifacts.csv_rows import Place
from smkd_cli.errors import DataError
from smkd_cli.wording import shown


def labels_sha256(labels: NDArray[np.integer[Any]]) -> str:
    """SHA-256, in hexadecimal, of labels (n,), each as a little-endian int64."""
    return hashlib.sha256(np.ascontiguousarray(labels, dtype="<i8").data).hexdigest()


def check_index(index: NDArray[np.int64], samples: int, name: str, place: Place) -> None:
    """Raise a DataError unless ``index`` (n,) holds each of 0 … samples - 1 once."""
    if len(index) == samples and (index == np.arange(samples)).all():
        return
    outside = (index < 0) | (index >= samples)
    if outside.any():
        row = int(outside.argmax())
        raise DataError(f"{place(row)}: index {index[row]} is not in 0 … {samples - 1}, as the header's samples demand")
    # Sorted and not counted: the header may say samples of which there are no rows, more than memory could count.
    ordered = np.sort(index)
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(repeated):
        row = _second(index, int(repeated[0]))
        raise DataError(f"{place(row)}: index {index[row]} appears a second time")
    if len(index) < samples:
        gone = int((np.append(ordered, -1) != np.arange(len(index) + 1)).argmax())
        raise DataError(
            f"{name}: the row of index {gone} is missing ({len(index)} rows, the header says {samples} samples)"
        )


def check_labels(labels: NDArray[np.int64], column: str, classes: int, place: Place) -> None:
    """Raise a DataError unless each label (n,) is in 0 … classes - 1."""
    outside = (labels < 0) | (labels >= classes)
    if outside.any():
        row = int(outside.argmax())
        raise DataError(f"{place(row)}: {column} {labels[row]} is not in 0 … {classes - 1}")


def check_images(image: NDArray[Any], place: Place) -> None:
    """Raise a DataError unless the images (n,) are named, all of them, and differently."""
    # Ten million names: their hashes sort in a second and take a sixth of a set's memory.
    hashes = np.fromiter(map(hash, image), np.int64, len(image))
    for row in np.flatnonzero(hashes == hash("")):
        if not image[row]:
            raise DataError(f"{place(int(row))}: image is empty, though other rows name theirs")
    ordered = np.sort(hashes)
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    seen: dict[str, int] = {}
    for row in np.flatnonzero(np.isin(hashes, repeated)) if len(repeated) else ():
        first = seen.setdefault(image[row], int(row))
        if first != row:
            raise DataError(f"{place(int(row))}: image {shown(image[row])} is already in row {first + 1}")


def _second(values: NDArray[np.int64], value: int) -> int:
    return int(np.flatnonzero(values == value)[1])
