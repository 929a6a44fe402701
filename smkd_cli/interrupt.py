"""Signals that end a command outside of training: what is open is tidied up, and nothing half-written stays."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

# A signal that came where nothing can be raised comes once more after this time.
_AGAIN_SECONDS = 0.05


# Ctrl-C; what service managers send; a terminal that is closed; what SLURM sends before the time is over.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)


class Interrupt:
    """The signal that came, 0 for none. Libraries that are loading may make another error of its KeyboardInterrupt."""

    def __init__(self) -> None:
        self.number = 0

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Raise KeyboardInterrupt at each of the signals, unless the parent process set them to be ignored."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        usual = {signal.SIG_DFL, signal.default_int_handler}
        before = {number: handler for number in _SIGNALS if (handler := signal.getsignal(number)) in usual}
        hook = sys.unraisablehook
        for number in before:
            signal.signal(number, self._raise)
        sys.unraisablehook = self._again
        try:
            yield
        finally:
            sys.unraisablehook = hook
            for number, handler in before.items():
                signal.signal(number, handler)

    @property
    def words(self) -> str:
        """Why the command ends."""
        return "interrupted" if self.number == signal.SIGINT else f"stopped by {signal.Signals(self.number).name}"

    def _raise(self, number: int, _frame: FrameType | None) -> None:
        self.number = number
        raise KeyboardInterrupt

    def _again(self, what: UnraisableHookArgs) -> None:
        if what.exc_type is KeyboardInterrupt:
            threading.Timer(_AGAIN_SECONDS, os.kill, (os.getpid(), self.number)).start()
        else:
            sys.__unraisablehook__(what)
