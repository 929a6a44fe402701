"""A folder with a folder of images for each class, or with such a folder for each split."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smkd_cli.data.own.decode import SUFFIXES
from smkd_cli.data.own.files import check_inside
from smkd_cli.data.own.listing import SPLIT_NAMES, TRAIN, Listing, check_class_name
from smkd_cli.errors import DataError
from smkd_cli.limits import MAX_CLASSES, MAX_SAMPLES
from smkd_cli.words import listed, quoted, shown

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Deeper than any folder of images; a path may have 4,096 bytes.
_DEEPEST = 64


def list_folder(root: Path) -> Listing:
    """The images of a folder, sorted by path; no image is opened.

    A class is a folder in it, and its images are the files below that, at any depth, whose names end like those of
    images. Where all folders in ``root`` are called train, validation or test (or as people shorten that), one of them
    train, the classes' folders are in these. Names that begin with a dot are passed over.

    Raises:
        DataError: it is no folder, has no images, a name is not valid, or a link leads out of it or in a circle.
    """
    if not root.is_dir():
        raise DataError(f"{shown(root)}: is no folder of images")
    walk = _Walk(Path(os.path.realpath(root)))
    files = [relative for entry in _folders(root) for relative in walk.files(entry)]
    files.sort()
    given = {SPLIT_NAMES.get(name.casefold()) for name in _folders(root)}
    by_split = None not in given and TRAIN in given
    inside = [root / name for name in _folders(root)] if by_split else [root]
    classes = {name for folder in inside for name in _folders(folder)}
    return listing_of(root, files, walk.others, by_split=by_split, folders=classes)


def images_below(root: Path) -> list[str]:
    """Paths of all images in a folder, at any depth, also beside its folders; raises as :func:`list_folder`."""
    walk = _Walk(Path(os.path.realpath(root)))
    with os.scandir(root) as entries:
        files = [entry.name for entry in entries if entry.is_file() and Path(entry.name).suffix.lower() in SUFFIXES]
    beside = [name for name in files if not name.startswith(".")]
    return sorted([*beside, *(name for entry in _folders(root) for name in walk.files(entry))])


def _folders(root: Path) -> list[str]:
    with os.scandir(root) as entries:
        return sorted(entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir())


@dataclass
class _Walk:
    """The files below a folder's folders.

    Attributes:
        root: the folder, resolved.
        others: how many files were passed over, by the ending of their names.
    """

    root: Path
    others: Counter[str] = field(default_factory=Counter)

    def files(self, folder: str) -> list[str]:
        """Paths relative to the root of the images below one of its folders, with ``/`` between their parts."""
        found: list[str] = []
        pending: list[tuple[str, tuple[str, ...]]] = [(folder, (os.path.realpath(self.root / folder),))]
        self._check_inside(folder)
        while pending:
            below, above = pending.pop()
            with os.scandir(self.root / below) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    name = f"{below}/{entry.name}"
                    if entry.is_symlink():
                        self._check_inside(name)
                    if entry.is_dir():
                        pending.append((name, self._deeper(name, above)))
                    elif self._is_image(entry):
                        found.append(valid_name(name))
                        if len(found) > MAX_SAMPLES:
                            raise DataError(f"{self.root}: has more than the {MAX_SAMPLES:,} images that are read")
        return found

    def _is_image(self, entry: os.DirEntry[str]) -> bool:
        ending = Path(entry.name).suffix.lower()
        if ending in SUFFIXES:
            return True
        self.others[ending or "no ending"] += 1
        return False

    def _check_inside(self, name: str) -> None:
        if os.path.realpath(self.root / name) != str(self.root):
            check_inside(self.root / name, self.root)

    def _deeper(self, name: str, above: tuple[str, ...]) -> tuple[str, ...]:
        real = os.path.realpath(self.root / name)
        if real in above or real == str(self.root):
            raise DataError(f"{shown(self.root / name)}: is a link to a folder that it is in, so the path has no end")
        if len(above) >= _DEEPEST:
            raise DataError(f"{shown(self.root / name)}: is more than {_DEEPEST} folders deep")
        return (*above, real)


def valid_name(name: str) -> str:
    """The name, if a manifest can hold it."""
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{quoted(name)}: the file's name is not valid UTF-8; rename it") from error
    if any(letter in name for letter in "\r\n\0"):
        raise DataError(f"{quoted(name)}: the file's name holds a line break; rename it")
    return name


def listing_of(
    root: Path, files: list[str], others: Counter[str], *, by_split: bool, folders: Collection[str] = ()
) -> Listing:
    """The listing of images whose paths say which class and split they are of.

    Args:
        root: for messages.
        files: their paths, sorted.
        others: how many other files there are, by the endings of their names.
        by_split: whether the first part of a path is its split.
        folders: the classes' folders, also those without images.

    Raises:
        DataError: there are no images, or a class has no valid name.
    """
    import numpy as np

    if not files:
        found = f"; of other files there are {_counts(others)}" if others else ""
        raise DataError(
            f"{shown(root)}: has no images in folders of their classes, as {shown(root)}/CLASS/IMAGE.jpg{found}"
        )
    at = 1 if by_split else 0
    parts = [name.split("/", at + 1) for name in files]
    for name, each in zip(files, parts, strict=True):
        if len(each) < at + 2:
            where = "in the folder of a split, and in that of no class" if each[:at] else "in no folder of a class"
            raise DataError(f"{shown(root / name)}: is {where}, and has no label beside it")
    names = sorted({each[at] for each in parts})
    empty = sorted(set(folders) - set(names))
    for name in names:
        check_class_name(name, str(shown(root)))
    if len(names) > MAX_CLASSES:
        raise DataError(f"{shown(root)}: has {len(names):,} classes, more than the {MAX_CLASSES:,} that are read")
    number = {name: label for label, name in enumerate(names)}
    remarks = []
    if others:
        remarks.append(f"{sum(others.values()):,} files are no images by their names ({_counts(others)})")
    if empty:
        remarks.append(f"{len(empty):,} folders are empty, and so no classes: {listed(empty)}")
    splits = _texts([SPLIT_NAMES[each[0].casefold()] for each in parts]) if by_split else None
    labels = np.array([number[each[at]] for each in parts], np.int64)
    return Listing(_texts(files), labels, tuple(names), splits, remarks=remarks)


def _counts(endings: Counter[str]) -> str:
    return listed([f"{count:,} {ending}" for ending, count in endings.most_common()])


def _texts(values: list[str]) -> NDArray[Any]:
    import numpy as np

    texts = np.empty(len(values), object)
    texts[:] = values
    return texts
