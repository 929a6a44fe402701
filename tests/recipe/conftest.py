"""A small correct recipe to start from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

MINIMAL = """\
schema: smkd/recipe/1
name: small
dataset: digits
networks: small_resnet
methods: [CE, SMKD-P+MyLC]
noise:
  - {kind: symmetric, rate: 0.4}
epochs: 2
"""


@pytest.fixture
def recipe_file(tmp_path: Path) -> Callable[..., Path]:
    """Write a recipe: the small one with lines replaced (``old=new``) and text added at its end."""

    def write(*replaced: tuple[str, str], added: str = "", name: str = "small.yaml") -> Path:
        text = MINIMAL
        for old, new in replaced:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / name
        path.write_text(text + added, encoding="utf-8")
        return path

    return write
