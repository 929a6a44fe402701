"""Where the files that ship with the program are: in the wheel, or in the source tree beside the package."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_SHIPPED = _PACKAGE / "_shipped"
_HOME = _SHIPPED if _SHIPPED.is_dir() else _PACKAGE.parent


def recipes_folder() -> Path:
    """The folder of the shipped recipes (YAML files, and ``profiles/`` below it)."""
    return _HOME / "recipes"


def published_numbers() -> Path:
    """The paper's published accuracies: table, dataset, network, noise, rate, method, accuracy (percent)."""
    return _HOME / "data" / "published.csv"
