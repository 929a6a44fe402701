"""``smkd`` for lines of bash, without loading torch anew for each command.

A server holds what the program loads, and forks a process for each command that a small client requests. It gets the
client's streams, folder and environment, and the client ends as it does. Tests of how the program starts use the
program itself; ``python -m smkd_cli`` in a test is that.

Run as ``warm.py SOCKET`` this file is the server; the client is the text below.
"""

from __future__ import annotations

import atexit
import os
import select
import signal
import socket
import subprocess
import sys
import time
import traceback
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import NoReturn

# Loads little, so that it starts in a few hundredths of a second.
CLIENT = """\
#!{python} -ISE
import os, signal, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
words = [os.getcwd(), *sys.argv[1:]], [f"{{k}}={{v}}" for k, v in os.environ.items()]
request = "\\0\\0".join("\\0".join(part) for part in words).encode(errors="surrogateescape")
socket.send_fds(server, [len(request).to_bytes(8, "big")], [0, 1, 2])
server.sendall(request)
code = int(server.makefile().read())
if code < 0:
    signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
sys.exit(code)
"""


@cache
def program() -> Path:
    """An executable that does what ``smkd`` does; its server lives as long as this process."""
    folder = Path(mkdtemp(prefix="smkd-"))
    address = folder / "socket"
    client = folder / "smkd"
    client.write_text(CLIENT.format(python=sys.executable, address=str(address)))
    client.chmod(0o755)
    server = subprocess.Popen([sys.executable, __file__, address], stdin=subprocess.PIPE)
    atexit.register(server.communicate)
    deadline = time.monotonic() + 120
    while not address.exists():
        assert server.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return client


def serve(address: str) -> None:
    """Fork a process for each command, until our own standard input ends."""
    load()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{address}.new")
    listener.listen(64)
    Path(f"{address}.new").rename(address)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
        connection, _ = listener.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            answer(connection)
            os._exit(0)
        connection.close()


def load() -> None:
    """Load what commands load late."""
    import smkd_cli.corrupt.command
    import smkd_cli.evaluate.command
    import smkd_cli.report.command
    import smkd_cli.train.calibrate.trial
    import smkd_cli.train.command
    import smkd_cli.train.run.loop

    assert smkd_cli


def answer(connection: socket.socket) -> None:
    """Run the command that a client requests, and send the exit code back."""
    head, streams, _, _ = socket.recv_fds(connection, 8, 3)
    with connection.makefile("rb") as reader:
        request = reader.read(int.from_bytes(head, "big"))
    words, variables = ([os.fsdecode(word) for word in part.split(b"\0")] for part in request.split(b"\0\0"))
    command = os.fork()
    if command == 0:
        connection.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        run(words[0], words[1:], variables)
    for stream in streams:
        os.close(stream)
    _, status = os.waitpid(command, 0)
    connection.sendall(str(os.waitstatus_to_exitcode(status)).encode())


def run(folder: str, arguments: list[str], variables: list[str]) -> NoReturn:
    """Be the program."""
    from smkd_cli.__main__ import main

    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variable.split("=", 1) for variable in variables)
    sys.argv = ["smkd", *arguments]
    code: object = 1
    try:
        main()
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(int(code or 0))


if __name__ == "__main__":
    serve(sys.argv[1])
