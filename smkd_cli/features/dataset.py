"""A data set whose images are features: everything that trains on images trains on it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smkd_cli import console
from smkd_cli.artifacts.files import sha256_of
from smkd_cli.data import DataSet, Labels, OwnData, augmentation, find
from smkd_cli.data.augmentation import Augmentation
from smkd_cli.data.dataset import SplitName
from smkd_cli.data.images.reader import ArrayReader, ImageReader
from smkd_cli.features.backbone import backbone, width
from smkd_cli.features.cache import cached, key_of
from smkd_cli.networks import library_of
from smkd_cli.networks.trained import locate
from smkd_cli.registry import file_of, path_of
from smkd_cli.seeds import generator

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from smkd_cli.data.images.resident import ImageBank

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
        augmentation: rules that images are varied by before it sees them, as JSON; of test images, those that change
            their size count.
        views: how many varied views of each training image it sees; 0 for none but the image itself.
        other: of peer B, where that is another one.
    """

    network: str
    weights: str
    augmentation: str = "[]"
    views: int = 0
    other: Frozen | None = None


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
        self.knows_clean_labels, self.remarks = images.knows_clean_labels, images.remarks
        self._entries = json.loads(frozen.augmentation)
        self._rules = [_rule(entry) for entry in self._entries]
        size = augmentation.size_after(self._rules, *images.image_shape[:2])
        self.features = width(frozen.network, (*size, images.image_shape[2]))
        self.image_shape = (1, 1, self.features)
        self.mean, self.std = (0.0,) * self.features, (1.0,) * self.features

    @property
    def fingerprint(self) -> str:
        """See :meth:`DataSet.fingerprint`; that of the images."""
        return self._images.fingerprint

    @property
    def validation(self) -> NDArray[np.int64] | None:
        """See :meth:`DataSet.validation`; those of the images."""
        return self._images.validation

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
        """The features of a split, float32 (n, D), mapped from the cache; of training images also of the views."""
        reader, count = self._images.images(split), self._frozen.views if split == "train" else 0
        shape = (len(reader), self.features)
        features = cached(self._key(split), shape, partial(self._compute, reader, split))
        if not count:
            return ArrayReader(features)
        compute = partial(self._compute_views, reader)
        views = cached(self._key(split, count), (len(reader) * count, self.features), compute)
        return ArrayReader(features, views.reshape(len(reader), count, self.features))

    def _key(self, split: SplitName, views: int = 0) -> str:
        shown = {"shape": self._images.image_shape, "mean": self._images.mean, "std": self._images.std}
        entries = self._entries if views else [entry for entry in self._entries if augmentation.at_test([_rule(entry)])]
        varied = {"augmentation": entries, "files": list(map(_code_of, entries))} if entries else {}
        return key_of(
            varied
            | ({"views": views} if views else {})
            | {
                "version": _VERSION,
                "network": self._frozen.network,
                "weights": self.frozen["weights_sha256"],
                "images": self._images.content(split),
                "shown": shown | self._images.shown(),
                "libraries": [version(name) for name in (*_LIBRARIES, *_library(self._frozen.network))],
            }
        )

    def _compute(self, reader: ImageReader, split: SplitName, features: NDArray[np.float32]) -> None:
        """Fill (n, D) with the features of the images as a test shows them."""
        import torch

        console.info(f"{self.name}: computing the features of {len(reader):,} {split} images once")
        network = self._backbone()
        for rows, bank in self._banks(reader, augmentation.at_test(self._rules)):
            with torch.inference_mode():
                features[rows] = network(bank.plain(0, len(rows))).numpy()

    def _compute_views(self, reader: ImageReader, features: NDArray[np.float32]) -> None:
        """Fill (n · V, D) with the features of V varied views of each image, which stand one after another."""
        import torch

        count = self._frozen.views
        console.info(f"{self.name}: computing the features of {count} views of {len(reader):,} training images once")
        network, random = self._backbone(), generator(0, "views")
        drawn = [augmentation.draw(rule, random, len(reader), count) for rule in self._rules]
        for rows, bank in self._banks(reader, self._rules):
            for view in range(count):
                of_view = [
                    {name: torch.from_numpy(values[rows, view]) for name, values in rule.items()} for rule in drawn
                ]
                with torch.inference_mode():
                    images = bank.view(torch.arange(len(rows)), of_view)
                    features[rows * count + view] = network(images).numpy()

    def _backbone(self) -> nn.Module:
        import torch

        network = backbone(self._frozen.network, self._images.image_shape[2], self._weights)
        return network.to(memory_format=torch.channels_last)

    def _banks(
        self, reader: ImageReader, rules: Sequence[Augmentation]
    ) -> Iterator[tuple[NDArray[np.int64], ImageBank]]:
        """Some images at a time: their rows, and where they are shown by these rules."""
        import numpy as np
        import torch

        from smkd_cli.data.images.resident import ImageBank

        mean, std = self._images.mean, self._images.std
        for start in range(0, len(reader), _BATCH):
            rows = np.arange(start, min(start + _BATCH, len(reader)))
            pixels = ArrayReader(reader.read(rows))
            yield rows, ImageBank(pixels, mean, std, torch.device("cpu"), rules, torch.channels_last)
            if start and start % _TOLD_EVERY == 0:
                console.info(f"{self.name}: {start:,} of {len(reader):,}")


def _rule(entry: Mapping[str, Any]) -> Augmentation:
    return augmentation.build(entry["name"], {key: value for key, value in entry.items() if key != "name"})


def _code_of(entry: Mapping[str, Any]) -> str | None:
    """SHA-256 of the file of a rule that is code in a file."""
    path = file_of(entry["name"])
    return None if path is None else sha256_of(path_of(path))


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
    if frozen is None:
        return images
    if frozen.other is None:
        return FeatureSet(images, frozen)
    from smkd_cli.features.paired import PairedFeatures

    return PairedFeatures(images, frozen)
