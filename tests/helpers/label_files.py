"""Files of labels as people have them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Smkd = Callable[..., Any]


def take(smkd: Smkd, content: str | bytes, *options: str) -> Any:
    """What ``smkd corrupt --kind given`` says of a file with this content."""
    Path("mine.csv").write_bytes(content.encode() if isinstance(content, str) else content)
    return smkd("corrupt", "--labels", "mine.csv", "--kind", "given", "-o", "m.csv", *options)
