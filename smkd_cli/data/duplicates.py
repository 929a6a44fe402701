"""How often an image is in a data set more than once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from smkd_cli.data.dataset import Split


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


def duplicates(train: Split, test: Split) -> Duplicates:
    """Count them by the images' ids, which are hashes of the pixels."""
    contents = [[name.partition(".")[0] for name in split.image_ids.tolist()] for split in (train, test)]
    in_train, in_test = map(Counter, contents)
    labelled = {
        pair
        for content, split in zip(contents, (train, test), strict=True)
        for pair in zip(content, split.labels.tolist(), strict=True)
    }
    labels = Counter(content for content, _ in labelled)
    return Duplicates(
        train=len(train.labels) - len(in_train),
        test=len(test.labels) - len(in_test),
        shared=sum(content in in_train for content in contents[1]),
        contradicting=sum(count > 1 for count in labels.values()),
    )
