"""What comes from stdin or a pipe is read once, and so may be named once."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize(
    "command",
    [
        ("train", "-", "--manifest", "-"),
        ("train", "-", "--manifest", "-", "--dry-run"),
        ("eval", "-", "runs/x", "-"),
        ("report", "-", "-"),
        ("recipes", "validate", "-", "-"),
    ],
    ids=" ".join,
)
def test_two_inputs_from_stdin_make_no_sense(smkd: Callable[..., Any], command: tuple[str, ...]) -> None:
    result = smkd(*command, stdin="")
    assert (result.code, result.out) == (2, "")
    assert "two inputs are -, but stdin can be read only once" in result.err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_manifest_from_a_pipe(smkd: Callable[..., Any]) -> None:
    manifest = smkd("corrupt", "-o", "-").out
    Path("m.csv").write_text(manifest)
    expected = smkd("train", "quickstart", "--dry-run", "--manifest", "m.csv")
    os.mkfifo("pipe")
    writer = threading.Thread(target=Path("pipe").write_text, args=(manifest,))
    writer.start()
    result = smkd("train", "quickstart", "--dry-run", "--manifest", "pipe")
    writer.join()
    assert (result.code, result.out) == (0, expected.out)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs /dev/zero")
def test_an_endless_manifest(smkd: Callable[..., Any]) -> None:
    result = smkd("train", "quickstart", "--dry-run", "--manifest", "/dev/zero")
    assert (result.code, result.out) == (4, "")
    assert "/dev/zero: is not a CSV file" in result.err


@pytest.mark.parametrize("paths", ["x" * 100_000 + "\n", "\n" + "\0" * 100_000, "a\0b\n"])
def test_paths_that_are_none(smkd: Callable[..., Any], paths: str) -> None:
    result = smkd("eval", "-", stdin=paths)
    assert (result.code, result.out) == (4, "")
    assert "error: stdin, line " in result.err
    assert "is no path of a file" in result.err
    assert len(result.err) < 500


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs /dev/zero")
def test_endless_paths() -> None:
    line = f"ulimit -v 2000000; exec {sys.executable} -m smkd_cli eval - < /dev/zero"
    result = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (4, "")
    assert "stdin, line 1: " in result.stderr
