"""What every data source offers: facts known beforehand, two splits, and checksums of its files."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from smkd_cli.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SplitName = Literal["train", "test"]


@dataclass(frozen=True, eq=False)
class Split:
    """One split, in the source's own row order.

    Attributes:
        images: uint8, (n, H, W, C), C-contiguous.
        labels: int64, (n,), each in 0 … classes − 1.
        image_ids: str, (n,), unique; see :func:`image_ids`.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    image_ids: NDArray[np.str_]


@dataclass(frozen=True)
class Archive:
    """The official download of a data set: a tar file.

    Attributes:
        url: where it is published; the last part of the address is the file's name.
        md5: of the tar file.
        files: what is taken out of it, by path relative to the data root, with the MD5 of each.
    """

    url: str
    md5: str
    files: Mapping[str, str]

    @property
    def filename(self) -> str:
        """The name of the tar file."""
        return self.url.rpartition("/")[2]


class DataSet(ABC):
    """A source of labelled images.

    Attributes:
        name: how commands and recipes call it.
        class_names: one per class, by label.
        image_shape: (H, W, C).
        train_size, test_size: number of images.
        mean, std: per channel over the pixels of the training images, scaled to [0, 1].
        archive: what is downloaded, or None where the data comes with a package.
    """

    name: ClassVar[str]
    class_names: ClassVar[tuple[str, ...]]
    image_shape: ClassVar[tuple[int, int, int]]
    train_size: ClassVar[int]
    test_size: ClassVar[int]
    mean: ClassVar[tuple[float, ...]]
    std: ClassVar[tuple[float, ...]]
    archive: ClassVar[Archive | None] = None

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

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
            raise DataError(
                f"{path}: damaged or altered (MD5 {actual}, should be {expected}). "
                f"`smkd datasets fetch {self.name}` replaces it"
            )

    @abstractmethod
    def split(self, which: SplitName) -> Split:
        """Read one split, after checking the files that it is in.

        Raises:
            DataError: the data is missing or damaged; the message says what to do.
        """

    def _absence(self, missing: list[Path]) -> str:
        assert self.archive is not None
        return (
            f"data set {self.name} is not complete: there is no {', '.join(map(str, missing))}. "
            f"Run `smkd datasets fetch {self.name}`, or unpack {self.archive.url} into {self.root}, "
            f"or point --data or SMKD_DATA to the folder that holds {missing[0].parent.name}"
        )


def md5_of(path: Path) -> str:
    """MD5 of a file's bytes, in hexadecimal.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, partial(hashlib.md5, usedforsecurity=False)).hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def image_ids(images: NDArray[np.uint8]) -> NDArray[np.str_]:
    """A name for each image that depends on its content only, so that it survives another row order.

    BLAKE2b of 8 bytes, as 16 hexadecimal digits, over the ASCII text ``HxWxC:`` and the pixels in that order. The
    k-th further occurrence of an image (CIFAR has some) gets ``.k`` after it.

    Args:
        images: uint8, (n, H, W, C), C-contiguous.

    Returns:
        str, (n,), unique.
    """
    import numpy as np

    start = hashlib.blake2b("x".join(map(str, images.shape[1:])).encode() + b":", digest_size=8)
    seen: Counter[str] = Counter()
    ids = []
    for image in images.reshape(len(images), -1):
        state = start.copy()
        state.update(image.data)
        digest = state.hexdigest()
        ids.append(f"{digest}.{seen[digest]}" if digest in seen else digest)
        seen[digest] += 1
    return np.array(ids, dtype=np.str_)
