"""Images that are left out: those that ``smkd datasets verify`` found to be of no use, and listed."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

from smkd_cli.artifacts.text_lines import Lines, name_of, opened
from smkd_cli.data.own.inspect_image import UNUSABLE
from smkd_cli.data.own.listing import Listing
from smkd_cli.errors import DataError
from smkd_cli.words import listed, quoted

COLUMNS = ("path", "finding", "detail")
"""Of the list."""


def without_unusable(listing: Listing, findings: Path) -> Listing:
    """A listing without the images that a list of findings says cannot be used; a remark says how many these are.

    What the list has of other images, and of other findings, changes nothing.

    Raises:
        DataError: the list cannot be read, is none, or leaves no image.
    """
    import numpy as np

    unusable = _unusable_in(findings)
    kept = np.array([path not in unusable for path in listing.paths.tolist()], bool)
    if kept.all():
        return listing
    if not kept.any():
        raise DataError(f"{name_of(findings)}: leaves no image: all {len(listing):,} cannot be used")
    left = np.bincount(listing.labels[kept], minlength=len(listing.class_names)) > 0
    if left.sum() < 2:
        raise DataError(f"{name_of(findings)}: leaves images of one class only")
    gone = [name for name, some in zip(listing.class_names, left.tolist(), strict=True) if not some]
    count = int((~kept).sum())
    remark = f"{count:,} of {len(listing):,} images are left out, which {name_of(findings)} lists as of no use"
    if gone:
        remark += f"; none is left of {listed(gone)}"
    return replace(
        listing,
        paths=listing.paths[kept],
        labels=listing.labels[kept],
        splits=None if listing.splits is None else listing.splits[kept],
        clean_labels=None if listing.clean_labels is None else listing.clean_labels[kept],
        groups=None if listing.groups is None else listing.groups[kept],
        remarks=(*listing.remarks, remark),
    )


def _unusable_in(findings: Path) -> set[str]:
    name = name_of(findings)
    with opened(findings) as stream:
        lines = Lines(stream, name)
        try:
            rows = csv.reader((line + "\n" for line in iter(lines.next_line, None)), strict=True)
            header = next(rows, [])
            if header != list(COLUMNS):
                raise DataError(
                    f"{name}: is no list of `smkd datasets verify -o`: its first line should be"
                    f" {','.join(COLUMNS)}, not {quoted(','.join(header))}"
                )
            return {row[0] for row in rows if len(row) > 1 and row[1] in UNUSABLE}
        except csv.Error as error:
            raise DataError(f"{name}: line {lines.number}: {error}") from error
