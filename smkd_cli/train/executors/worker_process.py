"""The parent's end of the line to a worker: what it trains, whether it still speaks, and its end."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from typing import Any

from smkd_cli.recipe import Cell
from smkd_cli.train.executors.worker import work
from smkd_cli.train.machine import processes
from smkd_cli.train.run.loop import Place

Task = tuple[Cell, Place]

# How long a worker that was asked to stop may say nothing: at least, and at most. Between these limits, twice as long
# as it ever did: one that measures a large network is silent for long, and must not be cut short when it then saves.
_SILENCE_SECONDS, _LONGEST_SILENCE_SECONDS = 60.0, 600.0
# How long one that trains nothing may take to end.
_IDLE_SECONDS = 5.0


class WorkerLine:
    """A worker process.

    Attributes:
        link: where it is heard.
        task: what it was given and is not done with.
        begun: whether it has taken that on.
        leaving: whether it takes nothing more.
        gone: whether it has ended.

    Raises:
        TrainingError: the system lets no process start.
    """

    def __init__(self) -> None:
        self._process, self.link = processes.start(work)
        self.task: Task | None = None
        self.begun = self.gone = False
        self._asked: float | None = None
        self._heard, self._longest = time.monotonic(), 0.0

    @property
    def leaving(self) -> bool:
        return self.gone or self._asked is not None

    def train(self, task: Task) -> None:
        """Give it a cell."""
        self.task, self.begun, self._heard = task, False, time.monotonic()
        with suppress(OSError):  # a worker that has died is noticed when we listen to it
            self.link.send(task)

    def receive(self) -> tuple[str, Any]:
        """Wait for its next message, ``("gone", None)`` when there is none any more."""
        try:
            kind, content = self.link.recv()
        except (EOFError, OSError):
            self._end()
            return "gone", None
        now = time.monotonic()
        self._longest = max(self._longest, now - self._heard)
        self._heard = now
        if kind == "begun":
            self.begun = True
        elif kind == "done":
            self.task = None
        return kind, content

    def ask_to_stop(self) -> None:
        """Have it end: when it has saved, if it trains."""
        if self._asked is not None:
            return
        self._asked = time.monotonic()
        if self.task is None:
            with suppress(OSError):
                self.link.send(None)
        else:
            self._send_signal(signal.SIGTERM)

    def is_stuck(self) -> bool:
        """Whether it was asked to stop and has been silent for too long."""
        if self._asked is None:
            return False
        limit = min(max(_SILENCE_SECONDS, 2 * self._longest), _LONGEST_SILENCE_SECONDS)
        if self.task is None:
            limit = _IDLE_SECONDS
        return time.monotonic() - max(self._asked, self._heard) > limit

    def kill(self) -> None:
        """End it at once."""
        self._send_signal(signal.SIGKILL)
        self._end()

    def exit_code(self) -> int | None:
        """Of a worker that is gone, as ``Process.exitcode``; None if it cannot be known."""
        code: int | None = self._process.exitcode
        return code

    def _end(self) -> None:
        self.gone = True
        self.link.close()
        self._process.join(_IDLE_SECONDS)

    def _send_signal(self, number: signal.Signals) -> None:
        # Not by the process object: where the server that forked it has died, that one takes it for dead too.
        if not self.gone:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, number)
