"""What CIFAR-10 and CIFAR-100 have in common: the official Python layout, pickled batches of flat rows."""

from __future__ import annotations

from typing import ClassVar

from smkd_cli.data.dataset import SplitName
from smkd_cli.data.sources.arrays import ArraySource, Split, image_ids
from smkd_cli.errors import DataError
from smkd_cli.words import shown


class Cifar(ArraySource):
    """32x32 colour images in pickled batches (Krizhevsky, "Learning multiple layers of features", 2009).

    Attributes:
        batches: the files of each split, in order, by path relative to the data root.
        label_key: which entry of a batch holds the labels.
    """

    image_shape = (32, 32, 3)
    test_size = 10_000
    train_size = 50_000
    batches: ClassVar[dict[SplitName, tuple[str, ...]]]
    label_key: ClassVar[str]

    def read(self, split: SplitName) -> Split:
        """Read a split's batches in order, each with its labels and pixels; see :meth:`ArraySource.read`."""
        import numpy as np

        from smkd_cli.data.pickles import read_arrays

        height, width, channels = self.image_shape
        images, labels = [], []
        for name in self.batches[split]:
            path = self.root / name
            self.check(path)
            batch = read_arrays(path)
            try:
                planes = batch["data"].reshape(-1, channels, height, width)
                labels.append(np.array(batch[self.label_key], dtype=np.int64))
            except (KeyError, ValueError, TypeError, AttributeError) as error:
                raise DataError(f"{shown(path)}: is no batch of CIFAR ({type(error).__name__}: {error})") from error
            images.append(np.ascontiguousarray(planes.transpose(0, 2, 3, 1)))
        pixels = np.concatenate(images) if len(images) > 1 else images[0]
        return Split(pixels, np.concatenate(labels), image_ids(pixels))
