"""What a method gains over another, seed by seed: runs of one seed have the same wrong labels."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from smkd_cli.errors import UsageError
from smkd_cli.report.layout import MACRO
from smkd_cli.report.tables import Gain, Report, Run, Table, TableCell, summarise
from smkd_cli.suggestions import closest

_CONFIDENCE = 0.95
_NAMED = 8


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
        label = _label(name, report.tables)
        baseline, warned = _runs(label, report.tables)
        warnings += warned
        tables = [_with_gain(table, label, baseline) for table in tables]
    return replace(report, tables=tuple(tables), warnings=tuple(warnings))


def _cells(table: Table) -> Iterator[TableCell]:
    if table.metric in {"last", MACRO}:
        yield from (cell for row in table.rows for cell in row.cells if cell.runs)


def _label(name: str, tables: Sequence[Table]) -> str:
    """What the rows are called that are meant by a name: that, or else the method in its plain row or its only one."""
    methods = {cell.label: cell.method for table in tables for cell in _cells(table)}
    plain = name.casefold().removeprefix("zero+")
    for found in (
        [label for label in methods if label == name],
        [label for label in methods if label.casefold().removeprefix("zero+") == plain],
        [label for label, method in methods.items() if method.casefold() == plain],
    ):
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(f"--against {name}: several rows are of it, name one: {_some(found)}")
    if not methods:
        raise UsageError(f"--against {name}: there are no finished results yet")
    close = closest(name, methods)
    hint = f"did you mean {close}? " if close else ""
    raise UsageError(f"--against {name}: no finished result is of it; {hint}There are: {_some(list(methods))}")


def _some(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - _NAMED} more" if len(labels) > _NAMED else ""
    return ", ".join(labels[:_NAMED]) + more


def _runs(label: str, tables: Sequence[Table]) -> tuple[dict[Run, float], list[str]]:
    """The runs of a baseline, and warnings: under each protocol and noise of one configuration, that with most runs."""
    there: dict[object, dict[str, dict[Run, float]]] = defaultdict(lambda: defaultdict(dict))
    for table in tables:
        for cell in _cells(table):
            if cell.label == label:
                for run, value in cell.runs.items():
                    setting = (run.protocol, run.noise.model_copy(update={"seed": None}), run.peer)
                    there[setting][cell.configuration].setdefault(run, value)
    found: dict[Run, float] = {}
    warnings = []
    for configurations in there.values():
        if len(configurations) > 1:
            warnings.append(f"--against {label}: its results differ in options; those with most seeds are the baseline")
        _, runs = max(configurations.items(), key=lambda item: len(item[1]))
        found |= runs
    return found, warnings


def _with_gain(table: Table, label: str, baseline: Mapping[Run, float]) -> Table:
    others = [cell for cell in _cells(table) if cell.label != label]
    if not others:
        return table
    gains = {id(cell): gain for cell in others if (gain := _gain(cell, label, baseline))}
    if not gains:
        why = f"Nothing here is set against {label}: no run of it is of this protocol and on the same labels."
        return replace(table, notes=(*table.notes, why))

    def filled(cell: TableCell) -> TableCell:
        gain = gains.get(id(cell))
        return replace(cell, summaries={**cell.summaries, gain.metric: gain}) if gain else cell

    return replace(table, rows=tuple(replace(row, cells=tuple(map(filled, row.cells))) for row in table.rows))


def _gain(cell: TableCell, label: str, baseline: Mapping[Run, float]) -> Gain | None:
    values = [value - baseline[run] for run, value in cell.runs.items() if run in baseline]
    gain = summarise(values)
    if gain is None or gain.sd is None:
        return None if gain is None else Gain(gain.mean, None, gain.n, over=label)
    from scipy.special import stdtrit  # only here: a report without gains does without it

    half = float(stdtrit(gain.n - 1, (1 + _CONFIDENCE) / 2)) * gain.sd / math.sqrt(gain.n)
    return Gain(gain.mean, gain.sd, gain.n, over=label, low=gain.mean - half, high=gain.mean + half)
