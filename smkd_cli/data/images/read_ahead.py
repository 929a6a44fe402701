"""Images read by threads, ahead of their use, into arrays that are there already.

Threads and not processes: Pillow and torch release Python's lock while they decode and resize. So threads use all
cores, need no copy from one process to another, start at once beside a CUDA context, and end with their process.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from queue import SimpleQueue
from typing import TYPE_CHECKING

import torch

from smkd_cli.data.images.reader import ImageReader
from smkd_cli.errors import DataError
from smkd_cli.words import plain

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

STALLED_SECONDS = 180.0
"""So long may one read take: a network share that is away for a minute is waited for."""


class Reading:
    """Some images on their way into an array; :meth:`wait` returns when all are there."""

    def __init__(self, indices: NDArray[np.int64], into: NDArray[np.uint8]) -> None:
        self._indices, self._into = indices, into
        self._left = len(indices)
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        self.cancelled = False

    def first(self, start: int) -> int:
        """Which image is read at a place of the array."""
        return int(self._indices[start])

    def read(self, reader: ImageReader, start: int, stop: int) -> None:
        """Read a part; any error is kept for who waits."""
        error: BaseException | None = None
        try:
            if not self.cancelled:
                self._into[start:stop] = reader.read(self._indices[start:stop])
        except BaseException as raised:  # also of a plug-in that exits: whoever waits must hear of it
            error = raised
        with self._changed:
            self._left -= stop - start
            self._error = self._error or error
            if not self._left or error is not None:  # who waits is not woken for each image
                self._changed.notify_all()

    def wait(self, check: Callable[[], None], seconds: float) -> None:
        """Wait, and call ``check`` every so many seconds; raises the first error of reading, or what it raises."""
        with self._changed:
            while self._left and self._error is None:
                if not self._changed.wait(seconds):
                    check()
        if self._error is not None:
            self.cancelled = True
            raise self._error


_Part = tuple[Reading, int, int]


class ReadAhead:
    """Threads that read images of one split.

    A reader that says ``parallel`` is read by all threads, an image at a time; any other by one, a batch at a time.

    Args:
        reader: the images.
        threads: how many; at least one is started, so that a read that does not end can be told from a slow one.
        patience: seconds that one read may take.
    """

    def __init__(self, reader: ImageReader, threads: int, patience: float | None = None) -> None:
        self._reader, self._patience = reader, STALLED_SECONDS if patience is None else patience
        self._parallel = bool(getattr(reader, "parallel", False))
        self._parts: SimpleQueue[_Part | None] = SimpleQueue()
        self._busy: dict[int, tuple[int, float]] = {}
        count = max(1, threads) if self._parallel else 1
        for _ in range(count):
            # Daemons: a thread that a dead network share holds must not hold the end of the process.
            arguments = reader, self._parts, self._busy
            threading.Thread(target=_work, args=arguments, name="read ahead", daemon=True).start()
        self._close = weakref.finalize(self, _end, self._parts, count)

    def start(self, indices: NDArray[np.int64], into: NDArray[np.uint8]) -> Reading:
        """Begin to read images (k,) into uint8 (k, H, W, C), which nobody else touches until they are there."""
        reading = Reading(indices, into)
        step = 1 if self._parallel else max(1, len(indices))
        for start in range(0, len(indices), step):
            self._parts.put((reading, start, min(start + step, len(indices))))
        return reading

    def wait(self, reading: Reading) -> None:
        """Wait until images are there.

        Raises:
            DataError: one cannot be read, or its reading does not end.
        """
        reading.wait(self._check, min(1.0, self._patience / 2))

    def _check(self) -> None:
        now = time.monotonic()
        for index, since in list(self._busy.values()):
            if now - since > self._patience:
                where = getattr(self._reader, "where", None)
                what = f"image {index}" if where is None else plain(where(index))
                raise DataError(
                    f"{what}: reading it has not ended for {now - since:.0f} seconds; see whether its disk or network"
                    " share is there. The same command goes on from the last checkpoint"
                )


def _work(reader: ImageReader, parts: SimpleQueue[_Part | None], busy: dict[int, tuple[int, float]]) -> None:
    torch.set_num_threads(1)  # of this thread; there are as many of us as cores
    own = threading.get_ident()
    while (part := parts.get()) is not None:
        reading, start, stop = part
        busy[own] = reading.first(start), time.monotonic()
        reading.read(reader, start, stop)
        del busy[own], part, reading


def _end(parts: SimpleQueue[_Part | None], count: int) -> None:
    for _ in range(count):
        parts.put(None)
