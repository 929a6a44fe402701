"""A request to stop that comes at a chosen step."""

from __future__ import annotations

import signal

from smkd_cli.train.machine.signals import StopRequest


class StopAfter(StopRequest):
    """Asks to stop when it has been looked at so many times: once a step."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.left = steps

    def __bool__(self) -> bool:
        self.left -= 1
        self.signal_number = signal.SIGTERM if self.left <= 0 else 0
        return self.left <= 0
