"""Images that stay in their files: those of a batch are decoded ahead of its step, into buffers that stay in place."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from smkd_cli.data.augmentation.contract import Augmentation
from smkd_cli.data.images.contract import Columns
from smkd_cli.data.images.read_ahead import ReadAhead, Reading
from smkd_cli.data.images.reader import ArrayReader, ImageReader
from smkd_cli.data.images.resident import ImageBank

# While a batch is trained on, the next two are decoded: so one that takes longer than others is made up for.
_AHEAD = 2


class StreamedImages:
    """The images of a split, read a batch at a time; see :class:`~smkd_cli.data.images.contract.TrainingImages`.

    Memory does not grow with the number of images, but for eight bytes each: which row of the device's buffer it is in.

    Args:
        reader, mean, std, device, augmentation, memory_format: see :class:`~smkd_cli.data.images.resident.ImageBank`.
        shape: (H, W, C) of the images.
        most: samples of a batch, of both peers together; 0 where nothing is trained.
        workers: threads that decode; 0 decodes nothing ahead.
        patience: seconds after which a read that does not end is an error; by default three minutes.
    """

    def __init__(
        self,
        reader: ImageReader,
        shape: tuple[int, int, int],
        mean: Sequence[float],
        std: Sequence[float],
        device: torch.device,
        augmentation: Sequence[Augmentation] = (),
        memory_format: torch.memory_format = torch.contiguous_format,
        *,
        most: int,
        workers: int,
        patience: float | None = None,
    ) -> None:
        self.device, self._reader, self._most, self._workers = device, reader, most, workers
        self._how = mean, std, device, tuple(augmentation), memory_format
        self._readers = ReadAhead(reader, workers, patience)
        self._shape = shape
        self._bank = self._bank_of(np.zeros((max(most, 1), *shape), np.uint8))
        # A row that there is not: a step with a sample that was not put into place is an error.
        self._rows = torch.full((len(reader) if most else 0,), most, device=device)
        self._placed: Tensor | None = None
        self._next: _Batch | None = None
        self._plain: tuple[range, _Part] | None = None
        self._slots: list[_Slot] = []

    def __len__(self) -> int:
        return len(self._reader)

    def _bank_of(self, pixels: NDArray[np.uint8]) -> ImageBank:
        return ImageBank(ArrayReader(pixels), *self._how)

    def plain(self, start: int, stop: int) -> Tensor:
        """Images start … stop−1 without augmentation, normalised float32 (N, C, H, W); those after them are decoded
        while they are used."""
        wanted, count = range(start, min(stop, len(self))), len(self)
        of, part = self._plain or (range(0), None)
        if part is None or of != wanted:
            part = self._part(wanted)
        later = range(wanted.stop, min(wanted.stop + stop - start, count))
        self._plain = (later, self._part(later)) if later and self._workers else None
        self._readers.wait(part.reading)
        return self._bank_of(part.pixels).plain(0, len(wanted))

    def _part(self, of: range) -> _Part:
        pixels = np.empty((len(of), *self._shape), np.uint8)
        return _Part(pixels, self._readers.start(np.arange(of.start, of.stop), pixels))

    def ahead(self, batches: Iterable[Columns], samples: Iterable[NDArray[np.int64]]) -> Iterator[Columns]:
        """See :meth:`~smkd_cli.data.images.contract.TrainingImages.ahead`."""
        own = self._slots or [_Slot(self._most, self._shape, self.device) for _ in range(_AHEAD + 2)]
        self._slots = []
        slots = itertools.cycle(own)
        coming = zip(batches, samples, strict=True)
        begun: deque[_Batch] = deque()

        def begin(count: int) -> None:
            for columns, of in itertools.islice(coming, count):
                begun.append(self._begin(columns, np.unique(of), next(slots)))

        try:
            begin(1)
            while begun:
                if self._workers:
                    begin(_AHEAD + 1 - len(begun))
                self._next = begun.popleft()
                yield self._next.columns
                if not begun:
                    self._readers.wait(self._next.reading)
                    begin(1)
            self._slots = own  # no thread writes into them any more, as one might after an epoch that was cut short
        finally:
            self._next = None
            for batch in begun:
                batch.reading.cancelled = True

    def _begin(self, columns: Columns, samples: NDArray[np.int64], slot: _Slot) -> _Batch:
        return _Batch(columns, samples, slot, self._readers.start(samples, slot.free(len(samples))))

    def _samples(self, columns: Columns) -> NDArray[np.int64]:
        samples: NDArray[np.int64] = np.unique(columns["indices"].cpu().numpy())
        return samples

    def stage(self, columns: Columns) -> None:
        """Put the samples of a batch into place; those of one that :meth:`ahead` gave are decoded already.

        Raises:
            DataError: an image cannot be read, or its reading does not end.
        """
        batch = self._next
        if batch is None or batch.columns is not columns:
            batch = self._begin(columns, self._samples(columns), _Slot(self._most, self._shape, self.device))
        self._readers.wait(batch.reading)
        self._place(batch.samples, batch.slot.pixels[: len(batch.samples)])
        batch.slot.is_copied()

    def _place(self, samples: NDArray[np.int64], pixels: Tensor) -> None:
        """Put samples (k,) and their pixels, uint8 (k, H, W, C), in the place of those before."""
        if self._placed is not None:
            self._rows[self._placed] = self._most
        self._placed = torch.from_numpy(samples).to(self.device)
        self._rows[self._placed] = torch.arange(len(samples), device=self.device)
        self._bank.put(pixels)

    def view(self, indices: Tensor, drawn: Sequence[Mapping[str, Tensor]]) -> Tensor:
        """One view of some samples; see :class:`~smkd_cli.data.images.contract.TrainingImages`."""
        return self._bank.view(self._rows[indices], drawn)


class _Slot:
    """A buffer of the host that a batch is decoded into; pinned, so that the copy to a GPU need not be waited for."""

    def __init__(self, most: int, shape: tuple[int, ...], device: torch.device) -> None:
        self._is_cuda = device.type == "cuda"
        self.pixels = torch.empty((most, *shape), dtype=torch.uint8, pin_memory=self._is_cuda)
        self._copied: torch.cuda.Event | None = None

    def free(self, count: int) -> NDArray[np.uint8]:
        """Its first rows, once their last content is on the device."""
        if self._copied is not None:
            self._copied.synchronize()
        rows: NDArray[np.uint8] = self.pixels[:count].numpy()
        return rows

    def is_copied(self) -> None:
        """Its copy to the device was begun."""
        if self._is_cuda:
            self._copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._copied.record()


@dataclass(frozen=True)
class _Batch:
    columns: Columns
    samples: NDArray[np.int64]
    slot: _Slot
    reading: Reading


@dataclass(frozen=True)
class _Part:
    pixels: NDArray[np.uint8]
    reading: Reading
