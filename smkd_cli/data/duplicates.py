"""How often an image is in a data set more than once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from smkd_cli.data.dataset import DataSet, SplitName
from smkd_cli.data.images.reader import ImageReader
from smkd_cli.data.sources.arrays import pixel_hashes

# How many images are read at a time.
_CHUNK = 1024


@dataclass(frozen=True)
class Duplicates:
    """Images of equal pixels.

    Attributes:
        train, test: further copies within a split, beside the first of each image.
        shared: test images that are training images too, and so may be known by heart.
        contradicting: different images that have more than one label, over both splits.
    """

    train: int
    test: int
    shared: int
    contradicting: int


def duplicates(dataset: DataSet) -> Duplicates:
    """Count them by hashes of the pixels; every image is read.

    Raises:
        DataError: the data is missing or damaged.
    """
    splits: tuple[SplitName, SplitName] = ("train", "test")
    train, test = (_hashes(dataset.images(split)) for split in splits)
    labelled = {
        pair
        for split, hashes in zip(splits, (train, test), strict=True)
        for pair in zip(hashes, dataset.labels(split).labels.tolist(), strict=True)
    }
    labels = Counter(content for content, _ in labelled)
    in_train = set(train)
    return Duplicates(
        train=len(train) - len(in_train),
        test=len(test) - len(set(test)),
        shared=sum(content in in_train for content in test),
        contradicting=sum(count > 1 for count in labels.values()),
    )


def _hashes(images: ImageReader) -> list[str]:
    import numpy as np

    chunks = (np.arange(start, min(start + _CHUNK, len(images))) for start in range(0, len(images), _CHUNK))
    return [content for chunk in chunks for content in pixel_hashes(images.read(chunk))]
