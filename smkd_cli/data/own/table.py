"""A table of images: a row for each, with its path, its label and perhaps more. No image is opened, nor looked for."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smkd_cli.artifacts.class_labels import class_numbers
from smkd_cli.artifacts.csv_rows import Place
from smkd_cli.artifacts.text_lines import name_of
from smkd_cli.data.own.listing import SPLIT_NAMES, Listing, check_class_name
from smkd_cli.data.own.options import Columns
from smkd_cli.data.own.table_rows import Roles, TableRows, read_rows
from smkd_cli.errors import DataError
from smkd_cli.words import listed, quoted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# What people call the columns, whatever their case.
NAMES = {
    "image": ("image", "path", "file", "filename", "file_name", "filepath", "image_path", "img"),
    "label": ("label", "class", "class_name", "target", "category", "noisy_label"),
    "split": ("split", "subset", "partition"),
    "clean_label": ("clean_label",),
    "group": ("group",),
}
# Paths that are not as they should be, or may be written otherwise.
_ODD = ("//", "/.", "/\n", "\n.", "\n/", "\n\n", "\n ", "\n\t", "\0", "\r")
_NEEDED = ("image", "label")


def list_table(table: Path, columns: Columns, root: Path) -> Listing:
    """The images of a table, sorted by path.

    Numbers as labels are names of classes too, in the order of the numbers: the labels 1 and 3 are two classes.

    Args:
        columns: which hold what.
        root: the folder that the paths are in; a path that leads out of it is refused.

    Raises:
        DataError: the table cannot be read, lacks a column, a row is not valid, or a file has two labels.
    """
    import numpy as np

    rows = read_rows(table, _chooser(columns, name_of(table)))
    paths = _paths(rows, root)
    given = ["label", *(["clean_label"] if _has_values(rows, "clean_label") else [])]
    numbers, names = class_numbers([rows.few[role] for role in given], rows.place)
    for each in numbers:
        if names is None and each.min() < 0:
            row = int((each < 0).argmax())
            raise DataError(f"{rows.place(row)}: the label {each[row]} is no class; leave out images without a label")
    if names is None:
        known = np.unique(np.concatenate(numbers))
        numbers, names = [np.searchsorted(known, each) for each in numbers], [str(number) for number in known]
    for name in names:
        check_class_name(name, name_of(table))
    splits = _splits(rows) if _has_values(rows, "split") else None
    groups = rows.many.get("group")
    order = _in_order(paths, numbers, splits, rows.place)
    repeated = len(paths) - len(order)
    remarks = [f"{repeated:,} rows are there twice, with the same label, and count once"] if repeated else []
    return Listing(
        paths[order],
        numbers[0][order].astype(np.int64),
        tuple(names),
        None if splits is None else splits[order],
        numbers[1][order].astype(np.int64) if len(numbers) > 1 else None,
        None if groups is None else groups[order],
        remarks,
    )


def _chooser(columns: Columns, table: str) -> Callable[[Sequence[str]], Roles]:
    def choose(names: Sequence[str]) -> Roles:
        roles = {}
        for role, usual in NAMES.items():
            named = getattr(columns, role)
            found = [name for name in names if (name == named if named else name.strip().casefold() in usual)]
            if len(found) > 1:
                raise DataError(
                    f"{table}: the column of the {role} may be {' or '.join(map(quoted, found))}: name it as columns:"
                    f" {{{role}: …}}"
                    if named is None
                    else f"{table}: has two columns {quoted(named)}"
                )
            if found:
                roles[role] = found[0]
            elif named or role in _NEEDED:
                looked = quoted(named) if named else f"of the {role}, as {' or '.join(usual)}"
                raise DataError(
                    f"{table}: has no column {looked}; its columns are {listed([quoted(name) for name in names])}. Name"
                    f" it as columns: {{{role}: …}}"
                )
        return roles

    return choose


def _has_values(rows: TableRows, role: str) -> bool:
    return role in rows.few and rows.few[role].values != [""]


def _paths(rows: TableRows, root: Path) -> NDArray[Any]:
    """Where the images are in the root, with ``/`` between the parts: object (n,)."""
    paths = rows.many["image"]
    together = "\n".join(paths.tolist())
    lines = f"\n{together}\n"
    if lines.count("\n") == len(paths) + 1 and not any(odd in lines for odd in _ODD) and _is_text(together):
        return paths  # as most are, and there may be millions
    base = str(root.absolute())
    paths = paths.copy()
    for row, path in enumerate(paths.tolist()):
        inside = path
        if path.startswith("/"):
            inside = os.path.relpath(path, base)
        inside = posixpath.normpath(inside) if inside.strip() else ""
        if problem := _problem(inside):
            raise DataError(f"{rows.place(row)}: the path {quoted(path)} {problem}")
        paths[row] = inside
    return paths


def _problem(path: str) -> str | None:
    if not path.strip() or path == ".":
        return "names no file"
    if path.startswith(("../", "/")) or path == "..":
        return "leads out of the folder of the images; name the folder that holds all of them as root"
    if "\0" in path or "\n" in path or "\r" in path:
        return "holds a line break; rename the file"
    return None if _is_text(path) else "is not valid UTF-8; rename the file"


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _splits(rows: TableRows) -> NDArray[Any]:
    import numpy as np

    column = rows.few["split"]
    known = [SPLIT_NAMES.get(value.strip().casefold()) for value in column.values]
    if None in known:
        wrong = [code for code, split in enumerate(known) if split is None]
        row = column.first_row(*wrong)
        value = column.values[column.codes[row]]
        raise DataError(f"{rows.place(row)}: the split {quoted(value)} is none of train, validation and test")
    names = np.empty(len(known), object)
    names[:] = known
    splits: NDArray[Any] = names[column.codes]
    return splits


def _in_order(
    paths: NDArray[Any], numbers: Sequence[NDArray[np.int64]], splits: NDArray[Any] | None, place: Place
) -> NDArray[np.int64]:
    """The rows by path, the first one of each file; a file with two labels, or in two splits, is refused."""
    import numpy as np

    order = np.argsort(paths, kind="stable")
    ordered = paths[order]
    again = np.flatnonzero(ordered[1:] == ordered[:-1]) + 1
    for position in again.tolist():
        earlier, row = sorted(order[position - 1 : position + 1].tolist())
        labels = any(each[earlier] != each[row] for each in numbers)
        if labels or (splits is not None and splits[earlier] != splits[row]):
            what = "another label" if labels else "another split"
            raise DataError(
                f"{place(row)}: the file {quoted(paths[row])} has {what} than in"
                f" {place(earlier).rpartition(': ')[2]}: keep one of the rows"
            )
    kept: NDArray[np.int64] = np.delete(order, again)
    return kept
