"""Every command in the README, run as it stands in one folder, one after the other."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCKS = re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.strip()]

# What a command that trains for minutes is given in addition, so that it trains for seconds.
SHORT = {
    "train quickstart": " --set epochs=1 --set seeds=[1] --set 'methods=[CE, SMKD-P+MyLC]'",
    "train recipes/table1.yaml": " --set epochs=1 --set 'methods=[Zero+LS, SMKD-P+MyLC]'",
}


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A folder with the recipes in it, and an environment with `smkd` on its path and no real data."""
    folder = tmp_path_factory.mktemp("clone")
    (folder / "recipes").symlink_to(ROOT / "recipes")
    (folder / "bin").mkdir()
    program = folder / "bin" / "smkd"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m smkd_cli "$@"\n')
    program.chmod(0o755)
    path = f"{program.parent}:{os.environ['PATH']}"
    return folder, os.environ | {"PATH": path, "SMKD_DATA": str(folder / "no-data")}


def test_every_command_of_the_readme(clone):
    folder, environment = clone
    assert sum("smkd" in command for command in COMMANDS) >= 12
    for command in COMMANDS:
        if command.startswith("make "):
            target = command.split()[1]
            line, where, expected = f"make --dry-run {target}", ROOT, 0
        else:
            line = command
            for start, more in SHORT.items():
                line = re.sub(rf"(smkd {re.escape(start)}[^|]*)", lambda found, more=more: found[1] + more, line)
            # Without CIFAR-100 the real grid cannot start, and says what to do.
            where, expected = folder, 4 if "table2" in command else 0
        result = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            capture_output=True,
            text=True,
            check=False,
            cwd=where,
            env=environment,
        )
        assert result.returncode == expected, f"{line}\n{result.stderr}"
        if expected == 4:
            assert "smkd datasets fetch cifar100" in result.stderr


def test_every_link_of_the_readme_leads_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert links
    assert all((ROOT / link).exists() for link in links)
