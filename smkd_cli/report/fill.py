"""Results are put where a layout wants them."""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from smkd_cli import methods
from smkd_cli.artifacts.results import CellRecord, Result
from smkd_cli.errors import DataError
from smkd_cli.report.layout import (
    Coordinates,
    Layout,
    Slot,
    SlotIndex,
    coordinates_of,
    fits,
    noise_label,
    uses_oracle,
)
from smkd_cli.report.paper_values import Published, accuracy_at
from smkd_cli.report.tables import Column, Row, Run, TableCell, summarise, threshold_of_best_two
from smkd_cli.words import printable, shortened

_LONGEST_REASON = 500
# What a table may have: time and memory go by its cells, and results that have little in common fill few of them.
_CELLS, _CELLS_PER_SAMPLE = 10_000, 20
# The protocol of checkpoints without a recipe; it is not known what they have in common.
LONE = "checkpoints"


@dataclass(frozen=True)
class Sample:
    """Numbers of one result, at the coordinates where they stand."""

    result: Result
    cell: CellRecord
    own: bool
    at: Coordinates
    numbers: Mapping[str, float]


@dataclass
class Filled:
    """A layout with results in it.

    Attributes:
        slots: of the columns.
        used: the results that stand in a cell, or that a duplicate stands for.
        left_out: results whose numbers cannot be read, and why.
    """

    slots: tuple[Slot, ...] = ()
    columns: tuple[Column, ...] = ()
    rows: tuple[Row, ...] = ()
    used: list[Result] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def fill(layout: Layout, own: Sequence[Result], others: Sequence[Result], paper: Sequence[Published]) -> Filled:
    """Fill a layout's cells.

    A cell holds the seeds of one configuration (method, options, kind of noise). It comes from the table's own
    results; only where a closed layout has none of them, from others of the same protocol, if these are of one
    configuration. Of results that are the same to the seed, one counts.

    Args:
        own: results whose recipe names this table.
        others: further results of the same protocol.
        paper: the published numbers that may stand beside ours.

    Raises:
        DataError: the table would be far larger than its results fill.
    """
    left_out: list[str] = []
    samples = [*_samples(layout, own, True, left_out), *_samples(layout, others, False, left_out)]
    found = [sample.at for sample in samples if sample.own]
    rows, columns = (axis if isinstance(axis, tuple) else axis.slots(found) for axis in (layout.rows, layout.columns))
    if len(rows) * len(columns) > _CELLS + _CELLS_PER_SAMPLE * len(samples):
        raise DataError(
            f"{layout.name}: a table of {len(rows):,} rows and {len(columns):,} columns would be nearly empty;"
            " report fewer of these results at a time"
        )
    there: dict[tuple[int, int], list[Sample]] = defaultdict(list)
    down, across = SlotIndex(rows), SlotIndex(columns)
    for sample in samples:
        for position in itertools.product(down.of(sample.at), across.of(sample.at)):
            there[position].append(sample)
    headings = tuple(Column(slot.label, slot.group) for slot in columns)
    filled = Filled(slots=columns, columns=headings, left_out=left_out)
    values = _paper_values(layout, rows, columns, paper)
    grid = [
        [
            _cell(row, column, there[i, j], layout=layout, value=values[i][j], filled=filled)
            for j, column in enumerate(columns)
        ]
        for i, row in enumerate(rows)
    ]
    if layout.best_two:
        _mark_best_two(grid, layout)
    filled.used = list({id(result): result for result in filled.used}.values())
    filled.rows = tuple(Row(slot.label, tuple(cells), slot.detail) for slot, cells in zip(rows, grid, strict=True))
    return filled


def _samples(layout: Layout, results: Iterable[Result], own: bool, left_out: list[str]) -> Iterable[Sample]:
    for result in results:
        if result.cell is not None:
            at = coordinates_of(result.cell)
            if fits(at, layout.where) and (layout.own_recipes or not layout.closed or not at["own_recipe"]):
                try:
                    measured = layout.measure(result)
                except DataError as error:
                    left_out.append(shortened(printable(str(error)), _LONGEST_REASON))
                    continue
                for more, numbers in measured:
                    yield Sample(result, result.cell, own, {**at, **more}, numbers)


Values = Sequence[Sequence[float | None]]
# The paper's values in a closed layout, which are the same in every table of it; what they are known by is kept with
# them, so that no other object gets its identity.
_KNOWN: dict[tuple[int, ...], tuple[Layout, Sequence[Published], Values]] = {}


def _paper_values(layout: Layout, rows: Sequence[Slot], columns: Sequence[Slot], paper: Sequence[Published]) -> Values:
    """The paper's value in each cell."""
    key = (id(layout), *map(id, paper))
    if layout.closed and key in _KNOWN:
        return _KNOWN[key][2]
    values = [[accuracy_at(paper, {**layout.where, **row.where, **column.where}) for column in columns] for row in rows]
    if layout.closed:
        _KNOWN[key] = layout, paper, values
    return values


