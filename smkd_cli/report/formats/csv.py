"""Tidy CSV: a line per number, so that any tool can take it from there."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable

from smkd_cli.report.formats.contract import Format
from smkd_cli.report.tables import Gain, Report, Table, TableCell, difference
from smkd_cli.words import printable

COLUMNS = (
    *("table", "row", "column", "label", "method", "noise", "rate"),
    *("metric", "mean", "sd", "n", "paper", "difference", "low", "high"),
)

# What a formula may begin with, half width and full width.
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def render(report: Report) -> str:
    """The report as CSV. The paper's value stands with the headline metric; a missing cell is a line with n 0."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for table in report.tables:
        for row in table.rows:
            for column, cell in zip(table.columns, row.cells, strict=True):
                position = (table.name, row.label, f"{column.group} {column.label}".strip())
                what = [*map(field, (*position, cell.label, cell.method, cell.noise)), cell.rate]
                writer.writerows([*what, field(metric), *numbers] for metric, *numbers in _numbers(table, cell))
    return stream.getvalue()


def field(text: str) -> str:
    """A text that no spreadsheet takes for a formula: an apostrophe stands before one that could be."""
    shown = printable(text)
    return f"'{shown}" if shown.startswith(_FORMULA) and not _NUMBER.fullmatch(shown) else shown


def _numbers(table: Table, cell: TableCell) -> Iterable[tuple[str, *tuple[float | None, ...]]]:
    if table.metric not in cell.summaries:
        yield table.metric, None, None, 0, cell.paper, None, None, None
    for metric, summary in cell.summaries.items():
        beside = (cell.paper, difference(cell, metric)) if metric == table.metric else (None, None)
        interval = (summary.low, summary.high) if isinstance(summary, Gain) else (None, None)
        yield metric, summary.mean, summary.sd, summary.n, *beside, *interval


FORMAT = Format(name="csv", extension=".csv", render=render, with_notes=False)
