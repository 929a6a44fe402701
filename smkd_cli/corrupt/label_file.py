"""A CSV file of labels as people have them: which line is its header, what separates its fields, what it holds."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from smkd_cli.artifacts.csv_columns import Texts, fields_of, read_columns
from smkd_cli.artifacts.csv_rows import Place, Rows
from smkd_cli.artifacts.manifest_checks import check_images
from smkd_cli.artifacts.text_lines import Lines
from smkd_cli.errors import DataError, UsageError
from smkd_cli.suggestions import closest
from smkd_cli.words import listed, plain, quoted, seen

LABEL, NOISY, IMAGE, CLEAN, INDEX = "label", "noisy_label", "image", "clean_label", "index"
# Of two words, which people write in other ways too, as ``Clean Label``.
_OF_TWO_WORDS = (CLEAN, NOISY)
_BETWEEN_WORDS = re.compile(r"[ _-]+")
_SEPARATORS = (",", ";", "\t", "|")
_OF_BLANK_LINES = " \t,;|"
_OF_EXCEL = re.compile(r'"?sep=(.)"?', re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class LabelFile:
    """What a file of labels holds, as text.

    Attributes:
        columns: the names in its header.
        label: the requested column.
        clean: the column ``clean_label`` beside it, if there is one.
        image: str (n,), the column ``image``; None if there is none, or nothing in it.
        sorted: whether the column ``index`` is ascending, where there is one and no column ``image``.
        place: names a row in messages.
    """

    columns: Sequence[str]
    label: Texts
    clean: Texts | None
    image: NDArray[Any] | None
    sorted: bool
    place: Place


def read_label_file(stream: BinaryIO, name: str, wanted: Sequence[str], separator: str | None) -> LabelFile:
    """Read the columns of a CSV file that matter to labels.

    ``clean_label`` and ``noisy_label`` may be written with a space or hyphen, and in any case.

    Above the header there may be blank lines, comments that begin with ``#``, and the line ``sep=;`` of Excel. Blank
    lines among the rows are passed over, but for one before the end of a file of one column: that may be a lost label.

    Args:
        stream: the file's bytes, seekable.
        name: names the file in messages.
        wanted: what the column of labels may be called; of several that are there, the first is meant.
        separator: what stands between fields; None for that of comma, semicolon, tab and ``|`` by which the header has
            the column.

    Raises:
        UsageError: the file has no such column.
        DataError: it is no CSV file, has no rows, a row does not fit the header, or an image is named twice or not at
            all; the message names the row.
    """
    lines = Lines(stream, name)
    columns, separator = _header(lines, wanted, separator)
    column = next(each for each in wanted if each in columns)
    others = [other for other in (IMAGE, CLEAN) if other in columns and other != column]
    for used in (column, *others):
        if columns.count(used) > 1:
            raise DataError(f"{name}: names a column twice in its first line: {quoted(used)}")
    # Where only one column has a name, a row of separators may be a lost label.
    rows = Rows(lines, len(columns), separator, exact=False, blank=sum(map(bool, columns)) > 1)
    labels = [column, *(CLEAN for other in others if other == CLEAN)]
    texts = [IMAGE] if IMAGE in others else [INDEX] if columns.count(INDEX) == 1 and column != INDEX else []
    found, arrays = read_columns(rows, name, columns, separator=separator, labels=labels, texts=texts)
    _refuse_second_header(found, arrays, rows.place)
    if len(columns) == 1 and (gap := rows.place_of_gap()):
        raise DataError(
            f"{gap}: {plain(column)} is empty: in a file of one column a blank line may be a lost label; remove"
            " the line, or write the label"
        )
    image = arrays.get(IMAGE)
    if image is not None and not any(image):
        image = None
    if image is not None:
        check_images(image, rows.place)
    rises = INDEX not in arrays or _rises(arrays[INDEX])
    return LabelFile(columns, found[column], found[CLEAN] if CLEAN in others else None, image, rises, rows.place)


def _refuse_second_header(found: Mapping[str, Texts], arrays: Mapping[str, NDArray[Any]], place: Place) -> None:
    """Raise a DataError where a row is the header once more, as in files that were put together."""
    if len(found) + len(arrays) < 2 and not found.keys() & {LABEL, NOISY}:
        return  # a class may be called as its column is
    there = None
    for name, texts in found.items():
        same = np.isin(texts.codes, [code for code, value in enumerate(texts.values) if value.strip() == name])
        there = same if there is None else there & same
    for name, array in arrays.items() if there is not None and there.any() else ():
        there &= array == name
    if there is not None and there.any():
        raise DataError(f"{place(int(there.argmax()))}: is the header once more; remove the line")


def _rises(index: NDArray[Any]) -> bool:
    """Whether a column of integers is sorted; true for a column of anything else."""
    try:
        numbers = index.astype(np.int64)
    except (ValueError, OverflowError):
        return True
    return bool((numbers[1:] >= numbers[:-1]).all())


def _header(lines: Lines, wanted: Sequence[str], separator: str | None) -> tuple[list[str], str]:
    """The names of the columns, and what separates them."""
    names: list[str] = []
    while (line := lines.next_line()) is not None:
        if not line.strip(_OF_BLANK_LINES):
            continue
        if not names and (excel := _OF_EXCEL.fullmatch(line.strip())):
            separator = separator or excel[1]
            continue
        names, found = _split(line, lines.name, wanted, separator)
        if not set(wanted).isdisjoint(names):
            return names, found
        if not line.lstrip(' "').startswith("#"):
            break
    if not names:
        raise DataError(f"{lines.name}: is empty; it needs a line that names its columns, and rows of labels")
    raise UsageError(
        f"{lines.name}: has no column {' or '.join(map(quoted, wanted))}: {_hint(wanted, names)}Its first line names"
        f" {listed(names)}; that line must name the columns. Choose with --column or --separator"
    )


def _split(line: str, name: str, wanted: Sequence[str], separator: str | None) -> tuple[list[str], str]:
    """The header's fields by the separator that finds the column, or else by that which finds most fields."""
    best: tuple[list[str], str] = [], separator or ","
    wrong: DataError | None = None
    for candidate in (separator,) if separator else _SEPARATORS:
        try:
            fields = _as_ours([field.strip() for field in fields_of(line, name, candidate)], wanted)
        except DataError as error:  # perhaps its quotes make sense with another separator
            wrong = wrong or error
            continue
        if not set(wanted).isdisjoint(fields):
            return fields, candidate
        if len(fields) > len(best[0]):
            best = fields, candidate
    if wrong and len(best[0]) < 2:
        raise wrong
    return best


def _as_ours(names: list[str], wanted: Sequence[str]) -> list[str]:
    """Names of columns: ours as we write them, whatever their case, spaces and hyphens; but not what is ``wanted``."""
    missing = [name for name in _OF_TWO_WORDS if name not in names]

    def ours(name: str) -> str:
        plainer = _BETWEEN_WORDS.sub("_", name.casefold())
        return plainer if plainer in missing and name not in wanted else name

    return list(map(ours, names))


def _hint(wanted: Sequence[str], names: Sequence[str]) -> str:
    """The name that is nearest, first of all one that looks the same."""
    if NOISY in names and LABEL in wanted:
        return f"--kind given without --column takes those of {NOISY} as they are. "
    alike = [name for name in names if seen(name) in map(seen, wanted)]
    close = alike[0] if alike else closest(wanted[0], names)
    return f"did you mean {_unambiguous(close)}? " if close else ""


def _unambiguous(name: str) -> str:
    """The name, in quotes where it may be confused with another that looks the same."""
    return name if name.isprintable() and unicodedata.is_normalized("NFC", name) else quoted(name)
