"""CUDA graphs as torch makes them, and what a failed recording leaves behind."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache

import torch

Work = Callable[[], object]

# Libraries choose algorithms and take their workspaces in the first steps, which must not happen while capturing.
_WARM_UP_STEPS = 3


class CudaGraphs:
    """Graphs that share one pool of memory.

    They are replayed one after the other, and none leaves the next anything there.
    """

    def __init__(self) -> None:
        self._pool = torch.cuda.graph_pool_handle()

    def warm_up(self, work: Work) -> None:
        """Do the work a few times on the stream on which it will be recorded."""
        current = torch.cuda.current_stream()
        _stream().wait_stream(current)
        with torch.cuda.stream(_stream()):
            for _ in range(_WARM_UP_STEPS):
                work()
        current.wait_stream(_stream())
        torch.cuda.synchronize()

    def record(self, work: Work) -> Work:
        """Record the work without doing it; what is returned does it once more, on the same tensors."""
        graph = torch.cuda.CUDAGraph()
        try:
            with _no_garbage_collection(), _recording(graph, self._pool):
                work()
        except BaseException:
            self._clean_up()
            raise
        return graph.replay

    def _clean_up(self) -> None:
        """After a failed recording, torch 2.11 still allocates from the pool, and its generator thinks it is captured.

        Every later random draw would raise, and the pool's memory would be lost. A recording that ends well puts the
        generator right. The pool still serves the graphs that it has, but takes no further one.
        """
        device = torch.cuda.current_device()
        with suppress(RuntimeError):  # later versions have ended it themselves
            torch._C._cuda_endAllocateToPool(device, self._pool)
            torch._C._cuda_releasePool(device, self._pool)
        self._pool = torch.cuda.graph_pool_handle()
        with suppress(RuntimeError), _recording(torch.cuda.CUDAGraph()):
            torch.zeros(1, device="cuda")


@contextmanager
def _recording(graph: torch.cuda.CUDAGraph, pool: torch.cuda._POOL_HANDLE | None = None) -> Iterator[None]:
    # The outer context brings the current stream back even where ending a failed recording fails too.
    with torch.cuda.stream(torch.cuda.current_stream()), torch.cuda.graph(graph, pool=pool, stream=_stream()):
        yield


@cache
def _stream() -> torch.cuda.Stream:
    """Where graphs are recorded: one stream, because torch's are few and come round again."""
    return torch.cuda.Stream()  # type: ignore[no-untyped-call]


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Nothing is freed while this is entered that was garbage before: freeing may be forbidden while capturing."""
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
