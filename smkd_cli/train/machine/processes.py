"""Processes of our own: forked from a server that holds torch in memory, so that each starts at once.

Loading torch takes seconds. The server loads it while our own process does, and once for all that are started. It never
trains, so there are no threads to lose in a fork, and no state of a GPU. Elsewhere than on Linux, where libraries of
the system may not bear a fork, every process loads torch for itself.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any

from smkd_cli.errors import TrainingError
from smkd_cli.train.machine.signals import SIGNALS

# By name only: what they are stands above this layer.
PRELOADED = ["smkd_cli.train.run.loop", "smkd_cli.train.calibrate.trial"]
_FORKS = sys.platform == "linux"
# A server that was killed may not be known to be dead yet when it should start the next process.
_ATTEMPTS, _PAUSE_SECONDS = 3, 0.1


def get_ready() -> None:
    """Begin to load what processes need, without waiting for it."""
    if _FORKS:
        with _no_signal_finds_a_child():
            forkserver.set_forkserver_preload(PRELOADED)
            forkserver.ensure_running()


def start(work: Callable[[Connection], None]) -> tuple[Any, Connection]:
    """Start a process that does ``work(link)``, and give it and our end of the link.

    The signals that stop (``SIGNALS``) are blocked in it until it lifts that by itself.

    Raises:
        TrainingError: the system lets no process start.
    """
    problem: Exception | None = None
    for _ in range(_ATTEMPTS):
        try:
            return _start(work)
        except (OSError, EOFError) as error:
            problem = error
            time.sleep(_PAUSE_SECONDS)
    reason = str(problem) or "the process that starts others died"
    raise TrainingError(f"no further process can be started ({reason}); see ulimit -u, and free memory") from problem


def _start(work: Callable[[Connection], None]) -> tuple[Any, Connection]:
    get_ready()
    context: Any = multiprocessing.get_context("forkserver" if _FORKS else "spawn")
    ours, theirs = context.Pipe()
    try:
        process = context.Process(target=work, args=(theirs,), daemon=True)
        with _no_signal_finds_a_child(), _without_main():
            process.start()
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return process, ours


def end_with_parent() -> None:
    """Have this process end when its parent has ended, for any reason: no orphan keeps a run directory locked."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="end with parent", daemon=True).start()


@contextmanager
def _without_main() -> Iterator[None]:
    """The child does not import the script that called us, which would run it again: nothing of it is needed there."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextmanager
def _no_signal_finds_a_child() -> Iterator[None]:
    """Children inherit the mask, so that no signal reaches them before they have handlers."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        # Python's own helper process changes the signal mask of the process that starts it; so it starts first.
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
