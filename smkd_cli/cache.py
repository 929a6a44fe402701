"""The user's cache folder: what was measured of the machine, features, weights."""

from __future__ import annotations

import os
from pathlib import Path


def folder() -> Path:
    """``$SMKD_CACHE``; without that variable ``smkd`` in ``$XDG_CACHE_HOME``, by default ``~/.cache``.

    Raises:
        RuntimeError: the user has no home.
    """
    if given := os.environ.get("SMKD_CACHE"):
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "smkd"
