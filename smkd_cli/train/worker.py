"""A process that trains cells one after another as its parent tells it; it dies with its parent."""

from __future__ import annotations

import signal
import traceback
from multiprocessing.connection import Connection

from smkd_cli import console
from smkd_cli.errors import SmkdError
from smkd_cli.train.processes import end_with_parent
from smkd_cli.train.stopping import StopRequest


def work(link: Connection) -> None:
    """Receive ``(cell, place)`` until the line is closed, and train.

    ``("event", dict)`` is sent while a cell trains and ``("done", None | (exception, traceback))`` after it. We are
    started with SIGINT and SIGTERM blocked; SIGINT is left to the parent, and passed on as SIGTERM.
    """
    console.open_streams()
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stop = StopRequest()

    def send(kind: str, content: object) -> None:
        try:
            link.send((kind, content))
        except OSError:  # the parent hears no more; save and go
            stop.signal_number = stop.signal_number or signal.SIGTERM

    # A signal to the whole group and the parent's own may both come: the second must not cut the saving short.
    with stop.listening(signal.SIGTERM, patient=True):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        from smkd_cli.train.cell import train_cell

        while not stop:
            try:
                cell, place = link.recv()
            except (EOFError, OSError):
                return
            try:
                train_cell(cell, place, stop, lambda event: send("event", event))
            except SmkdError as error:
                send("done", (error, ""))
            except Exception as error:  # the parent reports what nobody foresaw
                send("done", (SmkdError(f"{type(error).__name__}: {error}"), traceback.format_exc()))
            else:
                send("done", None)
