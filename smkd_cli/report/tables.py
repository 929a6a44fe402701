"""The data of a report, independent of its format: tables of cells of numbers with their n."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from smkd_cli.artifacts.results import Noise


@dataclass(frozen=True, slots=True)
class Summary:
    """Mean and sample standard deviation (ddof 1; ``None`` for one value) of n values."""

    mean: float
    sd: float | None
    n: int


@dataclass(frozen=True, slots=True)
class Gain(Summary):
    """What a cell gains over another, in points, and its 95 % confidence interval (``None`` for one value)."""

    over: str = ""
    low: float | None = None
    high: float | None = None

    @property
    def metric(self) -> str:
        """Its name among a cell's summaries."""
        return f"gain over {self.over}"


class Run(NamedTuple):
    """What two numbers have in common that may be subtracted: protocol, noise with the seed of its labels, seed.

    Attributes:
        peer: whose number it is: ``a``, ``b``, or the mean of ``both``.
    """

    protocol: str
    noise: Noise
    seed: int
    peer: str


@dataclass(frozen=True, slots=True)
class TableCell:
    """A cell of a table, filled or not.

    Attributes:
        status: ``failed`` if every run that belongs here failed.
        label: the method as its recipe calls it; empty if no result is here.
        method: the method by its canonical name.
        noise: the kind of noise; ``rate`` in [0, 1].
        summaries: by metric: ``last``, ``selected``, ``best``, ``ensemble`` (accuracy in percent), or ``sent``.
        paper: the published accuracy; ``None`` where there is none to compare with.
        top: whether it is one of the best two of its column.
        oracle: whether the method used the true noise rate or transition matrix.
        runs: the headline metric of each run.
        configuration: what its runs have in common, method, options and noise, as JSON.
    """

    status: Literal["filled", "failed", "missing"]
    label: str
    method: str
    noise: str
    rate: float | None
    summaries: Mapping[str, Summary] = field(default_factory=dict)
    paper: float | None = None
    top: bool = False
    oracle: bool = False
    runs: Mapping[Run, float] = field(default_factory=dict)
    configuration: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column's heading, and the wider heading it shares with its neighbours (may be empty)."""

    label: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of cells; ``detail`` rows are for machines, and formats that people read leave them out."""

    label: str
    cells: tuple[TableCell, ...]
    detail: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table with all its numbers.

    Attributes:
        name: a short unique name, such as ``table1``.
        protocol: the hash that all results share; empty where there are none.
        setting: what all results share: data set, networks, epochs; empty where there are none.
        corner: what the rows are.
        metric: which of a cell's summaries is its headline.
        decimals: of numbers that people read.
    """

    name: str
    title: str
    protocol: str
    setting: str
    corner: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    metric: str = "last"
    decimals: int = 2


@dataclass(frozen=True, slots=True)
class Report:
    """All tables, and the notes that belong to none of them."""

    tables: tuple[Table, ...]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def summarise(values: Sequence[float]) -> Summary | None:
    """Mean, sample standard deviation and count of the values that are numbers; ``None`` if there are none."""
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return None
    return Summary(statistics.fmean(known), statistics.stdev(known) if len(known) > 1 else None, len(known))


def difference(cell: TableCell, metric: str) -> float | None:
    """Ours minus the paper's; ``None`` unless both are known."""
    ours = cell.summaries.get(metric)
    return None if ours is None or cell.paper is None else ours.mean - cell.paper


def threshold_of_best_two(values: Sequence[float], decimals: int) -> float:
    """The smallest value that is among the best two, as printed; ties share a rank. Infinity if there is none."""
    ranked = sorted((round(value, decimals) for value in values), reverse=True)
    return ranked[min(1, len(ranked) - 1)] if ranked else math.inf
