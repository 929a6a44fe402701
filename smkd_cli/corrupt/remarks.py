"""What is odd about labels of one's own, said before they are used."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from smkd_cli import console
from smkd_cli.wording import listed, plain, shown


def remark(
    name: str, label: NDArray[np.int64], classes: int, class_names: Sequence[str] | None, *, told: bool, images: bool
) -> None:
    """Say what the labels of a file were taken for, and warn of what is seldom meant.

    Args:
        name: of the file.
        label: int64 (n,), each in 0 … classes - 1.
        class_names: sorted, where the file names its classes.
        told: whether the user has said how many classes there are.
        images: whether the file names its images.
    """
    samples = np.bincount(label, minlength=classes)
    order = "" if images else "; no column image names the images, so they must be in the order of the data set"
    console.say(f"{name}: {len(label):,} labels of {classes:,} classes{order}")
    if class_names is not None:
        numbered = [f"{number} is {plain(each)}" for number, each in enumerate(class_names)]
        console.say(f"{name}: classes are numbered by their names, sorted: {listed(numbered)}")
        _warn_of_case(name, class_names)
    absent = np.flatnonzero(samples == 0)
    if len(absent) == 0:
        pass
    elif absent[0] == 0 and label.min() == 1:
        console.warn(f"{name}: labels begin at 1, but class numbers at 0: class 0 of {classes:,} never occurs")
    elif not told:
        console.warn(
            f"{name}: of {classes:,} classes {len(absent):,} never occur: {listed(absent.tolist())}; the number of"
            " classes is the largest label plus one unless --classes says it"
        )
    if classes > len(label):
        console.warn(f"{name}: more classes ({classes:,}) than labels ({len(label):,}): is this the column of labels?")


def _warn_of_case(name: str, class_names: Sequence[str]) -> None:
    folded: dict[str, str] = {}
    for each in class_names:
        other = folded.setdefault(" ".join(each.casefold().split()), each)
        if other != each:
            console.warn(f"{name}: {shown(other)} and {shown(each)} are two classes; are they meant to be one?")
            return
