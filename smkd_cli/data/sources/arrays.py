"""What sources have in common whose files hold labels and pixels together: they are read whole, into memory."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from smkd_cli.data.dataset import DataSet, Labels, SplitName, hash_of
from smkd_cli.data.images.reader import ArrayReader

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


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


class ArraySource(DataSet):
    """A data set that fits in memory. A split is read once, and kept as long as the data set is.

    Its images have no names, so their ids are hashes of their pixels: matching labels to images reads all pixels.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._splits: dict[SplitName, Split] = {}
        self._readers: dict[SplitName, ArrayReader] = {}

    @abstractmethod
    def read(self, split: SplitName) -> Split:
        """Read one split, after checking the files that it is in.

        Raises:
            DataError: the data is missing or damaged; the message says what to do.
        """

    def labels(self, split: SplitName) -> Labels:
        """See :meth:`DataSet.labels`; the pixels are read with them."""
        whole = self._kept(split)
        return Labels(whole.labels, whole.image_ids)

    def images(self, split: SplitName) -> ArrayReader:
        """See :meth:`DataSet.images`."""
        if split not in self._readers:
            self._readers[split] = ArrayReader(self._kept(split).images)
        return self._readers[split]

    def content(self, split: SplitName) -> str:
        """See :meth:`DataSet.content`; the ids are hashes of the pixels already."""
        return hash_of(self._kept(split).image_ids.tolist())

    def _kept(self, split: SplitName) -> Split:
        if split not in self._splits:
            whole = self.read(split)
            if not isinstance(whole, Split):
                raise TypeError(f"read should return a Split, not {type(whole).__name__}")
            self._splits[split] = whole
        return self._splits[split]


def image_ids(images: NDArray[np.uint8]) -> NDArray[np.str_]:
    """A name for each image that depends on its content only, so that it survives another row order.

    It is the image's :func:`pixel_hashes`; the k-th further occurrence of an image (CIFAR has some) gets ``.k`` after
    it.

    Args:
        images: uint8, (n, H, W, C), C-contiguous.

    Returns:
        str, (n,), unique.
    """
    import numpy as np

    seen: Counter[str] = Counter()
    ids = []
    for digest in pixel_hashes(images):
        ids.append(f"{digest}.{seen[digest]}" if digest in seen else digest)
        seen[digest] += 1
    return np.array(ids, dtype=np.str_)


def pixel_hashes(images: NDArray[np.uint8]) -> list[str]:
    """BLAKE2b of 8 bytes, as 16 hexadecimal digits, over the ASCII text ``HxWxC:`` and the pixels in that order.

    Args:
        images: uint8, (n, H, W, C), C-contiguous.
    """
    start = hashlib.blake2b("x".join(map(str, images.shape[1:])).encode() + b":", digest_size=8)
    hashes = []
    for image in images.reshape(len(images), -1):
        state = start.copy()
        state.update(image.data)
        hashes.append(state.hexdigest())
    return hashes
