"""Where a cell is trained: the device, its threads and precision, and a description of them for the record."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from typing import Any

import torch

from smkd_cli import __version__
from smkd_cli.errors import UsageError


@dataclass(frozen=True)
class Site:
    """The hardware settings of a cell."""

    device: torch.device
    threads: int
    precision: torch.dtype
    memory_format: torch.memory_format

    def describe(self) -> dict[str, Any]:
        """The record of it: versions, device, threads, precision, memory format."""
        cuda = self.device.type == "cuda"
        return {
            "smkd": __version__,
            "torch": str(torch.__version__),
            "python": platform.python_version(),
            "device": self.device.type,
            "device_name": torch.cuda.get_device_name(self.device) if cuda else _processor(),
            "threads": self.threads,
            "precision": str(self.precision).removeprefix("torch."),
            "memory_format": str(self.memory_format).removeprefix("torch."),
            "tf32": cuda and bool(torch.backends.cudnn.allow_tf32),
        }


def _processor() -> str:
    """The processor's name as the system tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def choose_device(wanted: str) -> torch.device:
    """``auto`` is CUDA where there is one.

    Raises:
        UsageError: no such device here.
    """
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if wanted not in {"cpu", "cuda"}:
        raise UsageError(f"--device {wanted}: must be auto, cpu or cuda")
    if wanted == "cuda" and not torch.cuda.is_available():
        raise UsageError(
            "--device cuda: this machine has no usable CUDA device; leave --device out to train on the CPU"
        )
    return torch.device(wanted)


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def choose_threads(wanted: int | str) -> int:
    """``auto`` is every core."""
    return cores() if wanted == "auto" else int(wanted)


def prepare(device: torch.device, threads: int | str, precision: str) -> Site:
    """Set this process up for a cell. Channels last is the faster layout for convolutions, on a CPU too."""
    count = choose_threads(threads)
    torch.set_num_threads(count)
    dtype = {"float32": torch.float32, "bfloat16": torch.bfloat16}[precision]
    return Site(device, count, dtype, torch.channels_last)
