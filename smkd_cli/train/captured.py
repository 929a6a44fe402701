"""A training step as one CUDA graph: the host launches it whole instead of kernel by kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import torch
from torch import Tensor

from smkd_cli import console

Step = Callable[..., None]

# Libraries choose algorithms and take their workspaces in the first steps, which must not happen while capturing.
_WARM_UP_STEPS = 3


class Graph(Protocol):
    """What is captured once and replayed ever after."""

    def recording(self) -> AbstractContextManager[None]: ...

    def replay(self) -> None: ...


class CudaGraph:
    """A graph of torch's."""

    def __init__(self) -> None:
        self._graph = torch.cuda.CUDAGraph()

    @contextmanager
    def recording(self) -> Iterator[None]:
        """While this is entered, CUDA work is recorded and not done."""
        # The outer context brings the current stream back even where ending a failed recording fails too.
        with torch.cuda.stream(torch.cuda.current_stream()), torch.cuda.graph(self._graph):
            yield

    def replay(self) -> None:
        """Do the recorded work once more, on the tensors that it was recorded with."""
        self._graph.replay()


class CapturedStep:
    """Calls a step by replaying its graph; every call must have the batch size of the first.

    The first call warms the step up and records it. Whatever that changed (weights, momentum, memories, statistics,
    the generators) is put back, so a captured step leaves what an eager one would. Where recording is impossible,
    because the step asks the host for something, it says so once and goes on eagerly.

    Args:
        step: draws, forwards, backwards and updates in place, on tensors that stay where they are.
        state: the tensors that the step changes.
        graph: makes an empty graph.
    """

    def __init__(
        self, step: Step, state: Callable[[], dict[str, Tensor]], graph: Callable[[], Graph] = CudaGraph
    ) -> None:
        self._step, self._state, self._new_graph = step, state, graph
        self._inputs: tuple[Tensor, ...] = ()
        self._graph: Graph | None = None
        self.impossible: str | None = None

    def __call__(self, *batch: Tensor) -> None:
        """Do the step on this batch."""
        if self.impossible is None and self._graph is None:
            self._inputs = tuple(part.clone() for part in batch)
            self._record()
        if self._graph is None:
            self._step(*batch)
            return
        for place, part in zip(self._inputs, batch, strict=True):
            place.copy_(part)
        self._graph.replay()

    def _record(self) -> None:
        before = {name: value.clone() for name, value in self._state().items()}
        generators = _generators()
        try:
            _on_side_stream(lambda: [self._step(*self._inputs) for _ in range(_WARM_UP_STEPS)])
            graph = self._new_graph()
            with graph.recording():
                self._step(*self._inputs)
            self._graph = graph
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            cause = error.__context__ or error  # what broke the recording, rather than what ending it said
            self.impossible = str(cause).partition("\n")[0]
            console.warn(f"the training step cannot be captured and runs eagerly: {self.impossible}")
        finally:
            if torch.cuda.is_available():
                torch.cuda.synchronize()  # nothing that failed may still write into what is put back
            with torch.no_grad():
                for name, value in self._state().items():
                    value.copy_(before[name])
            _restore(generators)


def _on_side_stream(work: Callable[[], object]) -> None:
    """Capture must follow work on a stream other than the default one."""
    if not torch.cuda.is_available():
        work()
        return
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        work()
    torch.cuda.current_stream().wait_stream(side)
    torch.cuda.synchronize()


def _generators() -> tuple[Tensor, Tensor | None]:
    return torch.get_rng_state(), torch.cuda.get_rng_state() if torch.cuda.is_available() else None


def _restore(states: tuple[Tensor, Tensor | None]) -> None:
    cpu, cuda = states
    torch.set_rng_state(cpu)
    if cuda is not None:
        torch.cuda.set_rng_state(cuda)
