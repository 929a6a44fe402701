"""How the work of the two peers is run: one after the other, on two threads of the processor, or on two CUDA streams.

A peer's forward pass, and later its loss, backward pass and update, touch nothing that the other writes at that time,
so each way gives the same bits. What a network drew at random (dropout) would depend on who comes first on threads and
streams; none of ours draws.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Protocol, TypeVar

import torch

T = TypeVar("T")


class Both(Protocol):
    """Does a piece of work for peer 0 and for peer 1 and waits for both."""

    def __call__(self, work: Callable[[int], T], /) -> tuple[T, T]: ...


def in_turn(work: Callable[[int], T], /) -> tuple[T, T]:
    """Peer 0, then peer 1."""
    return work(0), work(1)


class OnThreads:
    """Peer 0 on the calling thread, peer 1 on a thread of its own; each of the two uses ``threads`` cores.

    Two small networks side by side waste less than one after the other on all cores, whose every layer waits for its
    slowest thread.
    """

    def __init__(self, threads: int) -> None:
        # Torch's number of threads belongs to the calling thread.
        self._helper = ThreadPoolExecutor(1, "peer-b", initializer=torch.set_num_threads, initargs=(threads,))

    def __call__(self, work: Callable[[int], T], /) -> tuple[T, T]:
        second = self._helper.submit(work, 1)
        try:
            first = work(0)
        finally:
            second.exception()  # wait: nothing may still run when an error of peer 0 gets out
        return first, second.result()


class OnStreams:
    """Peer 0 on the current CUDA stream, peer 1 on a side stream that starts after it and joins it again.

    Whoever calls keeps a reference to every tensor that one peer made and the other reads until both streams have
    joined, so that its memory is not given to others too early.
    """

    def __init__(self) -> None:
        self._side = _side_stream()

    def __call__(self, work: Callable[[int], T], /) -> tuple[T, T]:
        main = torch.cuda.current_stream()
        self._side.wait_stream(main)
        first = work(0)
        with torch.cuda.stream(self._side):
            second = work(1)
        main.wait_stream(self._side)
        return first, second


@cache
def _side_stream() -> torch.cuda.Stream:
    """One for all pairs of a process: torch has few, and a new one would some day be the stream that is captured."""
    return torch.cuda.Stream()  # type: ignore[no-untyped-call]
