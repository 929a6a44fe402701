"""``python -m smkd_cli`` is ``smkd``; both begin here."""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Load the command line and run it."""
    if sys.platform == "win32":
        # Run directories are locked, and training is stopped, by what only POSIX systems have.
        sys.stderr.write("error: smkd runs on Linux and macOS; on Windows, run it in WSL\n")
        sys.exit(2)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # While modules load there is nothing to clean up, and a traceback through them is of no use.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    # pydantic looks for plug-ins of its own in the metadata of every package, and fails where that of one is broken.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from smkd_cli import console

    console.open_streams()
    from smkd_cli import app

    app.main()


if __name__ == "__main__":
    main()
