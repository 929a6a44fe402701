"""Prepares this process for a cell's compute configuration, and describes it for the record."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from smkd_cli import __version__
from smkd_cli.errors import UsageError
from smkd_cli.train.machine.compute import ComputeConfig
from smkd_cli.train.machine.parallel import Both, OnStreams, OnThreads, in_turn
from smkd_cli.words import shown


@dataclass(frozen=True)
class Machine:
    """Where a cell is trained: its compute configuration as torch objects.

    Attributes:
        precision: of autocast; float32 is none.
        both: runs a piece of work for each peer.
    """

    compute: ComputeConfig
    device: torch.device
    precision: torch.dtype
    memory_format: torch.memory_format
    both: Both

    def synchronize(self) -> None:
        """Wait until all work queued on the device is done."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def mfu(self, images_per_second: float, operations_per_image: int) -> float | None:
        """Model FLOP utilisation: the share of the measured matrix-product peak that training uses, 0 to 1."""
        peak = self.compute.matrix_peak
        return None if peak is None else images_per_second * operations_per_image / peak

    def describe(self) -> dict[str, Any]:
        """The record of it: versions, device and compute configuration."""
        return {
            "smkd": __version__,
            "torch": str(torch.__version__),
            "python": platform.python_version(),
            "device_name": device_name(self.device),
            **self.compute.record(),
        }


def device_name(device: torch.device) -> str:
    """The name of the GPU, or of the processor as the system reports it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def choose_device(wanted: str) -> torch.device:
    """The device for ``--device``; ``auto`` is CUDA where there is one.

    Raises:
        UsageError: no such device here.
    """
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if wanted not in {"cpu", "cuda"}:
        raise UsageError(f"--device {shown(wanted)}: must be auto, cpu or cuda")
    if wanted == "cuda" and not torch.cuda.is_available():
        raise UsageError(
            "--device cuda: this machine has no usable CUDA device; leave --device out to train on the CPU"
        )
    return torch.device(wanted)


@contextmanager
def unchanged_torch() -> Iterator[None]:
    """Restore torch's global settings on exit: preparing a machine and training change them."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    precision, cudnn = torch.get_float32_matmul_precision(), torch.backends.cudnn
    flags = cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic
    try:
        with torch.random.fork_rng(devices=[torch.cuda.current_device()] if torch.cuda.is_available() else []):
            yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic)
        torch.set_float32_matmul_precision(precision)
        cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic = flags


def prepare_machine(compute: ComputeConfig) -> Machine:
    """Apply a compute configuration to this process."""
    side_by_side = compute.peers == "side_by_side"
    cuda = compute.device == "cuda"
    torch.use_deterministic_algorithms(cuda and compute.deterministic)
    threads = compute.threads // 2 if side_by_side and not cuda else compute.threads
    torch.set_num_threads(threads)
    _keep_freed_memory()
    both: Both = in_turn
    if cuda:
        _prepare_cuda(compute)
        both = OnStreams() if side_by_side else in_turn
    elif side_by_side:
        both = OnThreads(threads)
    return Machine(
        compute,
        torch.device(compute.device),
        torch.bfloat16 if compute.precision == "bfloat16" else torch.float32,
        {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}[compute.memory_format],
        both,
    )


def _prepare_cuda(compute: ComputeConfig) -> None:
    products = compute.precision != "float32"
    # The compiler reads these settings by their older names, which the newer ones would make unreadable.
    torch.set_float32_matmul_precision("high" if products else "highest")
    torch.backends.cudnn.allow_tf32 = products
    # Trying out algorithms may end with other ones, and so with other bits, from run to run.
    torch.backends.cudnn.benchmark = not compute.deterministic
    torch.backends.cudnn.deterministic = compute.deterministic
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # deterministic; read once, when cuBLAS first starts


def _keep_freed_memory() -> None:
    """Have glibc keep what a step frees for the next one.

    By default it returns blocks of megabytes to the system at once, and every step pays for thousands of page faults
    and for pages full of zeros; on small networks that is up to a tenth of the time. Elsewhere nothing is done.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for parameter, value in _MALLOC_OPTIONS:
            mallopt(parameter, value)


# Of <malloc.h>: M_TRIM_THRESHOLD, M_TOP_PAD (bytes to request at a time), M_MMAP_MAX. One heap for all threads
# (M_ARENA_MAX) costs peers side by side a tenth of their time: they wait for its lock.
_MALLOC_OPTIONS: Sequence[tuple[int, int]] = ((-1, -1), (-2, 64 << 20), (-4, 0))
