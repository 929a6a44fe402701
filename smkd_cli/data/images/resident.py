"""Images that live on the device as bytes and become normalised floats a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from smkd_cli.data.images.reader import ImageReader

# How much is read at a time on the way to the device.
_CHUNK_BYTES = 64 << 20


class ImageBank:
    """All images of a split on one device, stored in the memory order of the batches that come out.

    Args:
        reader: the images, at least one.
        mean, std: per channel, for pixels scaled to [0, 1].
        device: where the images live.
        padding: black pixels added on every side, for random crops of the original size.
        memory_format: of the float batches that come out.
    """

    def __init__(
        self,
        reader: ImageReader,
        mean: Sequence[float],
        std: Sequence[float],
        device: torch.device,
        padding: int = 0,
        memory_format: torch.memory_format = torch.contiguous_format,
    ) -> None:
        self.device, self.padding = device, padding
        self._channels_last = memory_format == torch.channels_last
        _, self.height, self.width, self._channels = reader.read(np.zeros(1, np.int64)).shape
        self.pixels = self._stored(reader)
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

    def _stored(self, reader: ImageReader) -> Tensor:
        """All padded images in memory order, uint8, on the device; they are read a part at a time."""
        count, border = len(reader), self.padding
        height, width = self.height + 2 * border, self.width + 2 * border
        shape = (height, width, self._channels) if self._channels_last else (self._channels, height, width)
        stored = torch.zeros((count, *shape), dtype=torch.uint8, device=self.device)
        inner = stored if self._channels_last else stored.permute(0, 2, 3, 1)
        inner = inner[:, border : border + self.height, border : border + self.width]
        step = max(1, _CHUNK_BYTES // inner[0].numel())
        for start in range(0, count, step):
            indices = np.arange(start, min(start + step, count))
            inner[start : start + step] = torch.from_numpy(reader.read(indices)).to(self.device)
        return stored

    def _beside_pixels(self, factor: Tensor) -> Tensor:
        """A number per channel (C,) in the shape that multiplies stored pixels with a long innermost axis."""
        return factor.repeat(self.width) if self._channels_last else factor.view(-1, 1, 1)

    def _normalised(self, pixels: Tensor) -> Tensor:
        """Stored pixels as float32 (N, C, H, W) in the memory format of the bank."""
        if not self._channels_last:
            return torch.addcmul(self._shift, pixels.float(), self._scale)
        rows = pixels.reshape(len(pixels), self.height, self.width * self._channels)
        images = torch.addcmul(self._shift, rows.float(), self._scale)
        return images.view(len(pixels), self.height, self.width, self._channels).permute(0, 3, 1, 2)

    def plain(self, start: int, stop: int) -> Tensor:
        """Images start … stop−1 without augmentation, normalised float32 (N, C, H, W)."""
        return self._normalised(self._crops[start:stop, self.padding, self.padding])

    def augmented(self, indices: Tensor, offsets: Tensor, flips: Tensor) -> Tensor:
        """A batch cropped and flipped, normalised float32 (N, C, H, W).

        Args:
            indices: (N,) int64, which images.
            offsets: (N, 2) int64, row and column of each crop in the padded image, 0 … 2·padding.
            flips: (N,) bool, which are mirrored left to right.
        """
        crops = self._crops[indices, offsets[:, 0], offsets[:, 1]]
        mirrored = crops.flip(2 if self._channels_last else 3)
        return self._normalised(torch.where(flips.view(-1, 1, 1, 1), mirrored, crops))
