"""What a method gains over another, seed by seed: runs of one seed have the same wrong labels and the same batches."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from smkd_cli.errors import UsageError
from smkd_cli.report.tables import Cell, Summary, Table, summarise

GAIN = "gain over "
_CONFIDENCE = 0.95


def with_gains(tables: Sequence[Table], baselines: Sequence[str]) -> list[Table]:
    """The tables, whose cells of accuracies know as further metrics (``gain over BASELINE``) what they gain.

    A cell's baseline stands in its column, or else in another one of its table, or in another table of its protocol.
    The gain is the mean difference at the last epoch, in points, over the seeds that both have on the same labels.

    Args:
        baselines: methods or labels; ``Zero+MyLC`` and ``MyLC`` are the same.

    Raises:
        UsageError: no result in any table is of a baseline.
    """
    for name in baselines:
        labels = dict.fromkeys(cell.label for table in tables for cell in _cells(table))
        method = name.removeprefix("Zero+")
        called = {
            method,
            f"Zero+{method}",
        } & labels.keys()  # as a recipe calls its plain row, not one of its variations
        known = [
            (table, cell)
            for table in tables
            for cell in _cells(table)
            if (cell.label in called if called else cell.method == method)
        ]
        if not known:
            raise UsageError(f"--against {name}: no result is of it; there are: {', '.join(labels) or 'none'}")
        tables = [_with_gain(table, name, known) for table in tables]
    return list(tables)


def _cells(table: Table) -> Iterator[Cell]:
    if table.metric == "last":
        yield from (cell for row in table.rows for cell in row.cells if cell.by_run)


def _with_gain(table: Table, name: str, known: Sequence[tuple[Table, Cell]]) -> Table:
    columns = list(zip(*(row.cells for row in table.rows), strict=True))
    elsewhere = [cell for other, cell in known if other is table]
    elsewhere += [cell for other, cell in known if other is not table and other.protocol == table.protocol]
    if "+" in table.protocol:  # the columns of a table of several protocols are of different networks
        elsewhere = []
    bases = {id(cell) for _, cell in known}

    def filled(cell: Cell, place: int) -> Cell:
        near = [other for other in columns[place] if id(other) in bases]
        base = next((base for base in [*near, *elsewhere] if base.by_run.keys() & cell.by_run.keys()), None)
        if table.metric != "last" or base is None or base is cell:
            return cell
        gain = summarise([value - base.by_run[run] for run, value in cell.by_run.items() if run in base.by_run])
        return cell if gain is None else replace(cell, summaries={**cell.summaries, f"{GAIN}{name}": gain})

    rows = [
        replace(row, cells=tuple(filled(cell, place) for place, cell in enumerate(row.cells))) for row in table.rows
    ]
    return replace(table, rows=tuple(rows))


def half_interval(gain: Summary) -> float | None:
    """Half the width of the 95 % confidence interval of a mean, by Student's t; ``None`` for one value."""
    if gain.sd is None:
        return None
    from scipy.special import stdtrit  # only here: a report without gains does without it

    return float(stdtrit(gain.n - 1, (1 + _CONFIDENCE) / 2)) * gain.sd / math.sqrt(gain.n)
