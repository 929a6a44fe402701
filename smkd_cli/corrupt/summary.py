"""What a corruption did, for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smkd_cli import console
from smkd_cli.artifacts.manifest import Manifest
from smkd_cli.words import plain

_MOST_ROWS = 20


def show(
    manifest: Manifest, clean: NDArray[np.int64], stay: NDArray[np.float64], class_names: Sequence[str | int]
) -> None:
    """Report on stderr which share of the labels was to change and which did, in all and per class.

    Args:
        manifest: the labels drawn.
        clean: int64 (n,), the labels they were drawn from.
        stay: float64 (C,), the probability with which a label of each class was to stay.
        class_names: one per class, or their numbers.
    """
    samples = np.bincount(clean, minlength=len(stay))
    changed = np.bincount(clean[manifest.noisy_labels != clean], minlength=len(stay))
    expected = 1 - stay
    console.info(
        f"{manifest.dataset}, {manifest.split}: {len(clean):,} labels, {manifest.kind} noise of rate {manifest.rate:g},"
        f" {manifest.sampling}, seed {manifest.seed}: {100 * expected @ samples / len(clean):.2f} % of the labels were"
        f" to change, {100 * changed.sum() / len(clean):.2f} % did ({changed.sum():,})"
    )
    present = np.flatnonzero(samples)
    rates = 100 * changed[present] / samples[present]
    if len(stay) > _MOST_ROWS:
        low, high = (plain(class_names[present[row]]) for row in (rates.argmin(), rates.argmax()))
        console.info(
            f"per class: from {rates.min():.2f} % ({low}) to {rates.max():.2f} % ({high}), mean {rates.mean():.2f} %"
        )
    elif not console.is_quiet():
        console.people().print(_table(samples, changed, expected, class_names))


def _table(
    samples: NDArray[np.int64],
    changed: NDArray[np.int64],
    expected: NDArray[np.float64],
    class_names: Sequence[str | int],
) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table("class")
    for title in ("labels", "changed", "expected %", "realised %"):
        table.add_column(title, justify="right")
    for name, count, wrong, share in zip(class_names, samples, changed, expected, strict=True):
        realised = f"{100 * wrong / count:.2f}" if count else "–"
        table.add_row(Text(plain(name)), f"{count:,}", f"{wrong:,}", f"{100 * share:.2f}", realised)
    return table
