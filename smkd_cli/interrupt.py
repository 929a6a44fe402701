"""Ctrl-C outside of training: what is open is tidied up, and the command ends without a traceback."""

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


class Interrupt:
    """Whether Ctrl-C was pressed. Libraries that are loading may make another error of its KeyboardInterrupt."""

    def __init__(self) -> None:
        self.came = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Raise KeyboardInterrupt at Ctrl-C, unless whoever started us wants it to be ignored."""
        before, hook = signal.getsignal(signal.SIGINT), sys.unraisablehook
        main_thread = threading.current_thread() is threading.main_thread()
        if not main_thread or before not in {signal.SIG_DFL, signal.default_int_handler}:
            yield
            return
        signal.signal(signal.SIGINT, self._raise)
        sys.unraisablehook = self._again
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
            sys.unraisablehook = hook

    def _raise(self, _number: int, _frame: FrameType | None) -> None:
        self.came = True
        raise KeyboardInterrupt

    @staticmethod
    def _again(what: UnraisableHookArgs) -> None:
        if what.exc_type is KeyboardInterrupt:
            threading.Timer(_AGAIN_SECONDS, os.kill, (os.getpid(), signal.SIGINT)).start()
        else:
            sys.__unraisablehook__(what)
