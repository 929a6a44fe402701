"""The pixels of a split, by index: what a data source gives, and what images for a network are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class ImageReader(Protocol):
    """The images of one split, in the order of its labels; ``len()`` is their number.

    Images that are not in memory are read by several threads at a time if the reader has an attribute ``parallel`` that
    is true. A method ``where(index)`` names an image in messages. Neither is needed.
    """

    def __len__(self) -> int: ...

    def read(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Some images: uint8 (k, H, W, C) for indices (k,), each in 0 … n − 1, in that order.

        Raises:
            DataError: an image is missing or damaged.
        """
        ...


@dataclass(frozen=True, eq=False)
class ArrayReader:
    """Images that are in memory already.

    Attributes:
        images: uint8 (n, H, W, C); or float32 (n, D), features in their place.
        views: float32 (n, V, D), features of V varied views of each image, or None.
    """

    images: NDArray[Any]
    views: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.images)

    def read(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """See :meth:`ImageReader.read`."""
        return self.images[indices]


@dataclass(frozen=True, eq=False)
class ChosenImages:
    """Some of the images of a reader.

    Attributes:
        reader: has them.
        indices: int64 (k,), which.
    """

    reader: ImageReader
    indices: NDArray[np.int64]

    @property
    def parallel(self) -> bool:
        """As the reader."""
        return bool(getattr(self.reader, "parallel", False))

    def __len__(self) -> int:
        return len(self.indices)

    def where(self, index: int) -> str:
        """Names an image."""
        where = getattr(self.reader, "where", "image {}".format)
        return str(where(int(self.indices[index])))

    def read(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """See :meth:`ImageReader.read`."""
        return self.reader.read(self.indices[indices])
