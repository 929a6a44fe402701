"""Processes that measure speed: started by a training command, and ended with it."""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any

import torch

from smkd_cli import console
from smkd_cli.errors import InterruptedRunError, TrainingError
from smkd_cli.recipe import Recipe
from smkd_cli.train.calibrate import trial
from smkd_cli.train.calibrate.requests import (
    Answer,
    BestSpeed,
    Failure,
    FreeMemory,
    MatrixPeak,
    Measured,
    Request,
    SteadySpeed,
)
from smkd_cli.train.machine import processes
from smkd_cli.train.machine.compute import ComputeConfig
from smkd_cli.train.machine.signals import StopRequest

# A measurement that takes longer hangs. Compiling two large networks takes minutes.
_TIMEOUT_SECONDS = 600.0
# How often signals are checked while waiting for an answer.
_POLL_SECONDS = 0.2


class Bench:
    """One measuring process; a request that kills it, or that it cannot answer, gives None.

    Args:
        stop: ends the waiting.

    Attributes:
        failure: why the last such request was not answered.
    """

    def __init__(self, stop: StopRequest) -> None:
        self.failure: str | None = None
        self._stop = stop
        self._process: Any = None
        self._link: Connection | None = None

    def measure(self, request: Request) -> float | None:
        """Send a request, and wait for the answer."""
        self.send(request)
        return self.receive()

    def send(self, request: Request) -> None:
        """Send a request without waiting."""
        if self._link is None:
            try:
                self._process, self._link = processes.start(_serve)
            except TrainingError as error:
                self.failure = str(error)
                return
        with suppress(OSError):  # that a process has died is found on receiving
            self._link.send(request)

    def receive(self) -> float | None:
        """The answer to the oldest open request.

        Raises:
            InterruptedRunError: a signal came.
        """
        if self._link is None:  # it could not be started
            return None
        try:
            answer = self._next_message(self._link)
            while isinstance(answer, console.Logged):
                console.relay(answer)
                answer = self._next_message(self._link)
        except (EOFError, OSError) as error:
            self._check_signals()
            self.close()
            answer = Failure(str(error) or "the measuring process died")
        match answer:
            case Measured(value):
                return value
            case Failure(why):
                self.failure = why
                return None

    def _next_message(self, link: Connection) -> Answer | console.Logged:
        give_up = time.monotonic() + _TIMEOUT_SECONDS
        while not link.poll(_POLL_SECONDS):
            self._check_signals()
            if time.monotonic() > give_up:
                raise EOFError(f"no answer in {_TIMEOUT_SECONDS:.0f} s")
        return link.recv()  # type: ignore[no-any-return]

    def _check_signals(self) -> None:
        if self._stop:
            raise InterruptedRunError(self._stop.signal_number, "stopped before training began")

    def close(self) -> None:
        """End the process."""
        if self._link is not None:
            self._link.close()
            self._process.kill()
            self._process.join()
            self._link = None


class Benches:
    """Measuring processes; each starts at its first request, and stays."""

    def __init__(self, stop: StopRequest) -> None:
        self._stop = stop
        self._made: list[Bench] = []

    def take(self, count: int) -> Sequence[Bench]:
        """The first ``count`` of them."""
        self._made += [Bench(self._stop) for _ in range(count - len(self._made))]
        return self._made[:count]

    def close(self) -> None:
        """End them all."""
        for bench in self._made:
            bench.close()


@contextmanager
def benches(stop: StopRequest | None = None) -> Iterator[Benches]:
    """Measuring processes, which end with the block; ``stop`` may end it."""
    made = Benches(StopRequest() if stop is None else stop)
    try:
        yield made
    finally:
        made.close()


def _serve(link: Connection) -> None:
    """Answer requests until the line is closed; what is logged is sent too.

    Signals that stop stay blocked: the parent handles them, and then kills us. If they ended us, a configuration
    would be remembered as one that cannot run.
    """
    console.open_streams()
    sys.stdout = sys.stderr  # what a network prints is no data
    processes.end_with_parent()
    sending = threading.RLock()

    def send(message: Answer | console.Logged) -> None:
        with sending, suppress(OSError):  # the parent wants no answer any more
            link.send(message)

    console.forward(send)
    trials: dict[tuple[str, trial.ImageKind, ComputeConfig], trial.Trial] = {}

    def forget() -> None:
        trials.clear()
        gc.collect()  # a pair and its graph refer to each other
        torch.cuda.empty_cache()

    def peak(compute: ComputeConfig) -> float:
        forget()  # the number of threads is that of the whole process, and a trial's peers may need another
        return trial.matrix_peak(compute)

    def ready(recipe: Recipe, images: trial.ImageKind, compute: ComputeConfig) -> trial.Trial:
        key = (recipe.model_dump_json(), images, compute)
        if key not in trials:
            forget()
            trials[key] = trial.prepare_trial(recipe, images, compute)
        return trials[key]

    def measured(request: Request) -> float:
        match request:
            case BestSpeed(recipe, images, compute, seconds):
                return trial.best_speed(ready(recipe, images, compute), seconds)
            case SteadySpeed(recipe, images, compute, seconds):
                return trial.steady_speed(ready(recipe, images, compute), seconds)
            case MatrixPeak(compute):
                return peak(compute)
            case FreeMemory():
                return trial.free_memory()

    while True:
        try:
            request = link.recv()
        except (EOFError, OSError):
            return
        try:
            answer: Answer = Measured(measured(request))
        except Exception as error:  # whatever it is, this configuration cannot be used
            answer = Failure(f"{type(error).__name__}: {error}")
        send(answer)
