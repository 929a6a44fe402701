"""From results to a report: which tables there are, their cells, and the notes beneath."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from smkd_cli.artifacts.results import CellRecord, FoundResults, Noise, Result
from smkd_cli.registry import LAYOUTS, guarded
from smkd_cli.report import notes
from smkd_cli.report.classes import class_layouts
from smkd_cli.report.fill import LONE, Filled, fill
from smkd_cli.report.foreign_layouts import check_table, layouts_of
from smkd_cli.report.layout import MACRO, FromResults, Layout, layouts, noise_label
from smkd_cli.report.metrics import with_metric
from smkd_cli.report.paper_values import Published, comparable, paper_values
from smkd_cli.report.tables import Report, Table


def build(found: FoundResults, trust_code: bool = False, metric: str = "last", per_class: bool = False) -> Report:
    """All tables that the results belong to; without results, the paper's tables with every cell of ours missing.

    Args:
        trust_code: whether files of layouts that results name may be run.
        metric: the headline of tables of accuracies.
        per_class: whether tables of the accuracy of every class follow.
    """
    results = _by_time_finished(found.results)
    unfinished = notes.Unfinished(found.unfinished)
    of_report = tuple(notes.of_report(found, unfinished))
    if not results:
        empty = [_empty_table(layout) for layout in layouts() if layout.closed]
        return Report(tuple(empty), of_report)
    by_protocol: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        by_protocol[_cell(result).protocol].append(result)
    tables: list[Table] = []
    warnings: list[str] = []
    named = layouts_of((table for result in results for table in _cell(result).tables), trust_code, warnings)
    known = [with_metric(layout, metric) for layout in named]
    across = list(_tables_across_protocols(results, known, unfinished, warnings))
    placed = {id(result) for _, filled in across for result in filled.used}
    for group in by_protocol.values():
        tables += _tables_of_protocol(group, known, placed, unfinished, warnings, metric)
    for table, filled in across:
        tables.append(table)
        warnings += filled.warnings
    for layout, group in class_layouts(by_protocol.values()) if per_class else ():
        filled = fill(layout, group, [], [])
        warnings += [*filled.warnings, *_left_out(layout, filled)]
        tables.append(_table(layout, filled, [], unfinished))
    return Report(tuple(_named_apart(tables)), of_report, tuple(warnings))


def _by_time_finished(results: Iterable[Result]) -> list[Result]:
    """In the order of finishing, which is that of the recipe; lone checkpoints get a cell with what is known."""
    known = [result if result.cell else replace(result, cell=_lone_cell(result)) for result in results]
    return sorted(known, key=lambda result: result.finished)


def _lone_cell(result: Result) -> CellRecord:
    label = str(result.path)
    noise = Noise(kind="unknown noise")
    return CellRecord(
        recipe=LONE, protocol=LONE, label=label, method=label, dataset="", networks=(), epochs=0, noise=noise, seed=0
    )


def _cell(result: Result) -> CellRecord:
    assert result.cell is not None, "every result has a cell once it went through _as_found"
    return result.cell


def _filled(
    layout: Layout,
    own: Sequence[Result],
    others: Sequence[Result],
    paper: Sequence[Published],
    unfinished: notes.Unfinished,
    warnings: list[str],
) -> tuple[Filled, Table | None]:
    """A layout with results, and its table; one that is not ours may be wrong, which is a warning: it stays empty."""

    if layout.metric == MACRO:
        paper = ()

    def work() -> tuple[Filled, Table]:
        of_other_data = () if layout.across_protocols or layout.metric == MACRO else _of_other_data(layout)
        filled = fill(layout, own, others, [*paper, *of_other_data])
        return filled, _table(layout, filled, paper, unfinished)

    if LAYOUTS.is_own(layout.number):
        return work()

    def checked() -> tuple[Filled, Table]:
        filled, table = work()
        check_table(table)
        return filled, table

    try:
        return guarded(checked)
    except ValueError as error:
        warnings.append(f"{layout.number}: cannot be filled: {error}")
        return Filled(), None


def _tables_across_protocols(
    results: Sequence[Result], known: Sequence[Layout], unfinished: notes.Unfinished, warnings: list[str]
) -> Iterable[tuple[Table, Filled]]:
    """Tables whose columns are of different protocols, a table for each recipe that fills one."""
    for layout in known:
        own = [result for result in results if layout.across_protocols and layout.number in _cell(result).tables]
        for recipe in dict.fromkeys(_cell(result).recipe for result in own):
            mine = [result for result in own if _cell(result).recipe == recipe]
            protocols = {_cell(result).protocol for result in mine}
            others = [
                result
                for result in results
                if _cell(result).protocol in protocols and layout.number not in _cell(result).tables
            ]
            settings = dict.fromkeys((_cell(result).dataset, _cell(result).networks) for result in mine)
            paper = [number for at in settings for number in comparable(layout.number, *at)]
            filled, table = _filled(layout, mine, others, paper, unfinished, warnings)
            warnings += _left_out(layout, filled)
            if filled.used and table is not None:
                yield table, filled


def _tables_of_protocol(
    group: Sequence[Result],
    known: Sequence[Layout],
    elsewhere: set[int],
    unfinished: notes.Unfinished,
    warnings: list[str],
    metric: str,
) -> Iterable[Table]:
    placed: set[int] = set()
    for layout in known:
        if layout.across_protocols:
            continue
        own = [result for result in group if layout.number in _cell(result).tables]
        if own:
            others = [result for result in group if layout.number not in _cell(result).tables]
            first = _cell(own[0])
            paper = comparable(layout.number, first.dataset, first.networks)
            filled, table = _filled(layout, own, others, paper, unfinished, warnings)
            placed |= {id(result) for result in own} & {id(result) for result in filled.used}
            warnings += _left_out(layout, filled)
            if table is not None and any(cell.status != "missing" for row in filled.rows for cell in row.cells):
                warnings += filled.warnings
                yield table
    rest: dict[str, list[Result]] = defaultdict(list)
    for result in group:
        if id(result) not in placed and not (id(result) in elsewhere and _across(result, known)):
            rest[_cell(result).recipe].append(result)
    for recipe, results in rest.items():
        layout = with_metric(_general_layout(recipe, any(recipe == layout.name for layout in known)), metric)
        filled = fill(layout, results, [], [])
        warnings += [*filled.warnings, *_left_out(layout, filled)]
        yield _table(layout, filled, [], unfinished)


def _left_out(layout: Layout, filled: Filled) -> list[str]:
    left_out = filled.left_out
    return [f"{layout.name}: left out ({len(left_out)}): {notes.some(left_out)}"] if left_out else []


def _across(result: Result, known: Sequence[Layout]) -> bool:
    return any(layout.across_protocols and layout.number in _cell(result).tables for layout in known)


def _general_layout(recipe: str, further: bool) -> Layout:
    """Methods against noise settings, in the order of the results."""
    return Layout(
        name=f"{recipe}-further" if further else recipe,
        title=f"{recipe}: further results" if further else recipe,
        corner="Method",
        rows=FromResults("label", str, in_order=False),
        columns=FromResults("noise", noise_label, in_order=False),
    )


def _of_other_data(layout: Layout) -> list[Published]:
    """The numbers of columns where no result can stand: there is nothing that they could be wrongly compared with."""
    columns = layout.columns if isinstance(layout.columns, tuple) else ()
    named = {slot.where.get("dataset") for slot in columns if slot.elsewhere}
    return [number for number in paper_values() if number.table == layout.number and number.dataset in named]


def _table(layout: Layout, filled: Filled, paper: Sequence[Published], unfinished: notes.Unfinished) -> Table:
    cells = [_cell(result) for result in filled.used]
    return Table(
        name=layout.name,
        title=layout.title,
        protocol="+".join(dict.fromkeys(cell.protocol for cell in cells)),
        setting=notes.setting(cells),
        corner=layout.corner,
        columns=filled.columns,
        rows=filled.rows,
        notes=tuple(notes.of_table(layout, filled, comparable_with_paper=bool(paper), unfinished=unfinished)),
        metric=layout.metric,
        decimals=layout.decimals,
    )


def _empty_table(layout: Layout) -> Table:
    numbers = [number for number in paper_values() if number.table == layout.number]
    filled = fill(layout, [], [], numbers)
    return Table(
        name=layout.name,
        title=layout.title,
        protocol="",
        setting="",
        corner=layout.corner,
        columns=filled.columns,
        rows=filled.rows,
        notes=("There are no results yet: the values are the paper's.", *notes.of_layout(layout)),
    )


def _named_apart(tables: Sequence[Table]) -> Iterable[Table]:
    """Tables of one name come from results of different protocols; name and title then name the protocol."""
    count = Counter(table.name for table in tables)
    for table in tables:
        if count[table.name] == 1:
            yield table
        else:
            protocol = table.protocol[:8]
            yield replace(
                table,
                name=f"{table.name}@{protocol}",
                title=f"{table.title} (protocol {protocol})",
                notes=(*table.notes, "There are results of other protocols; compare within a table only."),
            )
