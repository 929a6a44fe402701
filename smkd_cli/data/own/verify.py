"""``smkd datasets verify PATH``: a summary of one's own images for people, and a list of what was found."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from smkd_cli import console
from smkd_cli.artifacts.files import write_text
from smkd_cli.data.own.folder import images_below
from smkd_cli.data.own.inspect_image import UNUSABLE
from smkd_cli.data.own.scan import UNLISTED, Scan, scan
from smkd_cli.data.own.skip import COLUMNS
from smkd_cli.data.own.source import OwnImages
from smkd_cli.errors import DataError
from smkd_cli.words import plain, shown

_MOST_CLASSES = 30  # of which each has a line


def verify_own(images: OwnImages, output: Path | None) -> None:
    """Look at all images, print or write the list, and show the summary.

    Raises:
        DataError: some images cannot be used; the list is written before.
    """
    with _progress(len(images.listing)) as done:
        others = images_below(images.folder) if images.options.is_table else ()
        found = scan(images.folder, images.listing, images.splits, others=others, places=images.places, progress=done)
    text = _csv(found)
    if output is not None:
        write_text(output, text)
    with console.data_out() as stream:
        stream.write(text if output is None else f"{output}\n")
    _show(images, found)
    if found.unusable:
        raise DataError(
            f"{shown(images.folder)}: {len(found.unusable):,} of {len(found.facts):,} images cannot be used. Training"
            " stops at the first of them: remove them, or name the list that -o writes as skip in the recipe"
        )


def _csv(found: Scan) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(found.rows())
    return stream.getvalue()


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, and nothing where words go elsewhere; what is given takes the number of images done."""
    from rich.progress import Progress

    screen = console.people()
    with Progress(console=screen, disable=not screen.is_terminal, transient=True) as bar:
        task = bar.add_task("images", total=total)
        yield lambda count: bar.update(task, completed=count)


def _show(images: OwnImages, found: Scan) -> None:
    """The summary, on stderr."""
    import numpy as np
    from rich.table import Table
    from rich.text import Text

    if console.is_quiet():
        return
    listing = images.listing
    for remark in listing.remarks:
        console.info(remark)
    splits = {name: int((images.splits == name).sum()) for name in ("train", "validation", "test")}
    shown = ", ".join(f"{count:,} {name}" for name, count in splits.items() if count)
    counts = np.bincount(listing.labels, minlength=len(listing.class_names))
    console.info(
        f"{len(listing):,} images ({shown}) of {len(counts):,} classes; the largest class has {counts.max():,}, the"
        f" smallest {counts.min():,}: {counts.max() / max(1, counts.min()):.1f} times as many"
    )
    sizes = [one.size for one in found.facts if one.usable] or [(0, 0)]
    widths, heights = ([size[axis] for size in sizes] for axis in (0, 1))
    console.info(
        f"sizes: {_range(widths)} pixels wide, {_range(heights)} high;"
        f" mean {_numbers(found.mean.tolist())}, standard deviation {_numbers(found.std.tolist())}"
    )
    if len(counts) <= _MOST_CLASSES:
        console.people().print(_by_class(images))
    table = Table("found", "images", "what it means")
    for kind, count in found.counts.most_common():
        table.add_row(Text(kind), f"{count:,}", _meaning(kind))
    if found.unlisted:
        console.info(f"{len(found.unlisted):,} images have no row in the table, and are not used")
    if found.counts:
        console.people().print(table)
    else:
        console.info("nothing was found: all images can be read, and none is there twice")


def _by_class(images: OwnImages) -> object:
    from rich.table import Table
    from rich.text import Text

    table = Table("class")
    names = [name for name in ("train", "validation", "test") if (images.splits == name).any()]
    for name in names:
        table.add_column(name, justify="right")
    for label, name in enumerate(images.listing.class_names):
        mine = images.splits[images.listing.labels == label]
        table.add_row(Text(plain(name)), *(f"{int((mine == split).sum()):,}" for split in names))
    return table


def _meaning(kind: str) -> str:
    if kind in UNUSABLE:
        return "cannot be trained on"
    if kind == UNLISTED:
        return "is not used"
    if "in two splits" in kind:
        return "test accuracy counts what was trained on"
    if "another label" in kind:
        return "one of the two labels is wrong, or both are right"
    return "a copy" if kind == "duplicate" else "is handled when it is read"


def _range(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _numbers(values: Sequence[float]) -> str:
    return "/".join(f"{value:.3f}" for value in values)
