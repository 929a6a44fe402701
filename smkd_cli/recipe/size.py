"""How many cells a grid has, counted without making them: all other work on a recipe is bounded by that number."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from smkd_cli.recipe.document import Document, KeyPath
from smkd_cli.recipe.schema import MethodEntry

MAX_CELLS = 100_000


def check_size(document: Document, valid: Mapping[str, Any]) -> bool:
    """Whether a grid is no larger than can be worked with; if it is, that is noted in the document.

    Args:
        valid: as in :func:`smkd_cli.recipe.checks.check`.
    """
    entries: Mapping[int, MethodEntry] = valid.get("methods", {})
    points = {number: math.prod(map(len, entry.sweep.values())) for number, entry in entries.items()}
    axes = {"methods": sum(points.values())} | {
        axis: len(valid.get(axis, ())) for axis in ("noise", "seeds", "variants")
    }
    cells = math.prod(max(count, 1) for count in axes.values())
    if cells <= MAX_CELLS:
        return True
    largest = max(axes, key=lambda axis: axes[axis])
    key_path: KeyPath = (largest,)
    product = " x ".join(f"{count:,} {axis}" for axis, count in axes.items() if count > 1)
    if largest == "methods":
        number = max(points, key=lambda number: points[number])
        if points[number] > 1:
            key_path = ("methods", number, "sweep")
            swept = " x ".join(f"{len(values):,} {key}" for key, values in entries[number].sweep.items())
            product += f", where methods.{number} sweeps {swept}"
    message = f"makes a grid of {cells:,} cells ({product}); {MAX_CELLS:,} are the most: split it into several recipes"
    document.add_problem(key_path, message)
    return False
