"""The program as a process that can be killed, without loading torch anew at each start."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from smkd_cli.train import processes


def run_in_process(arguments: Sequence[object], words: Path, saving_pause: float | None = None) -> Any:
    """Start ``smkd`` with these arguments, all it says going to a file.

    Args:
        saving_pause: seconds from one checkpoint to the next, where they are not to be the usual ones.
    """
    processes.get_ready()
    process = multiprocessing.get_context("forkserver").Process(
        target=_main, args=([str(argument) for argument in arguments], str(words), saving_pause)
    )
    process.start()
    return process


def _main(arguments: Sequence[str], words: str, saving_pause: float | None) -> None:
    from smkd_cli.app import main
    from smkd_cli.train import cell

    if saving_pause is not None:
        cell._SAVING_PAUSE, cell._SAVING_SHARE = saving_pause, 1.0
    said = os.open(words, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(said, 1)
    os.dup2(said, 2)
    main(list(arguments))
