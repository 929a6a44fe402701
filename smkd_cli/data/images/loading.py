"""Where the images of a split are kept while networks use them: in memory, or in their files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from smkd_cli.errors import UsageError
from smkd_cli.words import shown

if TYPE_CHECKING:
    import torch

Where = Literal["auto", "resident", "streamed"]
MOST_WORKERS = 256
SHARE = 1 / 3
"""Of the memory that is free, how much the images of a split may take; the next split is decided on the rest."""

_USUAL_WORKERS = 16
_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Loading:
    """How images get to networks. It changes no bit of a result, so it belongs to a command and to no recipe.

    Attributes:
        images: ``resident`` decodes all of them once and keeps them on the device; ``streamed`` decodes those of a
            batch before they are needed; ``auto`` streams what would take more than :data:`SHARE` of the free memory.
        workers: threads that decode streamed images; with 0 nothing is decoded ahead. None: one for each thread of the
            training, at most 16.
    """

    images: str = "auto"
    workers: int | None = None

    def __post_init__(self) -> None:
        if self.images not in get_args(Where):
            raise UsageError(f"--images {shown(self.images)}: must be auto, resident or streamed")
        if self.workers is not None and not 0 <= self.workers <= MOST_WORKERS:
            raise UsageError(f"--workers {self.workers}: must be auto or a whole number from 0 to {MOST_WORKERS}")

    @classmethod
    def from_text(cls, images: str, workers: str) -> Loading:
        """From the options of a command.

        Raises:
            UsageError: one of them is not valid.
        """
        if workers != "auto" and not (workers.isascii() and workers.isdecimal() and len(workers) < 7):
            raise UsageError(f"--workers {shown(workers)}: must be auto or a whole number from 0 to {MOST_WORKERS}")
        return cls(images, None if workers == "auto" else int(workers))

    def threads(self, usual: int) -> int:
        """How many threads decode, where a training has ``usual`` threads."""
        return min(usual, _USUAL_WORKERS) if self.workers is None else self.workers

    def streams(self, size: int, device: torch.device) -> bool:
        """Whether images of ``size`` bytes are streamed to this device."""
        if self.images != "auto":
            return self.images == "streamed"
        return size > SHARE * free_memory(device)


def free_memory(device: torch.device) -> float:
    """Bytes of a device that are not used; of the processor those that its control group leaves, if that has a limit.

    Where the system does not say, half of the memory that is built in.
    """
    if device.type == "cuda":
        import torch

        return float(torch.cuda.mem_get_info(device)[0])
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = next(int(line.split()[1]) * 1024.0 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2
    return min(free, _left_in_group())


def _left_in_group() -> float:
    """What a control group (version 2) leaves of its memory; infinite without one. Cached files can be given back."""
    try:
        limit = int((_CGROUP / "memory.max").read_text(encoding="ascii"))
        used = int((_CGROUP / "memory.current").read_text(encoding="ascii"))
        counts = dict(line.split() for line in (_CGROUP / "memory.stat").read_text(encoding="ascii").splitlines())
    except (OSError, ValueError):  # "max" is no limit
        return float("inf")
    return max(0.0, limit - used + int(counts.get("inactive_file", 0)))
