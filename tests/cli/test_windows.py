"""On Windows, where neither the lock of a run directory nor the signals are, the program says so at once."""

from __future__ import annotations

import subprocess
import sys


def test_on_windows_one_message_says_where_it_runs():
    program = "import sys; sys.platform = 'win32'; from smkd_cli.__main__ import main; main()"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr == "error: smkd runs on Linux and macOS; on Windows, run it in WSL\n"
