"""Images that live on the device as bytes and become normalised floats a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


class ImageBank:
    """All images of a split on one device.

    Args:
        images: uint8 (n, H, W, C).
        mean, std: per channel, for pixels scaled to [0, 1].
        device: where the images live.
        padding: black pixels added on every side, for random crops of the original size.
        memory_format: of the float batches that come out.
    """

    def __init__(
        self,
        images: np.ndarray,
        mean: Sequence[float],
        std: Sequence[float],
        device: torch.device,
        padding: int = 0,
        memory_format: torch.memory_format = torch.contiguous_format,
    ) -> None:
        self.count, self.height, self.width, channels = images.shape
        self.padding = padding
        self.memory_format = memory_format
        stored = torch.from_numpy(images).permute(0, 3, 1, 2)
        if padding:
            stored = torch.nn.functional.pad(stored, (padding,) * 4)
        self.pixels = stored.contiguous().to(device)
        # (x/255 − mean)/std as one multiplication and one addition
        scale = 1 / (255 * torch.tensor(std, dtype=torch.float64))
        shift = -torch.tensor(mean, dtype=torch.float64) / torch.tensor(std, dtype=torch.float64)
        self._scale = scale.float().view(1, channels, 1, 1).to(device)
        self._shift = shift.float().view(1, channels, 1, 1).to(device)
        self._rows = torch.arange(self.height, device=device)
        self._columns = torch.arange(self.width, device=device)

    def _normalised(self, pixels: Tensor) -> Tensor:
        return torch.addcmul(self._shift, pixels.float(), self._scale).contiguous(memory_format=self.memory_format)

    def plain(self, start: int, stop: int) -> Tensor:
        """Images start … stop−1 without augmentation, normalised float32 (N, C, H, W)."""
        pad = self.padding
        return self._normalised(self.pixels[start:stop, :, pad : pad + self.height, pad : pad + self.width])

    def augmented(self, indices: Tensor, offsets: Tensor, flips: Tensor) -> Tensor:
        """A batch cropped and flipped, normalised float32 (N, C, H, W).

        Args:
            indices: (N,) int64, which images.
            offsets: (N, 2) int64, row and column of each crop in the padded image, 0 … 2·padding.
            flips: (N,) bool, which are mirrored left to right.
        """
        rows = self._rows + offsets[:, :1]
        columns = torch.where(flips.unsqueeze(1), self.width - 1 - self._columns, self._columns) + offsets[:, 1:]
        # Advanced indices around a slice put their axes first: the result is (N, H, W, C).
        batch = self.pixels[indices.view(-1, 1, 1), :, rows.unsqueeze(2), columns.unsqueeze(1)]
        return self._normalised(batch.permute(0, 3, 1, 2))
