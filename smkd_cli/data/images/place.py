"""Images, or their features, put where networks see them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from smkd_cli.data.augmentation.contract import Augmentation
from smkd_cli.data.images.features import FeatureBank
from smkd_cli.data.images.reader import ArrayReader, ImageReader
from smkd_cli.data.images.resident import ImageBank


def placed(
    reader: ImageReader,
    mean: Sequence[float],
    std: Sequence[float],
    device: torch.device,
    augmentation: Sequence[Augmentation] = (),
    memory_format: torch.memory_format = torch.contiguous_format,
) -> ImageBank | FeatureBank:
    """All images of a split on one device; the arguments are those of :class:`ImageBank`.

    An array of float32 (n, D) is one of features, which are neither normalised nor varied: varied views are there.
    """
    if isinstance(reader, ArrayReader) and reader.images.dtype == np.float32:
        views = None if reader.views is None else torch.from_numpy(np.asarray(reader.views))
        return FeatureBank(torch.from_numpy(np.asarray(reader.images)), device, views)
    return ImageBank(reader, mean, std, device, augmentation, memory_format)
