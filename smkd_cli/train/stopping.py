"""Signals that ask the command to stop: it saves first, at the next step, and then goes."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopRequest:
    """Remembers the signal that asked us to stop; 0 while none did."""

    def __init__(self) -> None:
        self.signal_number = 0

    def __bool__(self) -> bool:
        return self.signal_number != 0

    @contextmanager
    def listening(self, *signals: signal.Signals, patient: bool = False) -> Iterator[None]:
        """Catch these signals; unless ``patient``, a second one has its usual effect at once."""

        def remember(number: int, _frame: FrameType | None) -> None:
            self.signal_number = number
            if not patient:
                signal.signal(number, before[number])

        before = {int(number): signal.getsignal(number) for number in signals}
        for number in signals:
            signal.signal(number, remember)
        try:
            yield
        finally:
            for caught, handler in before.items():
                signal.signal(caught, handler)
