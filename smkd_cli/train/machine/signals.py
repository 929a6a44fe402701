"""Signals that stop the command: it saves first, at the next step, and then ends."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

from smkd_cli import console
from smkd_cli.errors import InterruptedRunError

# Ctrl-C; what service managers send; a terminal that is closed; what SLURM sends before the time is over.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)

# Some senders stop a command twice in one breath: timeout(1), or a shell that passes on what its terminal sent.
_ECHO_SECONDS = 0.25


def not_ignored(signals: Sequence[signal.Signals]) -> list[signal.Signals]:
    """These signals, without a SIGHUP that is ignored: it stays so, which is how nohup works."""
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [number for number in signals if not (number is signal.SIGHUP and ignored)]


class StopRequest:
    """Holds the number of the signal that requested a stop; 0 before.

    Attributes:
        announcement: the message that is shown when the signal comes; None for no message.
    """

    def __init__(self) -> None:
        self.signal_number = 0
        self.announcement: Callable[[], str] | None = None

    def __bool__(self) -> bool:
        return self.signal_number != 0

    @contextmanager
    def listening(self, *signals: signal.Signals, patient: bool = False) -> Iterator[None]:
        """Catch those of these signals that are not ignored; unless ``patient``, a second one ends the block at once.

        Raises:
            InterruptedRunError: a second signal came.
        """
        if threading.current_thread() is not threading.main_thread():
            yield  # signals come to the main thread alone
            return
        announced = False

        def remember(number: int, _frame: FrameType | None) -> None:
            nonlocal announced
            if announced and not patient:
                raise KeyboardInterrupt
            if self.signal_number:
                return
            self.signal_number = number
            if not patient:
                time.sleep(_ECHO_SECONDS)
                announced = True
                self._announce()

        before = {number: signal.getsignal(number) for number in not_ignored(signals)}
        for number in before:
            signal.signal(number, remember)
        try:
            yield
        except KeyboardInterrupt as error:
            if not is_second_signal(error, self):
                raise
            raise InterruptedRunError(
                self.signal_number, "ended at once; the same command goes on from the last checkpoints"
            ) from None
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _announce(self) -> None:
        # The signal may have come while the same stream was written to.
        with suppress(RuntimeError, OSError):
            if self.announcement is not None:
                console.info(self.announcement())


def is_second_signal(error: BaseException, stop: StopRequest) -> bool:
    """Whether this was raised because a second signal came, which ends everything at once."""
    return isinstance(error, KeyboardInterrupt) and bool(stop)
