"""What a method gains over another, seed by seed: runs of one seed have the same wrong labels."""

from __future__ import annotations

import difflib
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from smkd_cli.errors import UsageError
from smkd_cli.report.tables import Cell, Gain, Report, Run, Table, summarise

_CONFIDENCE = 0.95
_NAMED = 8


@dataclass
class _Baseline:
    """What gains are taken over.

    Attributes:
        label: what its rows are called.
        runs: its headline numbers. A run in two tables is one.
    """

    label: str
    runs: dict[Run, float] = field(default_factory=dict)


def with_gains(report: Report, names: Sequence[str]) -> Report:
    """The report, whose cells of accuracies know as further metrics (``gain over LABEL``) what they gain.

    A gain is the mean difference at the last epoch, in points, over all runs of a cell of whose protocol, labels and
    seed there is one of the baseline, in whatever table.

    Args:
        names: the baselines: labels, or methods. ``Zero+MyLC`` and ``MyLC`` are the same.

    Raises:
        UsageError: no result is of a baseline, or rows of several labels are.
    """
    tables, warnings = list(report.tables), list(report.warnings)
    for name in names:
        baseline = _Baseline(_label(name, report.tables))
        warnings += _collect(baseline, report.tables)
        tables = [_with_gain(table, baseline) for table in tables]
    return replace(report, tables=tuple(tables), warnings=tuple(warnings))


def _cells(table: Table) -> Iterator[Cell]:
    if table.metric == "last":
        yield from (cell for row in table.rows for cell in row.cells if cell.runs)


def _label(name: str, tables: Sequence[Table]) -> str:
    """What the rows are called that are meant by a name: that, or else the method in its plain row or its only one."""
    methods = {cell.label: cell.method for table in tables for cell in _cells(table)}
    plain = name.casefold().removeprefix("zero+")
    of_method = [label for label, method in methods.items() if method.casefold() == plain]
    for found in (
        [label for label in methods if label == name],
        [label for label in methods if label.casefold().removeprefix("zero+") == plain],
        of_method,
    ):
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(f"--against {name}: several rows are of it, name one: {_some(found)}")
    if not methods:
        raise UsageError(f"--against {name}: there are no finished results yet")
    close = difflib.get_close_matches(name, methods, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    raise UsageError(f"--against {name}: no finished result is of it; {hint}There are: {_some(list(methods))}")


def _some(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - _NAMED} more" if len(labels) > _NAMED else ""
    return ", ".join(labels[:_NAMED]) + more


def _collect(baseline: _Baseline, tables: Sequence[Table]) -> Iterator[str]:
    """Gather the runs of a baseline: under each protocol and noise of one configuration, that with most runs."""
    there: dict[object, dict[str, dict[Run, float]]] = defaultdict(lambda: defaultdict(dict))
    for table in tables:
        for cell in _cells(table):
            if cell.label == baseline.label:
                for run, value in cell.runs.items():
                    setting = (run.protocol, run.noise.model_copy(update={"seed": None}), run.peer)
                    there[setting][cell.configuration].setdefault(run, value)
    for configurations in there.values():
        if len(configurations) > 1:
            yield f"--against {baseline.label}: its results differ in options; those with most seeds are the baseline"
        _, runs = max(configurations.items(), key=lambda item: len(item[1]))
        baseline.runs |= runs


def _with_gain(table: Table, baseline: _Baseline) -> Table:
    others = [cell for cell in _cells(table) if cell.label != baseline.label]
    if not others:
        return table
    gains = {id(cell): gain for cell in others if (gain := _gain(cell, baseline))}
    if not gains:
        why = f"Nothing here is set against {baseline.label}: no run of it is of this protocol and on the same labels."
        return replace(table, notes=(*table.notes, why))

    def filled(cell: Cell) -> Cell:
        gain = gains.get(id(cell))
        return replace(cell, summaries={**cell.summaries, gain.metric: gain}) if gain else cell

    return replace(table, rows=tuple(replace(row, cells=tuple(map(filled, row.cells))) for row in table.rows))


def _gain(cell: Cell, baseline: _Baseline) -> Gain | None:
    values = [value - baseline.runs[run] for run, value in cell.runs.items() if run in baseline.runs]
    gain = summarise(values)
    if gain is None or gain.sd is None:
        return None if gain is None else Gain(gain.mean, None, gain.n, over=baseline.label)
    from scipy.special import stdtrit  # only here: a report without gains does without it

    half = float(stdtrit(gain.n - 1, (1 + _CONFIDENCE) / 2)) * gain.sd / math.sqrt(gain.n)
    return Gain(gain.mean, gain.sd, gain.n, over=baseline.label, low=gain.mean - half, high=gain.mean + half)
