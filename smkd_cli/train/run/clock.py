"""The seconds of a cell: those of its training steps, and when it is time to save and to report."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from smkd_cli.train.run.state import Progress

# Saving may take this part of the time, and is not worth doing more often than every second.
_SAVING_SHARE = 0.02
_SAVING_PAUSE = 1.0
# How often progress within an epoch is reported, in seconds.
_REPORT_PAUSE = 1.0


class Stopwatch:
    """Counts the seconds of training steps, and all seconds, into a progress."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._steps, self._all = progress.epoch_seconds, progress.seconds
        self._began = self._resumed = time.monotonic()

    def lap(self) -> None:
        """Count until now, a step having ended."""
        now = time.monotonic()
        self._progress.epoch_seconds = self._steps + now - self._resumed
        self._progress.seconds = self._all + now - self._began

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What is done meanwhile is no training step."""
        before = time.monotonic()
        yield
        self._resumed += time.monotonic() - before

    def end(self) -> None:
        """Count what came after the last step."""
        self._progress.seconds = self._all + time.monotonic() - self._began


class SavingPace:
    """Decides when a checkpoint is due: as often as its cost allows."""

    def __init__(self) -> None:
        self._last, self._cost = time.monotonic(), 0.0

    def due(self) -> bool:
        """Whether enough time has passed since the last one."""
        return time.monotonic() - self._last > max(_SAVING_PAUSE, self._cost / _SAVING_SHARE)

    @contextmanager
    def saving(self) -> Iterator[None]:
        """A checkpoint is written meanwhile."""
        before = time.monotonic()
        yield
        self._last = time.monotonic()
        self._cost = self._last - before


class Speedometer:
    """Counts images, and decides when their speed is reported."""

    def __init__(self) -> None:
        self._last, self._images = time.monotonic(), 0

    def count(self, images: int) -> None:
        """Add images that a step has trained on."""
        self._images += images

    def due(self) -> bool:
        """Whether enough time has passed since the last report."""
        return time.monotonic() - self._last > _REPORT_PAUSE

    def images_per_second(self) -> float:
        """Since the last report."""
        return self._images / (time.monotonic() - self._last)

    def restart(self) -> None:
        """What was counted is reported."""
        self._last, self._images = time.monotonic(), 0

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What is done meanwhile counts in no speed."""
        before = time.monotonic()
        yield
        self._last += time.monotonic() - before
