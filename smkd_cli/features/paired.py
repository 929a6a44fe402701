"""The features of two frozen networks, one for each peer, side by side in one data set."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from smkd_cli.data import DataSet, Labels
from smkd_cli.data.dataset import SplitName
from smkd_cli.data.images.reader import ArrayReader
from smkd_cli.errors import DataError
from smkd_cli.features.dataset import FeatureSet, Frozen
from smkd_cli.networks import preprocessing_of


class PairedFeatures(DataSet):
    """Of each image the features of peer A's network, then those of peer B's: float32 (D_A + D_B,).

    Args:
        images: the data set.
        frozen: the network of A, with that of B as its ``other``.

    Raises:
        DataError: the networks want images that are normalised differently.
    """

    def __init__(self, images: DataSet, frozen: Frozen) -> None:
        super().__init__(images.root)
        assert frozen.other is not None
        self._of = FeatureSet(images, frozen), FeatureSet(images, frozen.other)
        for network in (frozen.network, frozen.other.network):
            wanted = preprocessing_of(network)
            if wanted is not None and (wanted.mean, wanted.std) != (tuple(images.mean), tuple(images.std)):
                raise DataError(
                    f"{network} was made for images of mean {wanted.mean} and standard deviation {wanted.std}, and"
                    f" those of {images.name} are normalised by {tuple(images.mean)} and {tuple(images.std)}: freeze"
                    " two networks that want the same"
                )
        self.name, self.class_names = images.name, images.class_names
        self.train_size, self.test_size = images.train_size, images.test_size
        self.knows_clean_labels = images.knows_clean_labels
        first, second = (each.features for each in self._of)
        self.parts = (0, first), (first, second)
        self.image_shape = (1, 1, first + second)
        self.mean, self.std = (0.0,) * (first + second), (1.0,) * (first + second)

    @property
    def fingerprint(self) -> str:
        """See :meth:`DataSet.fingerprint`; that of the images."""
        return self._of[0].fingerprint

    @cached_property
    def frozen(self) -> Mapping[str, Any]:
        """See :meth:`DataSet.frozen`; that of peer B is its ``other``."""
        first, second = (each.frozen for each in self._of)
        return {**first, "other": second}

    def files(self) -> dict[Any, str]:
        """See :meth:`DataSet.files`; those of the images."""
        return self._of[0].files()

    def labels(self, split: SplitName) -> Labels:
        """See :meth:`DataSet.labels`."""
        return self._of[0].labels(split)

    def images(self, split: SplitName) -> ArrayReader:
        """The features of a split, float32 (n, D_A + D_B), in memory; of training images also of the views.

        A view shows both networks the same.
        """
        import numpy as np

        first, second = (each.images(split) for each in self._of)
        views = None
        if first.views is not None and second.views is not None:
            views = np.concatenate([first.views, second.views], axis=2)
        return ArrayReader(np.concatenate([first.images, second.images], axis=1), views)
