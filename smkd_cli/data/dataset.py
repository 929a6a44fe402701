"""What every data source offers: its facts, labels and images of two splits, and checksums of its files."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from smkd_cli.artifacts.foreign import pointer_at
from smkd_cli.data.images.reader import ImageReader
from smkd_cli.errors import DataError
from smkd_cli.words import shown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SplitName = Literal["train", "test"]
_AT_A_TIME = 256  # images
CLEAN_UNKNOWN = (
    "whether its labels are right is not known, so they are not clean: the kind of noise given takes them as they are"
)


@dataclass(frozen=True, eq=False)
class Labels:
    """The labels of one split, in the source's own row order.

    Attributes:
        labels: int64, (n,), each in 0 … classes − 1.
        image_ids: str, (n,), unique names of the images that survive another row order: the paths of
            their files in the data set's folder, or hashes of their pixels where they are in no files of their own.
        trusted: whether the labels are taken to be right. Those of one's own images are not.
        verified: int64, (n,), the right labels where ``labels`` are not trusted and somebody knows them.
    """

    labels: NDArray[np.int64]
    image_ids: NDArray[Any]
    trusted: bool = True
    verified: NDArray[np.int64] | None = None

    @property
    def clean_labels(self) -> NDArray[np.int64] | None:
        """int64, (n,), the right labels; None where nobody knows them."""
        return self.labels if self.trusted else self.verified

    @property
    def best(self) -> NDArray[np.int64]:
        """int64, (n,), the right labels where they are known, else those that are given: what a test is scored by."""
        return self.labels if self.clean_labels is None else self.clean_labels

    def base_of(self, kind: str) -> NDArray[np.int64]:
        """int64, (n,), what noise of a kind is drawn from: the labels as they are, for ``clean`` the right ones.

        Raises:
            DataError: nobody knows the right ones.
        """
        return noise_base(kind, self.labels, self.clean_labels)


def noise_base(kind: str, labels: NDArray[np.int64], clean_labels: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """Of labels, int64 (n,), those that noise of a kind is drawn from: see :meth:`Labels.base_of`."""
    if kind != "clean":
        return labels
    if clean_labels is None:
        raise DataError(CLEAN_UNKNOWN)
    return clean_labels


@dataclass(frozen=True)
class Archive:
    """The official download of a data set: a tar file.

    Attributes:
        url: where it is published; the last part of the address is the file's name.
        md5: of the tar file.
        files: what is taken out of it, by path relative to the data root, with the MD5 of each.
        largest: bytes that a download may have; a server that sends more sends something else.
    """

    url: str
    md5: str
    files: Mapping[str, str]
    largest: int = 1 << 40

    @property
    def filename(self) -> str:
        """The name of the tar file."""
        return self.url.rpartition("/")[2]


class DataSet(ABC):
    """A source of labelled images, opened. Some sources know their facts beforehand, others learn them when opened.

    Attributes:
        name: how commands and recipes call it; the class has it too, and is found by it.
        root: the folder that holds the data sets' own folders.
        class_names: one per class, by label.
        image_shape: (H, W, C) of all images as :meth:`images` gives them. A source of images of many sizes resizes and
            crops them to one shape, which it knows when it is opened.
        train_size, test_size: number of images.
        mean, std: per channel over the pixels of the training images, scaled to [0, 1].
        archive: what is downloaded, or None where there is no such thing.
        parts: of features of two networks, first and number of those of each peer; None where both see the same.
        remarks: what people should know of how it was read.
        knows_clean_labels: whether somebody knows which labels of the training images are right.

    Example:
        >>> digits = smkd.dataset("digits")
        >>> digits.image_shape, digits.train_size, digits.classes
        ((8, 8, 1), 1437, 10)
        >>> digits.images("train").read([0, 5]).shape  # (k, H, W, C)
        (2, 8, 8, 1)
    """

    name: str
    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]
    train_size: int
    test_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    archive: Archive | None = None
    parts: tuple[tuple[int, int], tuple[int, int]] | None = None
    knows_clean_labels: bool = True
    remarks: Sequence[str] = ()

    def __init__(self, root: Path) -> None:
        """Open the data set, and learn which images there are; no pixel is read yet.

        Raises:
            DataError: the facts are in files, and these are missing or damaged.
        """
        self.root = root

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def fingerprint(self) -> str:
        """Of one's own images, a hash of their names, labels and splits; empty where the name says which they are."""
        return ""

    @property
    def validation(self) -> NDArray[np.int64] | None:
        """Of the training images, those that are given for validation: indices (h,), ascending; None where none are."""
        return None

    @property
    def frozen(self) -> Mapping[str, Any] | None:
        """Of features in the place of images, whose they are: name of the network, path of its weights, checksum."""
        return None

    def seen_by(self, peer: int, shape: tuple[int, int, int]) -> tuple[int, int, int]:
        """What the network of peer 0 or 1 sees of images, or features, of a shape (H, W, C)."""
        return shape if self.parts is None else (*shape[:2], self.parts[peer][1])

    def files(self) -> dict[Path, str]:
        """The files on disk with their MD5; empty where the data comes with a package."""
        return {self.root / name: md5 for name, md5 in self.archive.files.items()} if self.archive else {}

    def missing(self) -> list[Path]:
        """The files that are not on disk."""
        return [path for path in self.files() if not path.is_file()]

    def verify(self) -> None:
        """Check all files.

        Raises:
            DataError: a file is missing, cannot be read or has another checksum.
        """
        for path in self.files():
            self.check(path)

    def check(self, path: Path) -> None:
        """Check one of :meth:`files`.

        Raises:
            DataError: as :meth:`verify`.
        """
        if missing := self.missing():
            raise DataError(self._absence(missing))
        expected = self.files()[path]
        if (actual := md5_of(path)) != expected:
            if what := pointer_at(path):
                raise DataError(f"{shown(path)}: {what}, or with `smkd datasets fetch {self.name}`")
            raise DataError(
                f"{shown(path)}: damaged or altered (MD5 {actual}, should be {expected}). "
                f"`smkd datasets fetch {self.name}` replaces it"
            )

    @abstractmethod
    def labels(self, split: SplitName) -> Labels:
        """The labels of a split; no pixel is read for them, unless the source keeps both in one file.

        Raises:
            DataError: the data is missing or damaged; the message says what to do.
        """

    @abstractmethod
    def images(self, split: SplitName) -> ImageReader:
        """The images of a split, in the order of its labels.

        Raises:
            DataError: as :meth:`labels`.
        """

    def content(self, split: SplitName) -> str:
        """A hash of the images of a split, in their order: of all pixels, unless the source knows a quicker way.

        Raises:
            DataError: as :meth:`images`.
        """
        import numpy as np

        reader = self.images(split)
        content = hashlib.blake2b(repr(self.image_shape).encode(), digest_size=16)
        for start in range(0, len(reader), _AT_A_TIME):
            content.update(reader.read(np.arange(start, min(start + _AT_A_TIME, len(reader)))).tobytes())
        return content.hexdigest()

    def shown(self) -> dict[str, Any]:
        """What else than shape, mean and deviation decides on how images look when they are read."""
        return {}

    def _absence(self, missing: list[Path]) -> str:
        assert self.archive is not None
        return (
            f"data set {self.name} is not complete: there is no {', '.join(map(shown, missing))}. "
            f"Run `smkd datasets fetch {self.name}`, or unpack {self.archive.url} into {shown(self.root)}, "
            f"or point --data or SMKD_DATA to the folder that holds {shown(missing[0].parent.name)}"
        )


def hash_of(words: Iterable[str]) -> str:
    """32 hexadecimal digits of some words in their order."""
    return hashlib.blake2b("\n".join(words).encode(), digest_size=16).hexdigest()


def md5_of(path: Path) -> str:
    """MD5 of a file's bytes, in hexadecimal.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, partial(hashlib.md5, usedforsecurity=False)).hexdigest()
    except OSError as error:
        raise DataError(f"{shown(path)}: cannot be read: {error.strerror or error}") from error
