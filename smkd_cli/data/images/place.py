"""Images, or their features, put where networks see them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from smkd_cli import console
from smkd_cli.data.augmentation.contract import Augmentation
from smkd_cli.data.images.contract import TrainingImages
from smkd_cli.data.images.features import FeatureBank
from smkd_cli.data.images.loading import SHARE, Loading
from smkd_cli.data.images.reader import ArrayReader, ImageReader
from smkd_cli.data.images.resident import ImageBank
from smkd_cli.data.images.streamed import StreamedImages

_GIGA = 1e9


def placed(
    reader: ImageReader,
    shape: tuple[int, int, int],
    mean: Sequence[float],
    std: Sequence[float],
    device: torch.device,
    augmentation: Sequence[Augmentation] = (),
    memory_format: torch.memory_format = torch.contiguous_format,
    *,
    loading: Loading | None = None,
    most: int = 0,
) -> TrainingImages:
    """The images of a split as networks see them.

    An array of float32 (n, D) is one of features, which are neither normalised nor varied, and stay where they are;
    varied views are there.

    Args:
        reader, mean, std, device, augmentation, memory_format: see :class:`ImageBank`.
        shape: (H, W, C) of the images.
        loading: whether they are kept in memory; by default if they fit.
        most: samples of a batch that is trained on, of both peers together.
    """
    if isinstance(reader, ArrayReader) and reader.images.dtype == np.float32:
        views = None if reader.views is None else torch.from_numpy(np.asarray(reader.views))
        return FeatureBank(torch.from_numpy(np.asarray(reader.images)), device, views)
    how, loading = (mean, std, device, augmentation, memory_format), loading or Loading()
    size = len(reader) * math.prod(shape)
    # What is in memory already is cheaper to keep than to copy again and again.
    is_array = isinstance(reader, ArrayReader) and loading.images == "auto" and device.type == "cpu"
    if is_array or not loading.streams(size, device):
        return ImageBank(reader, *how)
    if loading.images == "auto":
        console.info(
            f"{len(reader):,} images would take {size / _GIGA:.1f} GB, more than {SHARE:.0%} of the free memory: they"
            " are decoded whenever they are needed"
        )
    workers = loading.threads(torch.get_num_threads())
    return StreamedImages(reader, shape, *how, most=most, workers=workers)
