"""The examples of docs/extending.md, each in its file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"
EXAMPLES = dict(re.findall(r"`(my_\w+\.py)`:\n\n```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))


@pytest.fixture
def examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where we are, with the files of the page in it."""
    monkeypatch.chdir(tmp_path)
    for name, code in EXAMPLES.items():
        (tmp_path / name).write_text(code)
    return tmp_path