def _cell(
    row: Slot, column: Slot, samples: Sequence[Sample], *, layout: Layout, value: float | None, filled: Filled
) -> TableCell:
    where = {**layout.where, **row.where, **column.where}
    cell_name = f"{row.label} / {column.heading}"
    chosen = _one_configuration(layout, samples, cell_name, filled)
    if not chosen:
        kind, rate = where.get("kind", ""), where.get("rate")
        exchange, target = where.get("exchange"), where.get("target")
        method = methods.joined(exchange, target) if isinstance(exchange, str) and target else ""
        return TableCell("missing", "", method, kind, rate, paper=value)
    seeds = _one_of_each_seed(layout, chosen, cell_name, filled)
    filled.used += [sample.result for sample in chosen]
    first = seeds[0]
    for sample in seeds:
        if sample.result.scores is None:
            noise = noise_label(sample.at["noise"])
            why = sample.result.error or "the record does not give the reason"
            filled.failures.append(f"{sample.cell.label}, {noise}, seed {sample.cell.seed}: {why}")
    metrics = dict.fromkeys(metric for sample in seeds for metric in sample.numbers)
    summaries = {
        metric: summary
        for metric in metrics
        if (summary := summarise([sample.numbers[metric] for sample in seeds if metric in sample.numbers]))
    }
    return TableCell(
        "filled" if layout.metric in summaries else "failed",
        first.cell.label,
        methods.joined(first.at["exchange"], first.at["target"]),
        first.cell.noise.name,
        first.cell.noise.rate,
        summaries,
        value,
        oracle=uses_oracle(first.cell),
        runs={
            _run(sample): sample.numbers[layout.metric]
            for sample in seeds
            if layout.metric in sample.numbers and sample.cell.protocol != LONE
        },
        configuration=_configuration(first),
    )


def _one_configuration(layout: Layout, samples: Sequence[Sample], cell_name: str, filled: Filled) -> list[Sample]:
    """The samples of the configuration that a cell shows: of several, that with most finished seeds."""
    by_configuration: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_configuration[_configuration(sample)].append(sample)
    own = [group for group in by_configuration.values() if any(sample.own for sample in group)]
    groups = own or (list(by_configuration.values()) if layout.closed else [])
    if not groups:
        return []
    if len(groups) > 1:
        options = "; ".join(_difference_in_options(groups))
        if not own:
            filled.warnings.append(
                f"{layout.name}, {cell_name}: left empty, results of other recipes differ in options ({options}); "
                "name the table in the recipe that is meant"
            )
            return []
        filled.warnings.append(
            f"{layout.name}, {cell_name}: options differ between results ({options}); the one with most seeds is shown"
        )
    return max(groups, key=lambda group: sum(bool(sample.numbers) for sample in group))


def _configuration(sample: Sample) -> str:
    options = {name: float(value) if type(value) is int else value for name, value in sample.cell.options.items()}
    at, cell = sample.at, sample.cell
    trained = [cell.protocol, cell.own_protocol and cell.own_protocol.given]
    return json.dumps(
        [at["exchange"], at["target"], options, at["noise"], cell.noise.sampling, trained], sort_keys=True
    )


def _run(sample: Sample) -> Run:
    cell = sample.cell
    return Run(cell.protocol, cell.noise, cell.seed, sample.at["peer"])


def _difference_in_options(groups: Sequence[Sequence[Sample]]) -> list[str]:
    cells: list[dict[str, Any]] = [
        {
            "method": run.method,
            "sampling": run.noise.sampling,
            "protocol": run.protocol,
            "own_protocol": run.own_protocol and run.own_protocol.given,
            **run.options,
        }
        for run in (group[0].cell for group in groups)
    ]
    names = dict.fromkeys(name for cell in cells for name in cell)
    differing = [name for name in names if any(cell.get(name) != cells[0].get(name) for cell in cells)]
    return [shortened(" ".join(f"{name}={cell.get(name, 'unset')}" for name in differing), 1000) for cell in cells]


def _one_of_each_seed(layout: Layout, samples: Sequence[Sample], cell_name: str, filled: Filled) -> list[Sample]:
    """Finished twins before failed ones, the table's own before others."""
    kept: dict[tuple[int | None, int], Sample] = {}
    for sample in sorted(samples, key=lambda sample: (layout.metric not in sample.numbers, not sample.own)):
        seed = (sample.cell.noise.seed, sample.cell.seed)
        twin = kept.setdefault(seed, sample)
        number = sample.numbers.get(layout.metric)
        if number is not None and number != twin.numbers.get(layout.metric):
            counts, does_not = (printable(str(one.result.path)) for one in (twin, sample))
            filled.warnings.append(
                f"{layout.name}, {cell_name}: seed {sample.cell.seed} is there twice with different scores; "
                f"{counts} counts, {does_not} does not"
            )
    return list(kept.values())


def _mark_best_two(grid: list[list[TableCell]], layout: Layout) -> None:
    for column in range(len(grid[0]) if grid else 0):
        means = [
            round(row[column].summaries[layout.metric].mean, layout.decimals)
            if row[column].status == "filled"
            else None
            for row in grid
        ]
        threshold = threshold_of_best_two([mean for mean in means if mean is not None], layout.decimals)
        for row, mean in zip(grid, means, strict=True):
            if mean is not None and mean >= threshold:
                row[column] = replace(row[column], top=True)
