"""What all tests share: the command line in this process, and where the real data is."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from smkd_cli import console
from smkd_cli.app import main

# Before torch is loaded: its idle threads sleep, as busy ones would take the processors from the tests beside.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    code: int
    out: str
    err: str


def on_the_cpu(arguments: Sequence[object]) -> list[str]:
    """A command line that trains where the same command gives the same bits, whatever this machine has."""
    words = [str(argument) for argument in arguments]
    wanted = words[:1] in (["train"], ["eval"]) and "--device" not in words and "--help" not in words
    return [*words, "--device", "cpu"] if wanted else words


@pytest.fixture
def smkd(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    """Run a command line in this process, in an empty folder: ``smkd("corrupt", "--rate", "0.4", stdin="")``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(console._settings, "shown", console._settings["shown"])  # as a library has it, afterwards

    def run(*arguments: object, stdin: str = "") -> Result:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main(on_the_cpu(arguments))
        console.be_quiet(False)
        captured = capsys.readouterr()
        return Result(int(stop.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture
def smkd_process(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command line as a process of its own, in an empty folder."""

    def run(*arguments: object, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "smkd_cli", *on_the_cpu(arguments)],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )

    return run


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is measured of the machine stays apart from what the user's commands have measured, and is measured once."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base  # by all workers of this session
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SMKD_CACHE", str(shared / "cache"))
        yield


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets; tests that need it are skipped where it is not."""
    folder = os.environ.get("SMKD_DATA")
    if not folder or not (Path(folder) / "cifar-100-python").is_dir():
        pytest.skip("needs CIFAR-100: point SMKD_DATA to a folder that holds cifar-100-python/")
    return Path(folder).resolve()
