"""What comes from stdin or a pipe is read once, and so may be named once."""

from __future__ import annotations

import os
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
