"""A training step that is got ready once and then called: recorded as one CUDA graph, or with compiled networks."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor

from smkd_cli import console
from smkd_cli.errors import SmkdError

Step = Callable[[dict[str, Tensor]], None]
Work = Callable[[], object]


class Graphs(Protocol):
    """How a step is got ready."""

    def warm_up(self, work: Work) -> None:
        """Do the work until every further time is like the last."""

    def record(self, work: Work) -> Work:
        """What does the work from then on, on the same tensors."""


class NoGraphs:
    """Without CUDA there is nothing to record; compiled networks are compiled when they are first called."""

    def warm_up(self, work: Work) -> None:
        """Do the work once."""
        work()

    def record(self, work: Work) -> Work:
        """The work itself."""
        return work


class CapturedStep:
    """Calls a step by replaying its graph; every call must have the batch size of the first.

    The first call, or :meth:`prepare` before it, warms the step up and records it. Whatever that changed (weights,
    momentum, memories, statistics, the generators) is put back, so a captured step leaves what an eager one would.
    Where that is impossible, because the step needs the host or does not compile, it warns once and
    takes the fallback.

    Args:
        step: draws, forwards, backwards and updates in place, on tensors that stay where they are.
        state: the tensors that the step changes.
        graphs: record it.
        fallback: the same step done otherwise; by default the step itself, done eagerly.
        otherwise: what the fallback does, for the warning.

    Attributes:
        impossible: why the step cannot be captured, once that is known.
    """

    def __init__(
        self,
        step: Step,
        state: Callable[[], dict[str, Tensor]],
        graphs: Graphs,
        fallback: Step | None = None,
        otherwise: str = "runs eagerly",
    ) -> None:
        self._step, self._state, self._graphs = step, state, graphs
        self._fallback, self._otherwise = fallback or step, otherwise
        self._inputs: dict[str, Tensor] = {}
        self._replay: Work | None = None
        self.impossible: str | None = None

    def __call__(self, batch: dict[str, Tensor]) -> None:
        """Do the step on this batch."""
        self.prepare(batch)
        if self._replay is None:
            self._fallback(batch)
            return
        for name, part in batch.items():
            self._inputs[name].copy_(part)
        self._replay()

    @property
    def is_prepared(self) -> bool:
        """Whether it can be called without getting ready first; so must its fallback be, where that is taken."""
        if self.impossible is not None and isinstance(self._fallback, CapturedStep):
            return self._fallback.is_prepared
        return self._replay is not None or self.impossible is not None

    def prepare(self, batch: dict[str, Tensor]) -> None:
        """Get ready for batches like this one, unless that was done; training stays where it is.

        Raises:
            torch.OutOfMemoryError: there is not enough memory.
            MethodError: the code of the method is wrong.
        """
        if self._replay is None and self.impossible is None:
            self._inputs = {name: part.clone() for name, part in batch.items()}
            with _unchanged(self._state):
                self._record()
        if self.impossible is not None and isinstance(self._fallback, CapturedStep):
            self._fallback.prepare(batch)

    def _record(self) -> None:
        def work() -> None:
            self._step(self._inputs)

        try:
            self._graphs.warm_up(work)
            self._replay = self._graphs.record(work)
        except Exception as error:  # a compiler raises what it likes, and so does a warning that is made an error
            self.impossible = _reason(error)
        if self.impossible is not None:
            gc.collect()  # the error and what was computed until then hold each other
            console.warn(f"the training step cannot be captured and {self._otherwise}: {self.impossible}")


def _reason(error: Exception) -> str:
    """The first line of the error that broke the capture, not of the one on ending it.

    Re-raises what the step would also end with where it is not captured.
    """
    cause = error.__context__ or error
    for raised in (error, cause):
        if isinstance(raised, (torch.OutOfMemoryError, SmkdError)):
            raise raised
    return str(cause).partition("\n")[0] or type(cause).__name__


@contextmanager
def _unchanged(state: Callable[[], dict[str, Tensor]]) -> Iterator[None]:
    """Put the state and the generators back when this is left."""
    cuda = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    before = {name: value.clone() for name, value in state().items()}
    random, random_cuda = torch.get_rng_state(), torch.cuda.get_rng_state() if cuda else None
    try:
        yield
    finally:
        if cuda:
            torch.cuda.synchronize()  # nothing that failed may still write into what is put back
            torch.cuda.empty_cache()
        with torch.no_grad():
            for name, value in state().items():
                value.copy_(before[name])
        torch.set_rng_state(random)
        if random_cuda is not None:
            torch.cuda.set_rng_state(random_cuda)
