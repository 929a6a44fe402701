"""Handwritten digits, 8x8 grey, that come with scikit-learn: real images and nothing to download."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from smkd_cli.data.dataset import SplitName
from smkd_cli.data.sources.arrays import ArraySource, Split, image_ids
from smkd_cli.errors import DataError
from smkd_cli.words import shown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SHA256_OF_TABLE = "68aea062d35a127749050fa0e52dca09d6569ac08092c925610e0954e172dde2"
_TEST_IMAGES_PER_CLASS = 36


class Digits(ArraySource):
    """The 1,797 images of the UCI "Optical Recognition of Handwritten Digits" test set (Alpaydin and Kaynak, 1998).

    The 36 images of each digit whose ids sort first are the test split, all others the training split. That is as
    good as a random draw, because ids are hashes, and no generator of any library version can change it. Pixel values
    0 … 16 are scaled to 0 … 255 and rounded.
    """

    name = "digits"
    class_names = tuple("0123456789")
    image_shape = (8, 8, 1)
    train_size = 1437
    test_size = 360
    mean = (0.3050,)
    std = (0.3756,)

    def read(self, split: SplitName) -> Split:
        """Read the table that scikit-learn ships; see :meth:`ArraySource.read`."""
        import numpy as np

        table = self._table()
        images = ((table[:, :64].astype(np.uint16) * 255 + 8) // 16).astype(np.uint8).reshape(-1, *self.image_shape)
        labels = table[:, 64].astype(np.int64)
        ids = image_ids(images)
        is_test = np.zeros(len(ids), dtype=bool)
        for label in range(self.classes):
            members = np.flatnonzero(labels == label)
            is_test[members[np.argsort(ids[members])[:_TEST_IMAGES_PER_CLASS]]] = True
        chosen = is_test if split == "test" else ~is_test
        return Split(images[chosen], labels[chosen], ids[chosen])

    def verify(self) -> None:
        """Check the table; see :meth:`DataSet.verify`."""
        self._table()

    def _table(self) -> NDArray[np.uint8]:
        """uint8, (1797, 65): a row per image, 64 pixels and the label.

        Read from scikit-learn's own file, since importing ``sklearn.datasets`` takes a second.
        """
        import numpy as np

        package = importlib.util.find_spec("sklearn")
        if package is None or package.origin is None:
            raise DataError("data set digits comes with scikit-learn, which is not installed: pip install scikit-learn")
        path = Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
        try:
            with gzip.open(path) as stream:
                table = np.loadtxt(stream, delimiter=",", dtype=np.uint8)
        except (OSError, EOFError, ValueError) as error:
            raise DataError(f"{shown(path)}: cannot be read ({error}); install scikit-learn again") from error
        if hashlib.sha256(table.tobytes()).hexdigest() != _SHA256_OF_TABLE:
            raise DataError(f"{shown(path)}: not the digits that are expected here; install scikit-learn again")
        return table
