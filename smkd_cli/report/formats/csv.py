"""Tidy CSV: a line per number, so that any tool can take it from there."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from smkd_cli.report.tables import Cell, Gain, Report, Table, difference

COLUMNS = (
    *("table", "row", "column", "label", "method", "noise", "rate"),
    *("metric", "mean", "sd", "n", "paper", "difference", "low", "high"),
)


def render(report: Report) -> str:
    """The report as CSV. The paper's value stands with the headline metric; a missing cell is a line with n 0."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for table in report.tables:
        for row in table.rows:
            for column, cell in zip(table.columns, row.cells, strict=True):
                place = (table.name, row.label, f"{column.group} {column.label}".strip())
                what = (cell.label, cell.method, cell.noise, cell.rate)
                writer.writerows([*place, *what, *numbers] for numbers in _numbers(table, cell))
    return stream.getvalue()


def _numbers(table: Table, cell: Cell) -> Iterable[tuple[str | float | None, ...]]:
    if table.metric not in cell.summaries:
        yield table.metric, None, None, 0, cell.paper, None, None, None
    for metric, summary in cell.summaries.items():
        beside = (cell.paper, difference(cell, metric)) if metric == table.metric else (None, None)
        interval = (summary.low, summary.high) if isinstance(summary, Gain) else (None, None)
        yield metric, summary.mean, summary.sd, summary.n, *beside, *interval
