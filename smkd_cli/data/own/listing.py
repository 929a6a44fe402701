"""What images there are: paths, labels, splits and groups, before any image is opened."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from smkd_cli.errors import DataError
from smkd_cli.words import listed, quoted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TRAIN, VALIDATION, TEST = "train", "validation", "test"
SPLITS = (TRAIN, VALIDATION, TEST)
# What people call them.
SPLIT_NAMES = {
    **dict.fromkeys(("train", "training", "trn"), TRAIN),
    **dict.fromkeys(("val", "valid", "validation", "dev"), VALIDATION),
    **dict.fromkeys(("test", "testing", "tst"), TEST),
}
LONGEST_CLASS_NAME = 200
# Invisible letters that belong into names: they join emoji and letters, or say in which direction these are read.
_MAY_BE_INVISIBLE = frozenset("\u200c\u200d\u200e\u200f\ufe0e\ufe0f")


@dataclass(frozen=True, eq=False)
class Listing:
    """Images by name, in one order that does not depend on the file system's.

    Attributes:
        paths: object (n,), of str, unique: each image's path in the folder, with ``/`` between its parts.
        labels: int64 (n,), the labels as they are given, each in 0 … C − 1.
        class_names: one per class.
        splits: object (n,), each one of :data:`SPLITS`; None where none is given.
        clean_labels: int64 (n,), the right labels, or None where nobody knows them.
        groups: object (n,), what must stay together in one split; None where nothing must.
        remarks: what people should know of how it was read.
    """

    paths: NDArray[Any]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    splits: NDArray[Any] | None = None
    clean_labels: NDArray[np.int64] | None = None
    groups: NDArray[Any] | None = None
    remarks: Sequence[str] = field(default=())

    def __len__(self) -> int:
        return len(self.paths)


def check_class_name(name: str, where: str) -> None:
    """Raise a DataError unless a text can name a class: one line, at most 200 characters, nothing that acts.

    Any script, emoji, quotes and signs are welcome; line breaks, control characters and broken Unicode are not.
    """
    if not name.strip() or len(name) > LONGEST_CLASS_NAME:
        problem = "is empty" if not name.strip() else f"is longer than {LONGEST_CLASS_NAME} characters"
        raise DataError(f"{where}: the class name {quoted(name)} {problem}")
    wrong = {letter for letter in name if not (letter.isprintable() or letter in _MAY_BE_INVISIBLE)}
    wrong -= {letter for letter in wrong if unicodedata.category(letter) == "Zs"}
    if wrong:
        codes = listed(sorted(f"U+{ord(letter):04X}" for letter in wrong))
        raise DataError(f"{where}: the class name {quoted(name)} has characters that no name should have: {codes}")
