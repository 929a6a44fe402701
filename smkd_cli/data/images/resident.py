"""Images that live on the device as bytes and become normalised floats a batch at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from smkd_cli.data.augmentation import at_test, shown, size_after, varied
from smkd_cli.data.augmentation.contract import Augmentation
from smkd_cli.data.augmentation.rules.crop import Crop
from smkd_cli.data.augmentation.rules.flip import Flip
from smkd_cli.data.images.contract import Columns
from smkd_cli.data.images.reader import ImageReader

# How much is read at a time on the way to the device.
_CHUNK_BYTES = 64 << 20
# What was stored last of each reader's images, and how: the next cell of a grid mostly needs the same.
_stored: WeakKeyDictionary[ImageReader, tuple[tuple[object, ...], Tensor, tuple[int, ...]]] = WeakKeyDictionary()


class ImageBank:
    """All images of a split on one device, stored in the memory order of the batches that come out.

    Args:
        reader: the images, at least one.
        mean, std: per channel, for pixels scaled to [0, 1].
        device: where the images live.
        augmentation: rules, in their order. A crop that comes first, and a flip after it, are done on the stored bytes.
        memory_format: of the float batches that come out.
    """

    def __init__(
        self,
        reader: ImageReader,
        mean: Sequence[float],
        std: Sequence[float],
        device: torch.device,
        augmentation: Sequence[Augmentation] = (),
        memory_format: torch.memory_format = torch.contiguous_format,
    ) -> None:
        self.device, self._rules = device, tuple(augmentation)
        first = self._rules[0] if self._rules else None
        self.padding = first.padding if type(first) is Crop else 0  # a subclass may do otherwise
        self._channels_last = memory_format == torch.channels_last
        self.pixels, (self.height, self.width, self._channels) = self._kept(reader)
        self._size = size_after(self._rules, self.height, self.width)
        # (x/255 − mean)/std as one multiplication and one addition
        scale = 1 / (255 * torch.tensor(std, dtype=torch.float64))
        shift = -torch.tensor(mean, dtype=torch.float64) / torch.tensor(std, dtype=torch.float64)
        self._scale, self._shift = (self._beside_pixels(factor.float()).to(device) for factor in (scale, shift))
        # Every crop is a view into the padded image: (n, 2·padding + 1, 2·padding + 1, then one crop in memory order).
        rows, columns = (1, 2) if self._channels_last else (2, 3)
        windows = self.pixels.unfold(rows, self.height, 1).unfold(columns, self.width, 1)
        self._crops = windows.permute(0, 1, 2, 4, 5, 3) if self._channels_last else windows.permute(0, 2, 3, 1, 4, 5)

    def __len__(self) -> int:
        return len(self.pixels)

    def _kept(self, reader: ImageReader) -> tuple[Tensor, tuple[int, ...]]:
        """Stored pixels, which nothing writes to, and the images' shape (H, W, C); the same reader is read once."""
        how = self.device, self.padding, self._channels_last
        kept = _stored.pop(reader, None)
        if kept is None or kept[0] != how:
            kept = None  # before more memory is taken
            shape = reader.read(np.zeros(1, np.int64)).shape[1:]
            kept = how, self._stored(reader, *shape), shape
        _stored[reader] = kept
        return kept[1:]

    def _stored(self, reader: ImageReader, height: int, width: int, channels: int) -> Tensor:
        """All padded images in memory order, uint8, on the device; they are read a part at a time."""
        count, border = len(reader), self.padding
        padded = height + 2 * border, width + 2 * border
        shape = (*padded, channels) if self._channels_last else (channels, *padded)
        stored = torch.zeros((count, *shape), dtype=torch.uint8, device=self.device)
        inner = self._without_border(stored, height, width)
        step = max(1, _CHUNK_BYTES // inner[0].numel())
        for start in range(0, count, step):
            indices = np.arange(start, min(start + step, count))
            inner[start : start + step] = torch.from_numpy(reader.read(indices)).to(self.device)
        return stored

    def _without_border(self, stored: Tensor, height: int, width: int) -> Tensor:
        """Stored pixels as (n, H, W, C), not copied."""
        images, border = stored if self._channels_last else stored.permute(0, 2, 3, 1), self.padding
        return images[:, border : border + height, border : border + width]

    def put(self, images: Tensor) -> None:
        """Write other images, uint8 (k, H, W, C) on the host, over the first k."""
        inner = self._without_border(self.pixels, self.height, self.width)
        inner[: len(images)].copy_(images, non_blocking=True)

    def _beside_pixels(self, factor: Tensor) -> Tensor:
        """A number per channel (C,) in the shape that multiplies stored pixels with a long innermost axis."""
        return factor.repeat(self._size[1]) if self._channels_last else factor.view(-1, 1, 1)

    def _normalised(self, pixels: Tensor) -> Tensor:
        """Stored pixels as float32 (N, C, H, W) in the memory format of the bank."""
        if not self._channels_last:
            return torch.addcmul(self._shift, pixels.float(), self._scale)
        height, width = self._size
        rows = pixels.reshape(len(pixels), height, width * self._channels)
        images = torch.addcmul(self._shift, rows.float(), self._scale)
        return images.view(len(pixels), height, width, self._channels).permute(0, 3, 1, 2)

    def plain(self, start: int, stop: int) -> Tensor:
        """Images start … stop−1 as a test shows them, normalised float32 (N, C, H, W)."""
        pixels = self._crops[start:stop, self.padding, self.padding]
        for rule in at_test(self._rules):
            pixels = self._stored_as(shown(rule, self._channels_first(pixels)))
        return self._normalised(pixels)

    def ahead(self, batches: Iterable[Columns], samples: Iterable[NDArray[np.int64]]) -> Iterator[Columns]:  # noqa: ARG002
        """The batches: all is there."""
        return iter(batches)

    def stage(self, columns: Columns) -> None:
        """Nothing: they are there."""

    def view(self, indices: Tensor, drawn: Sequence[Mapping[str, Tensor]]) -> Tensor:
        """One view of some samples; see :class:`~smkd_cli.data.images.contract.TrainingImages`."""
        left = list(zip(self._rules, drawn, strict=True))
        if left and type(left[0][0]) is Crop:
            offsets = left.pop(0)[1]["offsets"]
            pixels = self._crops[indices, offsets[:, 0], offsets[:, 1]]
        else:
            pixels = self._crops[indices, self.padding, self.padding]
        if left and type(left[0][0]) is Flip:
            flipped = left.pop(0)[1]["flipped"].view(-1, 1, 1, 1)
            pixels = torch.where(flipped, pixels.flip(2 if self._channels_last else 3), pixels)
        for rule, parameters in left:
            pixels = self._stored_as(varied(rule, self._channels_first(pixels), parameters))
        return self._normalised(pixels)

    def _channels_first(self, pixels: Tensor) -> Tensor:
        """Stored pixels as (N, C, H, W), not copied."""
        return pixels.permute(0, 3, 1, 2) if self._channels_last else pixels

    def _stored_as(self, pixels: Tensor) -> Tensor:
        """Pixels (N, C, H, W) in the order in which they are stored."""
        return (pixels.permute(0, 2, 3, 1) if self._channels_last else pixels).contiguous()
