"""Tables for the terminal, as wide as it is; without colours and bold where the output is no terminal."""

from __future__ import annotations

import io
import shutil
import sys

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text as RichText

from smkd_cli.report.formats.contract import Format
from smkd_cli.report.tables import Column, Report
from smkd_cli.report.view import Grid, Text, grids
from smkd_cli.words import printable

_NOWHERE, _BEFORE_PAPER, _EVERYWHERE = range(3)
_ENDLESS = 10_000
# Narrower, no table can be read.
_NARROWEST = 40


def render(report: Report, *, on_screen: bool | None = None, width: int | None = None) -> str:
    """The report as text.

    Args:
        on_screen: bold and colours for a terminal; else the best two are marked with a star. By default, if stdout
            is a terminal.
        width: in characters; by default that of the terminal, or 80.
    """
    styled = sys.stdout.isatty() if on_screen is None else on_screen
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=max(_NARROWEST, width or shutil.get_terminal_size().columns),
        force_terminal=styled,
        highlight=False,
        emoji=False,
        markup=False,
    )
    for table in report.tables:
        for grid in grids(table, "bold" if styled else "marked *"):
            console.print(_plain(grid.title, "bold"))
            console.print(_rich(grid, console.width, styled))
            console.print()
            for note in grid.notes:
                console.print(_plain(note, "dim"))
            if grid.notes:
                console.print()
    for note in report.notes:
        console.print(_plain(note))
    return "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines())


def _rich(grid: Grid, width: int, styled: bool) -> Table:
    """The widest form that fits: all of a cell on one line, ours above the paper's, or every part on its own line."""
    one_line = all(len(text.ours) + len(text.paper) == 1 for _, cells in grid.rows for text in cells)
    starred = not styled and any(text.bold for _, cells in grid.rows for text in cells)
    for breaks, padding in ((_NOWHERE, 1), (_BEFORE_PAPER, 1), (_EVERYWHERE, 1), (_EVERYWHERE, 0)):
        leading = int(breaks != _NOWHERE and not one_line)
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, padding), leading=leading)
        for label in grid.corner:
            table.add_column(_plain(label))
        for column in grid.columns:
            table.add_column(_heading(column, breaks), justify="right")
        for labels, cells in grid.rows:
            table.add_row(*map(_plain, labels), *(_cell(cell, breaks, starred) for cell in cells))
        if Console(width=_ENDLESS, file=io.StringIO()).measure(table).maximum <= width:
            break
    return table


def _plain(text: str, style: str = "") -> RichText:
    """Text in which nothing is markup."""
    return RichText(printable(text), style=style)


def _heading(column: Column, breaks: int) -> RichText:
    text = "\n".join(printable(part) for part in (column.group, column.label) if part)
    return RichText(text if breaks == _NOWHERE else text.replace(" (", "\n("))


def _cell(text: Text, breaks: int, starred: bool) -> RichText:
    first, *rest = text.ours
    if breaks == _EVERYWHERE:
        first = first.replace(" ± ", "±")
    star = "*" if text.bold else " "
    shown = RichText(first + star * starred, style="bold" if text.bold else "")
    for part in rest:
        shown.append("\n" if breaks == _EVERYWHERE else " ").append(part, style="not bold")
    for number, part in enumerate(text.paper):
        same_line = breaks == _NOWHERE or (breaks == _BEFORE_PAPER and number > 0)
        shown.append(" " if same_line else "\n").append(part, style="not bold")
    return shown


FORMAT = Format(name="terminal", extension=".txt", render=render)
