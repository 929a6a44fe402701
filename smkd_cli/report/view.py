"""Tables as people read them: numbers become text, and each table becomes one or two grids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from smkd_cli.report.layout import MOMENTS, noise_label
from smkd_cli.report.tables import Column, Gain, Summary, Table, TableCell, difference

ORACLE = "†"

_EPOCHS = {
    "last": "Last",
    "selected": "Selected",
    "best": "Best (upper bound)",
    "ensemble": "Ensemble",
}


@dataclass(frozen=True)
class Text:
    """A cell's text: ours, whose first part may be bold, and the paper's. A format may break lines between parts."""

    ours: tuple[str, ...]
    paper: tuple[str, ...] = ()
    bold: bool = False


@dataclass(frozen=True)
class Grid:
    """A table of text; ``corner`` heads the label columns, of which each row has as many.

    Attributes:
        part: which grid of its table it is; empty for the headline.
    """

    title: str
    corner: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: tuple[tuple[tuple[str, ...], tuple[Text, ...]], ...]
    notes: tuple[str, ...] = ()
    part: str = ""


def grids(table: Table, top: str = "bold") -> Iterable[Grid]:
    """The headline, with the notes; for accuracies last, selected and best epoch side by side; gains, if asked for.

    Args:
        top: how the format shows the best two.
    """
    title = f"{table.title} ({table.setting})" if table.setting else table.title
    rows = tuple(
        ((row.label,), tuple(_headline(cell, table) for cell in row.cells)) for row in table.rows if not row.detail
    )
    epochs = _epochs(table) if table.metric == "last" else None
    notes = table.notes
    if any(cell.oracle for row in table.rows for cell in row.cells):
        notes = (f"{ORACLE} uses the true noise rate or transition matrix.", *notes)
    if any(cell.top for row in table.rows for cell in row.cells):
        notes = (f"The best two of each column are {top}.", *notes)
    yield Grid(title, (table.corner,), table.columns, rows, notes)
    if epochs:
        yield epochs
    if sent := _sent(table):
        yield sent
    gains = (summary for row in table.rows for cell in row.cells for summary in cell.summaries.values())
    for metric in dict.fromkeys(gain.metric for gain in gains if isinstance(gain, Gain)):
        yield _gains(table, metric)


def _headline(cell: TableCell, table: Table) -> Text:
    ours = cell.summaries.get(table.metric)
    ahead = difference(cell, table.metric)
    return Text(
        (cell.status,) if ours is None else (spread(ours, table.decimals) + ORACLE * cell.oracle, f"n={ours.n}"),
        (
            *(() if cell.paper is None else (f"paper {number(cell.paper, table.decimals)}",)),
            *(() if ahead is None else (f"({signed(ahead, table.decimals)})",)),
        ),
        cell.top,
    )


def _epochs(table: Table) -> Grid | None:
    found = _found(table, table.metric)
    if not found:
        return None
    noise, corner, labels = _distinguished(found)
    return Grid(
        f"{table.title}: last, selected and best epoch{noise}",
        corner,
        tuple(Column(label) for label in (*_EPOCHS.values(), "n")),
        tuple(
            (
                label,
                (
                    *(_of_epoch(cell, metric, table.decimals) for metric in _EPOCHS),
                    Text((str(cell.summaries["last"].n),)),
                ),
            )
            for label, (cell, _) in zip(labels, found, strict=True)
        ),
        part="epochs",
    )


def _sent(table: Table) -> Grid | None:
    """What the peers sent, of methods that send: shares, and in brackets the precision of the selection."""
    found = _found(table, "sent_end")
    if not found or table.metric != "last":
        return None
    noise, corner, labels = _distinguished(found)
    return Grid(
        f"{table.title}: knowledge sent{noise}",
        corner,
        (*(Column(heading) for heading in ("At a quarter", "Half", "End")), Column("n")),
        tuple(
            (
                label,
                (*(_of_moment(cell, moment) for moment in MOMENTS), Text((str(cell.summaries["sent_end"].n),))),
            )
            for label, (cell, _) in zip(labels, found, strict=True)
        ),
        ("Share of what both peers could send, and in brackets how much of it was right: refined to the clean label.",),
        "sent",
    )


def _of_moment(cell: TableCell, moment: str) -> Text:
    right = cell.summaries.get(f"precision_{moment}")
    share = f"{cell.summaries[f'sent_{moment}'].mean:.0f} %"
    return Text((share, "(—)" if right is None else f"({right.mean:.0f} %)"))


def _gains(table: Table, metric: str) -> Grid:
    found = _found(table, metric)
    noise, corner, labels = _distinguished(found)
    return Grid(
        f"{table.title}: {metric}{noise}",
        corner,
        (Column("Points"), Column("95% interval"), Column("n")),
        tuple(
            (label, _of_gain(cell.summaries[metric], table.decimals))
            for label, (cell, _) in zip(labels, found, strict=True)
        ),
        ("At the last epoch, seed by seed on the same labels; mean difference, and its interval by Student's t.",),
        metric,
    )


def _of_gain(gain: Summary, decimals: int) -> tuple[Text, ...]:
    ends = [signed(end, decimals) for end in (gain.low, gain.high) if end is not None] if isinstance(gain, Gain) else []
    return Text((signed(gain.mean, decimals),)), Text((" to ".join(ends) or "—",)), Text((str(gain.n),))


def _found(table: Table, metric: str) -> list[tuple[TableCell, Column]]:
    return [
        (cell, column)
        for row in table.rows
        for cell, column in zip(row.cells, table.columns, strict=True)
        if metric in cell.summaries
    ]


def _distinguished(found: Sequence[tuple[TableCell, Column]]) -> tuple[str, tuple[str, ...], list[tuple[str, ...]]]:
    """The noise if it is one (to end a title with), what the label columns are, and each cell's labels in them."""
    noises = dict.fromkeys((cell.noise, cell.rate) for cell, _ in found)
    one_noise = noise_label(next(iter(noises))) if len(noises) == 1 else ""
    # Columns that differ in more than the noise tell cells of one method apart.
    several = len({(cell.label, cell.noise, cell.rate) for cell, _ in found}) < len(found)
    corner = ("Method", *(() if one_noise else ("Noise",)), *(("Column",) if several else ()))
    labels = [
        (
            cell.label + ORACLE * cell.oracle,
            *(() if one_noise else (noise_label((cell.noise, cell.rate)),)),
            *((f"{column.group} {column.label}".strip(),) if several else ()),
        )
        for cell, column in found
    ]
    return f", {one_noise}" if one_noise else "", corner, labels


def _of_epoch(cell: TableCell, metric: str, decimals: int) -> Text:
    summary = cell.summaries.get(metric)
    if summary is None:
        return Text(("—",))
    fewer = () if summary.n == cell.summaries["last"].n else (f"n={summary.n}",)
    return Text((spread(summary, decimals), *fewer))


def spread(summary: Summary, decimals: int) -> str:
    """Mean ± standard deviation; a dash where one value has none."""
    return f"{number(summary.mean, decimals)} ± {'—' if summary.sd is None else number(summary.sd, decimals)}"


def number(value: float, decimals: int) -> str:
    """A number with a true minus sign, and none before zero."""
    return f"{value:z.{decimals}f}".replace("-", "−")


def signed(value: float, decimals: int) -> str:
    """A difference, with its sign."""
    return f"{value:+z.{decimals}f}".replace("-", "−")
