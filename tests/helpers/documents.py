"""What stands in the documents: their commands, run as they stand in a folder like a fresh clone, and their links."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import warm

ROOT = Path(__file__).parents[2]
_TRAINING = re.compile(r"\bsmkd train (?![^|\n]*--dry-run)[^|\n]*")
# What a reader trains for minutes, a test trains for seconds, where the command does not say how long itself; what is
# fastest on this machine is not measured.
_SHORT = {
    "epochs": " --set epochs=1",
    "seeds": " --set seeds=[1]",
    "compute": " --set 'compute={threads: 1, precision: float32, memory_format: channels_last, peers: in_turn}'",
}
_FEW = " --set 'methods=[CE, SMKD-P+MyLC]'"


def blocks(page: Path, *languages: str) -> list[tuple[str, str]]:
    """The blocks of a page in these languages, in order: language and text."""
    found = re.findall(r"^```(\w+)\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [(language, text) for language, text in found if language in languages]


def links(page: Path) -> list[str]:
    """Where the links of a page lead."""
    return re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """The anchors that code hosts, and the site, give to a page's headings."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def shortened(text: str) -> str:
    """The same commands, with trainings of one epoch, one seed and few methods; a file's own methods are kept."""
    return _TRAINING.sub(lambda found: found[0] + _less(found[0]) + _few(found[0]), text)


def _less(command: str) -> str:
    return "".join(more for key, more in _SHORT.items() if f"{key}=" not in command)


def _few(command: str) -> str:
    return "" if "methods=" in command or " mine.yaml" in command else _FEW


@dataclass(frozen=True)
class Clone:
    """A folder with the recipes in it, and an environment with ``smkd`` on its path and no real data."""

    folder: Path

    @property
    def data(self) -> Path:
        """The folder of its data sets, in which there is nothing."""
        return self.folder / "no-data"

    @classmethod
    def make(cls, folder: Path) -> Clone:
        (folder / "recipes").symlink_to(ROOT / "recipes")
        (folder / "bin").mkdir()
        (folder / "bin" / "smkd").symlink_to(warm.program())
        python = folder / "bin" / "python"
        python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        python.chmod(0o755)
        return cls(folder)

    def run(self, line: str, where: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run lines of bash, which end at the first that fails."""
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", line],
            capture_output=True,
            text=True,
            check=False,
            cwd=where or self.folder,
            env=os.environ | {"PATH": path, "SMKD_DATA": str(self.data)},
        )
