"""LaTeX with booktabs, ready for \\input."""

from __future__ import annotations

import re
from itertools import groupby

from smkd_cli.report.formats.contract import Format
from smkd_cli.report.tables import Column, Report
from smkd_cli.report.view import Grid, Text, grids
from smkd_cli.words import printable

_ESCAPES = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    '"': r"\textquotedbl{}",
    "±": r"$\pm$",
    "−": "$-$",
    "η": r"$\eta$",
    "₂": "$_2$",
    "†": r"$\dagger$",
    "—": "---",
}
_ESCAPED = str.maketrans(_ESCAPES)


def render(report: Report) -> str:
    """The report as LaTeX: a table environment for each table, its notes below the rows."""
    head = "% needs \\usepackage{booktabs}"
    tables = [
        _environment(grid, "tab:" + _slug(f"{table.name} {grid.part}"))
        for table in report.tables
        for grid in grids(table)
    ]
    notes = [f"\\noindent {escape(' '.join(report.notes))}"] if report.notes else []
    return "\n\n".join([head, *tables, *notes]) + "\n"


def escape(text: str) -> str:
    """Text that LaTeX prints as it is."""
    words = " ".join(printable(text).split())
    # After a line's \\\\, a bracket or a star would be read as an argument of it.
    first = f"{{{words[0]}}}" if words[:1] in ("[", "*") else words[:1].translate(_ESCAPED)
    return first + words[1:].translate(_ESCAPED)


def _environment(grid: Grid, label: str) -> str:
    labels = len(grid.corner)
    lines = [
        r"\begin{table}",
        r"\centering",
        f"\\caption{{{escape(grid.title)}}}",
        f"\\label{{{label}}}",
        f"\\begin{{tabular}}{{{'l' * labels}{'r' * len(grid.columns)}}}",
        r"\toprule",
        *_group_headings(grid.columns, labels),
        _line([*map(escape, grid.corner), *(escape(column.label) for column in grid.columns)]),
        r"\midrule",
        *(_line([*map(escape, names), *map(_cell, cells)]) for names, cells in grid.rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    if grid.notes:
        lines.append(f"\\par\\smallskip\\parbox{{\\linewidth}}{{\\footnotesize {escape(' '.join(grid.notes))}}}")
    return "\n".join([*lines, r"\end{table}"])


def _group_headings(columns: tuple[Column, ...], labels: int) -> list[str]:
    if not any(column.group for column in columns):
        return []
    heads, rules, at = [""] * labels, [], labels + 1
    for group, members in groupby(columns, key=lambda column: column.group):
        width = len(list(members))
        heads.append(f"\\multicolumn{{{width}}}{{c}}{{{escape(group)}}}" if group else " & " * (width - 1))
        if group:
            rules.append(f"\\cmidrule(lr){{{at}-{at + width - 1}}}")
        at += width
    return [_line(heads), "".join(rules)]


def _cell(text: Text) -> str:
    first, *rest = map(escape, text.ours)
    ours = " ".join([f"\\textbf{{{first}}}" if text.bold else first, *rest])
    if not text.paper:
        return ours
    return rf"\shortstack[r]{{{ours} \\ {' '.join(map(escape, text.paper))}}}"


def _line(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.strip().lower())


FORMAT = Format(name="latex", extension=".tex", render=render)
