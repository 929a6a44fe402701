"""The stages as a user composes them in a shell."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import warm
from settled import COMPUTE

SMALL = f"--set epochs=1 --set seeds=[1] --set 'methods=[CE, SMKD-P+MyLC]' --set '{COMPUTE}' --jobs 1"


@pytest.fixture
def shell(tmp_path):
    """Run a line of bash in an empty folder, with `smkd` on the path."""
    environment = os.environ | {"PATH": f"{warm.program().parent}:{os.environ['PATH']}"}

    def run(line):
        return subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env=environment,
        )

    return run


def test_labels_to_table_in_one_line(shell):
    result = shell(
        "smkd corrupt --kind symmetric --rate 0.4 -o - |"
        f" smkd train quickstart {SMALL} --manifest - | smkd eval - | smkd report - --format markdown"
    )
    assert result.returncode == 0, result.stderr
    assert "| CE" in result.stdout
    assert "SMKD-P+MyLC" in result.stdout
    assert "n=1" in result.stdout
    # Redirected words are plain lines.
    assert "[2/2]" in result.stderr
    assert "\x1b" not in result.stderr


def test_paths_of_runs_are_read_as_well_and_quiet_says_nothing(shell, tmp_path):
    result = shell(
        f"smkd train quickstart {SMALL} --quiet > paths && smkd eval - --quiet < paths > scores"
        " && smkd report - --quiet --format csv < paths"
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert "SMKD-P+MyLC" in result.stdout
    assert len((tmp_path / "scores").read_text().splitlines()) == 2
    assert all(Path(line).parts[0] == "runs" for line in (tmp_path / "paths").read_text().splitlines())


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("smkd corrupt --kind parflip", 2),
        ("smkd corrupt --rate 2", 2),
        ("smkd corrupt --no-such-option", 2),
        ("smkd train nosuchrecipe", 3),
        ("smkd train quickstart --set epocs=3", 3),
        ("smkd eval nowhere", 4),
        ("smkd report nowhere", 4),
        ("smkd datasets verify cifar10 --data nowhere", 4),
        ("smkd --version", 0),
    ],
)
def test_exit_codes(shell, line, code):
    result = shell(line)
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr
    assert bool(result.stderr) == (code != 0)


def test_debug_shows_the_traceback(shell):
    result = shell("smkd --debug eval nowhere")
    assert result.returncode != 0
    assert "Traceback" in result.stderr
