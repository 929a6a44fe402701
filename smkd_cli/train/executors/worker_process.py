"""The parent's side of a worker: its task, whether it still responds, and its exit."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

from smkd_cli import console
from smkd_cli.train.executors.contract import Accepted, Ended, Message, WorkerExited
from smkd_cli.train.executors.worker import work
from smkd_cli.train.machine import processes
from smkd_cli.train.run.task import Task

# How long a worker that was requested to stop may send nothing: at least, and at most. Between these limits, twice as
# long as it ever did: one that measures a large network is silent for long, and must not be killed while it saves.
_SILENCE_SECONDS, _LONGEST_SILENCE_SECONDS = 60.0, 600.0
# How long one that trains nothing may take to end.
_IDLE_SECONDS = 5.0


class WorkerProcess:
    """A worker process, seen from its parent.

    Attributes:
        connection: where its messages come from.
        task: the task that it was given and has not finished.
        accepted: whether it has begun that task.
        leaving: whether it takes no more tasks.
        exited: whether it has exited.

    Raises:
        TrainingError: the system lets no process start.
    """

    def __init__(self) -> None:
        self._process, self.connection = processes.start(work)
        self.task: Task | None = None
        self.accepted = self.exited = False
        self._stop_requested: float | None = None
        self._last_message, self._longest_silence = time.monotonic(), 0.0

    @property
    def leaving(self) -> bool:
        return self.exited or self._stop_requested is not None

    def train(self, task: Task) -> None:
        """Give it a cell."""
        self.task, self.accepted, self._last_message = task, False, time.monotonic()
        with suppress(OSError):  # a worker that has died is noticed when we receive from it
            self.connection.send(task)

    def receive(self) -> Message:
        """Wait for its next message, ``WorkerExited`` when there is none any more; what it logs is logged here."""
        try:
            message: Message = self.connection.recv()
        except (EOFError, OSError):
            self._end()
            return WorkerExited()
        now = time.monotonic()
        self._longest_silence = max(self._longest_silence, now - self._last_message)
        self._last_message = now
        if isinstance(message, Accepted):
            self.accepted = True
        elif isinstance(message, console.Logged):
            console.relay(message)
        elif isinstance(message, Ended):
            self.task = None
        return message

    def request_stop(self) -> None:
        """Request it to exit; if it is training, it saves first."""
        if self._stop_requested is not None:
            return
        self._stop_requested = time.monotonic()
        if self.task is None:
            with suppress(OSError):
                self.connection.send(None)
        else:
            self._send_signal(signal.SIGTERM)

    def is_stuck(self) -> bool:
        """Whether it was requested to stop and has sent nothing for too long."""
        if self._stop_requested is None:
            return False
        limit = min(max(_SILENCE_SECONDS, 2 * self._longest_silence), _LONGEST_SILENCE_SECONDS)
        if self.task is None:
            limit = _IDLE_SECONDS
        return time.monotonic() - max(self._stop_requested, self._last_message) > limit

    def kill(self) -> None:
        """End it at once."""
        self._send_signal(signal.SIGKILL)
        self._end()

    def exit_code(self) -> int | None:
        """Of a worker that has exited, as ``Process.exitcode``; None if it is not known."""
        code: int | None = self._process.exitcode
        return code

    def _end(self) -> None:
        self.exited = True
        self.connection.close()
        self._process.join(_IDLE_SECONDS)

    def _send_signal(self, number: signal.Signals) -> None:
        # Not by the process object: where the server that forked it has died, that one takes it for dead too.
        if not self.exited:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, number)
