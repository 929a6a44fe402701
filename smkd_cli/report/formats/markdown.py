"""GitHub's pipe tables, aligned so that the source reads well too."""

from __future__ import annotations

import re

from smkd_cli.report.formats.contract import Format
from smkd_cli.report.tables import Report
from smkd_cli.report.view import Grid, Text, grids
from smkd_cli.words import printable

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~&#$!])")
# What begins a list, a line or a heading where a text begins.
_LEADING = re.compile(r"^([-+=](?![0-9])|[0-9]+(?=[.)](?: |$)))")


def render(report: Report) -> str:
    """The report as markdown: a heading, a table and its notes for each table."""
    blocks = [block for table in report.tables for grid in grids(table) for block in _blocks(grid)]
    if report.notes:
        blocks.append(_list(report.notes))
    return "\n\n".join(blocks) + "\n"


def escape(text: str) -> str:
    """Text that markdown shows as it is, in one cell of a table."""
    escaped = _SPECIAL.sub(r"\\\1", " ".join(printable(text).split()))
    return _LEADING.sub(lambda found: f"\\{found[0]}" if found[0] in "-+=" else f"{found[0]}\\", escaped)


def _blocks(grid: Grid) -> list[str]:
    heading = [*grid.corner, *(f"{column.group} {column.label}".strip() for column in grid.columns)]
    rows = [[*map(escape, labels), *map(_cell, cells)] for labels, cells in grid.rows]
    lines = [[escape(text) for text in heading], *rows]
    widths = [max(3, *(len(line[i]) for line in lines)) for i in range(len(heading))]
    left = len(grid.corner)
    rule = ["-" * width if i < left else "-" * (width - 1) + ":" for i, width in enumerate(widths)]
    aligned = [
        [
            text.ljust(width) if i < left else text.rjust(width)
            for i, (text, width) in enumerate(zip(line, widths, strict=True))
        ]
        for line in (lines[0], rule, *lines[1:])
    ]
    blocks = [f"### {escape(grid.title)}", "\n".join(f"| {' | '.join(line)} |" for line in aligned)]
    return [*blocks, _list(grid.notes)] if grid.notes else blocks


def _cell(text: Text) -> str:
    first, *rest = map(escape, text.ours)
    ours = " ".join([f"**{first}**" if text.bold else first, *rest])
    return "<br>".join([ours, " ".join(map(escape, text.paper))] if text.paper else [ours])


def _list(notes: tuple[str, ...]) -> str:
    return "\n".join(f"- {escape(note)}" for note in notes)


FORMAT = Format(name="markdown", extension=".md", render=render)
