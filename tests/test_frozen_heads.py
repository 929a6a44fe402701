"""docs/frozen-heads.md has the numbers that its command prints of the committed results."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_tables_of_the_page_are_those_of_the_results():
    page = (ROOT / "docs" / "frozen-heads.md").read_text(encoding="utf-8")
    (words,) = re.findall(r"^ +python (benchmarks/\S+ report .*)$", page, re.MULTILINE)
    done = subprocess.run([sys.executable, *words.split()], cwd=ROOT, capture_output=True, text=True, check=True)
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    assert rows == [line for line in done.stdout.splitlines() if line.startswith("| ")]
    assert len(rows) == 22
