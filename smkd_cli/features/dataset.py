"""A data set whose images are features: everything that trains on images trains on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from smkd_cli import console
from smkd_cli.artifacts.files import sha256_of
from smkd_cli.data import DataSet, Labels, OwnData, find
from smkd_cli.data.dataset import SplitName
from smkd_cli.data.images.reader import ArrayReader, ImageReader
from smkd_cli.features.backbone import backbone, width
from smkd_cli.features.cache import cached, key_of
from smkd_cli.networks import library_of
from smkd_cli.networks.trained import locate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_VERSION = 1  # of the way in which features are computed
_BATCH = 32
# What decodes and computes; the network's own library too.
_LIBRARIES = ("torch", "torchvision", "pillow")
_TOLD_EVERY = 512  # images


@dataclass(frozen=True)
class Frozen:
    """A network that is not trained.

    Attributes:
        network: its name.
        weights: the safetensors file of its weights, or ``pretrained`` for its library's.
    """

    network: str
    weights: str


class FeatureSet(DataSet):
    """The features of a data set's images by a frozen network, float32 (D,) of each.

    They are computed when they are first wanted, in float32 on the CPU, and kept in a cache by the contents of the
    images and of the weights. Until then the weights are neither looked for nor downloaded.

    Args:
        images: the data set.
        frozen: the network.
    """

    def __init__(self, images: DataSet, frozen: Frozen) -> None:
        super().__init__(images.root)
        self._images, self._frozen = images, frozen
        self.name, self.class_names = images.name, images.class_names
        self.train_size, self.test_size = images.train_size, images.test_size
        self.knows_clean_labels = images.knows_clean_labels
        self.features = width(frozen.network, images.image_shape)
        self.image_shape = (1, 1, self.features)
        self.mean, self.std = (0.0,) * self.features, (1.0,) * self.features

    @property
    def fingerprint(self) -> str:
        """See :meth:`DataSet.fingerprint`; that of the images."""
        return self._images.fingerprint

    @cached_property
    def frozen(self) -> Mapping[str, str]:
        """See :meth:`DataSet.frozen`."""
        sha256 = sha256_of(self._weights)
        return {"network": self._frozen.network, "weights": str(self._weights), "weights_sha256": sha256}

    @cached_property
    def _weights(self) -> Path:
        return locate(self._frozen.network, self._frozen.weights, self._images.root).resolve()

    def files(self) -> dict[Path, str]:
        """See :meth:`DataSet.files`; those of the images."""
        return self._images.files()

    def labels(self, split: SplitName) -> Labels:
        """See :meth:`DataSet.labels`."""
        return self._images.labels(split)

    def images(self, split: SplitName) -> ArrayReader:
        """The features of a split, float32 (n, D), mapped from the cache."""
        reader = self._images.images(split)
        shape = (len(reader), self.features)
        return ArrayReader(cached(self._key(split), shape, partial(self._compute, reader, split)))

    def _key(self, split: SplitName) -> str:
        shown = {"shape": self._images.image_shape, "mean": self._images.mean, "std": self._images.std}
        return key_of(
            {
                "version": _VERSION,
                "network": self._frozen.network,
                "weights": self.frozen["weights_sha256"],
                "images": self._images.content(split),
                "shown": shown | self._images.shown(),
                "libraries": [version(name) for name in (*_LIBRARIES, *_library(self._frozen.network))],
            }
        )

    def _compute(self, reader: ImageReader, split: SplitName, features: NDArray[np.float32]) -> None:
        import numpy as np
        import torch

        from smkd_cli.data.images.resident import ImageBank

        network = backbone(self._frozen.network, self._images.image_shape[2], self._weights)
        network = network.to(memory_format=torch.channels_last)
        console.info(f"{self.name}: computing the features of {len(reader):,} {split} images once")
        for start in range(0, len(reader), _BATCH):
            rows = np.arange(start, min(start + _BATCH, len(reader)))
            pixels = ArrayReader(reader.read(rows))
            bank = ImageBank(
                pixels, self._images.mean, self._images.std, torch.device("cpu"), memory_format=torch.channels_last
            )
            with torch.inference_mode():
                features[rows] = network(bank.plain(0, len(rows))).numpy()
            if start and start % _TOLD_EVERY == 0:
                console.info(f"{self.name}: {start:,} of {len(reader):,}")


def _library(network: str) -> tuple[str, ...]:
    of_library = library_of(network)
    return () if of_library is None else of_library[:1]


def dataset_of(reference: str | OwnData, frozen: Frozen | None, root: Path) -> DataSet:
    """The data set that networks are trained on: images, or their features by a frozen network.

    Args:
        reference: what :func:`smkd_cli.data.find` finds it by.
        frozen: the network; None for the images themselves.
        root: folder of the data sets.

    Raises:
        UnknownName, DataError: see :func:`smkd_cli.data.find`.
    """
    images = find(reference, root)
    return images if frozen is None else FeatureSet(images, frozen)
