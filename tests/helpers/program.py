"""The program as a process that can be killed, without loading torch anew at each start."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from smkd_cli.train.machine import processes


def run_in_process(
    arguments: Sequence[object],
    words: Path,
    saving_pause: float | None = None,
    silence: float | None = None,
    new_session: bool = False,
) -> Any:
    """Start ``smkd`` with these arguments, all it says going to a file.

    Args:
        saving_pause: seconds from one checkpoint to the next, where they are not to be the usual ones.
        silence: seconds that a worker which was asked to stop may be silent, likewise.
        new_session: whether it leads a session of its own, so that its workers can be sent a signal along with it.
    """
    processes.get_ready()
    process = multiprocessing.get_context("forkserver").Process(
        target=_main, args=([str(argument) for argument in arguments], str(words), saving_pause, silence, new_session)
    )
    process.start()
    return process


def _main(
    arguments: Sequence[str], words: str, saving_pause: float | None, silence: float | None, new_session: bool
) -> None:
    from smkd_cli.app import main
    from smkd_cli.train.executors import worker_process
    from smkd_cli.train.machine.signals import SIGNALS
    from smkd_cli.train.run import clock

    if new_session:
        os.setsid()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    if saving_pause is not None:
        clock._SAVING_PAUSE, clock._SAVING_SHARE = saving_pause, 1.0
    if silence is not None:
        worker_process._SILENCE_SECONDS = worker_process._LONGEST_SILENCE_SECONDS = silence
    output = os.open(words, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    main(list(arguments))


def wait_for(path: Path, newer_than: int = 0) -> None:
    """Wait until a file is there and was written after that time (in nanoseconds)."""
    deadline = time.monotonic() + 120
    while not (path.exists() and path.stat().st_mtime_ns > newer_than):
        assert time.monotonic() < deadline, f"{path} was not written"
        time.sleep(0.01)


def descendants(pid: int) -> list[int]:
    """All processes below one."""
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [*children, *(below for child in children for below in descendants(child))]


def gone(processes: Sequence[int]) -> bool:
    """Whether all these have ended, or do soon."""
    deadline = time.monotonic() + 10
    while any(alive(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not any(alive(process) for process in processes)


def alive(pid: int) -> bool:
    """Whether a process has not ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return state_of(pid) != "Z"


def state_of(pid: int) -> str:
    """As the system tells it: R, S, T (stopped by a signal), Z (ended, and nobody asked how)."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
