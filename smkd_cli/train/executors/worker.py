"""A worker process: trains the cells that its parent sends, one after another, and dies with its parent."""

from __future__ import annotations

import signal
import threading
from multiprocessing.connection import Connection

from smkd_cli import console
from smkd_cli.data import opened_once
from smkd_cli.errors import InterruptedRunError
from smkd_cli.train.executors.contract import Accepted, Ended, Message
from smkd_cli.train.executors.one_task import train_task
from smkd_cli.train.machine.processes import end_with_parent
from smkd_cli.train.machine.signals import SIGNALS, StopRequest


def work(connection: Connection) -> None:
    """Receive a :class:`Task` at a time until None comes or the connection is closed, and train.

    ``Accepted`` is sent when a task is taken on, its cell's events while it trains and ``Ended`` after it; messages are
    sent too. We are started with the signals that stop blocked; SIGINT is left to the parent, and passed on as SIGTERM.
    Stopped by any other, we save, report, and end.
    """
    console.open_streams()
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stop = StopRequest()
    ours = [number for number in SIGNALS if number != signal.SIGINT]

    # Any thread may log, and may do so while it sends: a warning of what is freed just then.
    sending = threading.RLock()

    def send(message: Message) -> None:
        try:
            with sending:
                connection.send(message)
        except OSError:  # the parent receives no more; save and go
            stop.signal_number = stop.signal_number or signal.SIGTERM

    console.forward(send)
    # A signal to the whole group and the parent's own may both come: the second must not cut the saving short.
    with stop.listening(*ours, patient=True), opened_once():
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ours)
        while not stop:
            try:
                task = connection.recv()
            except (EOFError, OSError):
                return
            if task is None or stop:
                return
            send(Accepted())
            try:
                send(train_task(task, send, stop))
            except InterruptedRunError as stopped:
                send(Ended(stopped))
