"""Training images that stay on the host: those of a batch are put into buffers of one size before its step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from smkd_cli.data.images.reader import ArrayReader, ImageReader
from smkd_cli.recipe import Recipe
from smkd_cli.train.machine.device import Machine
from smkd_cli.train.step.build import ImageFacts, resident_images
from smkd_cli.train.step.epoch_plan import Columns


class StreamedImages:
    """Room for the batches of both peers on the device, and which row of it a sample has.

    Attributes:
        staged: how many batches were put into place.
    """

    def __init__(self, recipe: Recipe, dataset: ImageFacts, reader: ImageReader, machine: Machine) -> None:
        self._reader, self._made_of = reader, lambda images: resident_images(recipe, dataset, images, machine)
        self.capacity, self.staged = 2 * recipe.batch_size, 0
        self._buffer = self._made_of(ArrayReader(np.zeros((self.capacity, *dataset.image_shape), np.uint8)))
        # A row that there is not: a step with a sample that was not put into place is an error.
        self._rows = torch.full((len(reader),), self.capacity).to(machine.device)

    @property
    def device(self) -> torch.device:
        return self._buffer.device

    def __len__(self) -> int:
        return len(self._reader)

    def plain(self, start: int, stop: int) -> Tensor:
        chosen = self._reader.read(np.arange(start, min(stop, len(self))))
        return self._made_of(ArrayReader(chosen)).plain(0, len(chosen))

    def _samples(self, columns: Columns) -> np.ndarray:
        return np.unique(columns["indices"].cpu().numpy())

    def stage(self, columns: Columns) -> None:
        samples = self._samples(columns)
        rows = np.full(len(self), self.capacity)
        rows[samples] = np.arange(len(samples))
        images = np.zeros((self.capacity, *self._reader.read(samples[:1]).shape[1:]), np.uint8)
        images[: len(samples)] = self._reader.read(samples)
        self._rows.copy_(torch.from_numpy(rows))
        self._buffer.pixels.copy_(self._made_of(ArrayReader(images)).pixels)
        self.staged += 1

    def view(self, indices: Tensor, drawn: Sequence[Mapping[str, Tensor]]) -> Tensor:
        return self._buffer.view(self._rows[indices], drawn)
