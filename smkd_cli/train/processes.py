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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any

_LOADED = ["smkd_cli.train.cell", "smkd_cli.train.calibrate.trial"]
_FORKS = sys.platform == "linux"


def get_ready() -> None:
    """Begin to load what processes need, without waiting for it."""
    if _FORKS:
        with _no_signal_finds_a_child():
            forkserver.set_forkserver_preload(_LOADED)
            forkserver.ensure_running()


def start(work: Callable[[Connection], None]) -> tuple[Any, Connection]:
    """Start a process that does ``work(link)``, and give it and our end of the link.

    SIGINT and SIGTERM are blocked in it until it lifts that by itself.
    """
    get_ready()
    context: Any = multiprocessing.get_context("forkserver" if _FORKS else "spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=work, args=(theirs,), daemon=True)
    with _no_signal_finds_a_child():
        process.start()
    theirs.close()
    return process, ours


def end_with_parent() -> None:
    """Have this process end when its parent has gone, however that went: no orphan keeps a run directory locked."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="end with parent", daemon=True).start()


@contextmanager
def _no_signal_finds_a_child() -> Iterator[None]:
    """Children inherit the mask, so that no signal finds them before they can listen."""
    # Python's own helper process lifts the mask of whoever starts it; so it comes up before.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
