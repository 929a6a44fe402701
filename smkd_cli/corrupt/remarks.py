"""Remarks on a user's label file, reported before it is used."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from smkd_cli import console
from smkd_cli.corrupt.label_file import CLEAN, IMAGE, INDEX, LabelFile
from smkd_cli.words import listed, plain, quoted, seen


def remark(
    name: str,
    labels: Sequence[NDArray[np.int64]],
    classes: int,
    class_names: Sequence[str] | None,
    *,
    declared: bool,
    images: bool,
) -> None:
    """Report how the labels of a file were read, and warn of likely mistakes.

    Args:
        name: of the file.
        labels: int64 (n,), the given and, where known, the clean ones, each in 0 … classes - 1.
        class_names: sorted, where the file names its classes.
        declared: whether the user has given the number of classes.
        images: whether the file names its images.
    """
    count = len(labels[0])
    samples = np.bincount(np.concatenate(labels), minlength=classes)
    order = "" if images else "; no column image names the images, so they must be in the order of the data set"
    console.info(f"{name}: {count:,} labels of {classes:,} classes{order}")
    if class_names is not None:
        numbered = [f"{number} is {plain(each)}" for number, each in enumerate(class_names)]
        console.info(f"{name}: classes are numbered by their names, sorted: {listed(numbered)}")
        _warn_of_names_alike(name, class_names)
    absent = np.flatnonzero(samples == 0)
    if len(absent) and absent[0] == 0 and classes > 1 and samples[1]:
        console.warn(f"{name}: labels begin at 1, but class numbers at 0: class 0 of {classes:,} never occurs")
    elif len(absent) and not declared:
        console.warn(
            f"{name}: {len(absent):,} of {classes:,} classes have no label: {listed(absent.tolist())}; the number of"
            " classes is the largest label plus one unless --classes gives it"
        )
    if classes > count:
        console.warn(f"{name}: more classes ({classes:,}) than labels ({count:,}): is this the column of labels?")


def remark_on_columns(name: str, file: LabelFile, column: str) -> None:
    """Warn of a column that is not used because its name is written in another way, and of rows out of order."""
    for wanted in (IMAGE, CLEAN):
        alike = [each for each in file.columns if each != column and seen(each) == wanted]
        if alike and wanted not in file.columns:
            console.warn(f"{name}: its column {quoted(alike[0])} is not used; it would be if it were called {wanted}")
    if not file.sorted:
        console.warn(
            f"{name}: the column {INDEX} is not sorted, but rows are taken in the order in which they stand: sort them"
            f" by it, unless they are in the order of the data set"
        )


def _warn_of_names_alike(name: str, class_names: Sequence[str]) -> None:
    folded: dict[str, str] = {}
    for each in class_names:
        other = folded.setdefault(seen(each), each)
        if other != each:
            console.warn(f"{name}: {quoted(other)} and {quoted(each)} are two classes; are they meant to be one?")
            return
