"""What a person sees while a grid trains."""

from __future__ import annotations

import os
import pty
import subprocess

import warm


def test_a_terminal_shows_cells_and_accuracies(recipe, tmp_path):
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "160"}
    environment.pop("NO_COLOR", None)
    process = subprocess.Popen(
        [warm.program(), "train", str(recipe), "--set", "epochs=25", "--jobs", "1"],
        stdout=subprocess.PIPE,
        stderr=theirs,
        cwd=tmp_path,
        env=environment,
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux says so when the other side has closed the terminal
            break
        if not part:
            break
        shown += part
    os.close(ours)
    out, _ = process.communicate()
    assert process.returncode == 0, shown
    text = shown.decode()
    assert "cells" in text
    assert "smkd-p+mylc_symmetric-0.4_seed1" in text
    assert "img/s" in text
    assert "\x1b[" in text
    assert out.decode().splitlines() == ["runs/tiny/smkd-p+mylc_symmetric-0.4_seed1"]
